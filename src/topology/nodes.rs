//! The nodes of a topology, with an index of their names, addresses and links. The index is made at
//! the first look-up, and dropped when a node may have changed. So the question "which node has
//! this address" costs one look-up, not a look at all nodes. Pure.

use super::Node;
use super::index::Index;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Deref, DerefMut, Index as At, IndexMut};
use std::slice::SliceIndex;
use std::sync::OnceLock;

/// Nodes in inventory order.
#[derive(Default)]
pub struct Nodes {
    list: Vec<Node>,
    index: OnceLock<Index>,
}

impl Nodes {
    /// What is known of all of them: made once, and again after a change.
    pub(super) fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.list))
    }

    /// The place of a node that is borrowed from this list; `None` for any other node, even an
    /// equal one.
    pub(super) fn place(&self, node: &Node) -> Option<usize> {
        self.list.element_offset(node)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The node at that place.
    pub fn get(&self, place: usize) -> Option<&Node> {
        self.list.get(place)
    }

    /// The first of them.
    pub fn first(&self) -> Option<&Node> {
        self.list.first()
    }
}

/// A new list has nothing to drop.
impl From<Vec<Node>> for Nodes {
    fn from(list: Vec<Node>) -> Self {
        Self {
            list,
            index: OnceLock::new(),
        }
    }
}

impl FromIterator<Node> for Nodes {
    fn from_iter<I: IntoIterator<Item = Node>>(nodes: I) -> Self {
        Vec::from_iter(nodes).into()
    }
}

impl Extend<Node> for Nodes {
    fn extend<I: IntoIterator<Item = Node>>(&mut self, nodes: I) {
        self.index.take();
        self.list.extend(nodes);
    }
}

impl Deref for Nodes {
    type Target = Vec<Node>;

    /// Reading all of them: tests of the growth count it as so many looks.
    fn deref(&self) -> &Vec<Node> {
        #[cfg(test)]
        super::growth::count(self.list.len());
        &self.list
    }
}

impl DerefMut for Nodes {
    fn deref_mut(&mut self) -> &mut Vec<Node> {
        self.index.take();
        &mut self.list
    }
}

impl<I: SliceIndex<[Node]>> At<I> for Nodes {
    type Output = I::Output;

    fn index(&self, at: I) -> &I::Output {
        &self.list[at]
    }
}

impl<I: SliceIndex<[Node]>> IndexMut<I> for Nodes {
    fn index_mut(&mut self, at: I) -> &mut I::Output {
        self.index.take();
        &mut self.list[at]
    }
}

impl<'a> IntoIterator for &'a Nodes {
    type Item = &'a Node;
    type IntoIter = std::slice::Iter<'a, Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Nodes {
    type Item = &'a mut Node;
    type IntoIter = std::slice::IterMut<'a, Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl IntoIterator for Nodes {
    type Item = Node;
    type IntoIter = std::vec::IntoIter<Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl Clone for Nodes {
    /// A copy is made to be changed, so it gets no index.
    fn clone(&self) -> Self {
        self.list.clone().into()
    }
}

impl PartialEq for Nodes {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Nodes {}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl Serialize for Nodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
