//! The upstream of each server, the first primary, and the order of the servers. Pure.

use super::View;
use crate::operations::init::plan::walk::{Bond, Fate};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The servers as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// All that are written, comments too: the first, then each under its upstream.
    pub order: Vec<usize>,
    /// The upstream of each.
    pub parents: BTreeMap<usize, usize>,
    /// The place without a `replicaof`; `None`: the existing inventory has one.
    pub root: Option<usize>,
    /// The places whose table is a comment.
    pub comments: BTreeSet<usize>,
}

impl Tree {
    /// Whether the chain above a place ends at the root.
    pub fn is_rooted(&self, place: usize) -> bool {
        let mut at = place;
        for _ in 0..=self.parents.len() {
            if self.root == Some(at) {
                return true;
            }
            match self.parents.get(&at) {
                Some(up) => at = *up,
                None => return false,
            }
        }
        false
    }

    /// Whether the chain above a place leads back to it.
    pub fn circles(&self, place: usize) -> bool {
        let mut at = place;
        for _ in 0..self.parents.len() {
            match self.parents.get(&at) {
                Some(up) if *up == place => return true,
                Some(up) => at = *up,
                None => return false,
            }
        }
        false
    }

    fn followers(&self, place: usize) -> usize {
        self.parents.values().filter(|up| **up == place).count()
    }
}

/// The tree of the chosen places. `aliases`: places that are another address of one of them.
pub(super) fn of(view: &View<'_>, chosen: &[usize], aliases: &BTreeMap<usize, usize>) -> Tree {
    let mut tree = Tree {
        parents: parents(view, chosen, aliases),
        ..Tree::default()
    };
    let followed: BTreeSet<usize> = tree.parents.values().copied().collect();
    let places = &view.facts.walk.places;
    let is_comment = |place: &usize| {
        let own = &places[*place];
        let only_listed = match own.fate {
            Fate::Open | Fate::Seen | Fate::Same(_) => false,
            Fate::NotAsked => true,
            Fate::Silent(_) => own.bond == Bond::Sentinel || view.doubtful.contains(place),
        };
        only_listed && !own.is_given() && !followed.contains(place)
    };
    tree.comments = chosen.iter().copied().filter(is_comment).collect();
    if view.facts.root.is_none() {
        tree.root = root(view, chosen, &tree);
    }
    tree.order = order(&sorted(view, chosen), &tree);
    tree
}

/// Sorted by address, so that it does not matter which place was named first.
fn sorted(view: &View<'_>, chosen: &[usize]) -> Vec<usize> {
    let mut sorted = chosen.to_vec();
    sorted.sort_by_cached_key(|place| {
        let own = &view.facts.walk.places[*place];
        let address = &own.way().address;
        let ip = address.host.parse::<IpAddr>();
        let name = address.host.clone();
        (ip.is_err(), ip.ok(), name, address.port, *place)
    });
    sorted
}

fn parents(
    view: &View<'_>,
    chosen: &[usize],
    aliases: &BTreeMap<usize, usize>,
) -> BTreeMap<usize, usize> {
    let walk = view.facts.walk;
    let parent = |place: usize| {
        let up = match view.seen(place) {
            Some(node) => walk.place_of(node, &node.upstream()?.address, view.facts.topology)?,
            None if walk.places[place].bond == Bond::Replica => view.namer(place)?,
            None => return None,
        };
        let up = aliases.get(&up).copied().unwrap_or(up);
        (up != place && chosen.contains(&up)).then_some((place, up))
    };
    chosen.iter().filter_map(|place| parent(*place)).collect()
}

/// The first node: a primary that the Sentinels name, else the primary with most replicas. If there
/// is no primary: the place that most others follow.
fn root(view: &View<'_>, chosen: &[usize], tree: &Tree) -> Option<usize> {
    let told = view
        .facts
        .watch
        .and_then(|watch| watch.up().find_map(|(_, sees)| sees.primary.as_ref()));
    let told = told.and_then(|at| view.facts.topology.at(at));
    let worth = |place: &usize| {
        let node = view.node(*place);
        let is_told = node
            .zip(told)
            .is_some_and(|(own, told)| own.name == told.name);
        let primary = view
            .seen(*place)
            .is_some_and(crate::topology::Node::is_primary);
        let top = !tree.parents.contains_key(place);
        (
            primary,
            top,
            is_told,
            tree.followers(*place),
            std::cmp::Reverse(*place),
        )
    };
    let all = chosen.iter().copied();
    all.filter(|place| !tree.comments.contains(place))
        .max_by_key(worth)
}

fn order(chosen: &[usize], tree: &Tree) -> Vec<usize> {
    let mut out: Vec<usize> = Vec::new();
    let tops = chosen.iter().filter(|p| !tree.parents.contains_key(p));
    let (shown, hidden): (Vec<usize>, Vec<usize>) = chosen
        .iter()
        .copied()
        .partition(|p| !tree.comments.contains(p));
    let starts = tree.root.into_iter().chain(tops.copied()).chain(shown);
    let starts: Vec<usize> = starts.filter(|p| !tree.comments.contains(p)).collect();
    for start in starts {
        let mut left = vec![start];
        while let Some(place) = left.pop() {
            if out.contains(&place) || tree.comments.contains(&place) {
                continue;
            }
            out.push(place);
            let under = chosen.iter().rev();
            left.extend(under.filter(|p| tree.parents.get(p) == Some(&place)));
        }
    }
    out.extend(hidden);
    out
}
