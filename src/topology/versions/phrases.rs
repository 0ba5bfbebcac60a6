//! The sentences about a pair of servers, for all callers. Pure.

use super::{Data, FullCopy, Why, full_copy};
use crate::topology::{Node, NodeName, Product};

/// The sentence about a node that follows another, or is to follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopySentence {
    /// A full copy never arrives. The whole sentence.
    Never(String),
    /// It depends on the data, or is unknown. The whole sentence.
    Perhaps(String),
}

/// A replica, and the node that it is to follow, with their programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The result of a full copy.
    pub copy: FullCopy,
    /// What the replica runs, as `Redis 7.0.15`.
    pub program: String,
    /// Its upstream.
    pub above: NodeName,
    /// The upstream's program.
    pub its_program: String,
}

impl Pair {
    /// The sentence about the pair, with the name of the replica.
    pub fn said(&self, below: &str) -> Option<CopySentence> {
        let below = format!("`{below}` ({})", self.program);
        let above = format!("`{}` ({})", self.above, self.its_program);
        sentence(&self.copy, &below, &above)
    }
}

/// Two nodes with their programs; nothing if one of them does not answer.
pub fn pair(below: &Node, above: &Node) -> Option<Pair> {
    let (mine, theirs) = (below.server()?, above.server()?);
    Some(Pair {
        copy: full_copy(theirs, mine),
        program: program(mine.product, mine.version),
        above: above.name.clone(),
        its_program: program(theirs.product, theirs.version),
    })
}

/// The sentence about `below` under `above`; nothing if every full copy arrives, or if one of them
/// does not answer.
pub fn said(below: &Node, above: &Node) -> Option<CopySentence> {
    pair(below, above)?.said(&below.name.0)
}

/// Redis 7.0.15
pub fn program(product: Product, version: crate::topology::Version) -> String {
    let product = match product {
        Product::Redis => "Redis",
        Product::Valkey => "Valkey",
    };
    format!("{product} {version}")
}

/// The sentence about two that are called so.
fn sentence(copy: &FullCopy, below: &str, above: &str) -> Option<CopySentence> {
    Some(match copy {
        FullCopy::Taken => return None,
        FullCopy::Refused(Why::Format) => {
            CopySentence::Never(format!("{below} cannot load a full copy from {above}"))
        }
        FullCopy::Refused(Why::FieldTtl(keys)) => CopySentence::Never(format!(
            "{above} cannot make a full copy for {below}: {}",
            if *keys == 1 {
                "1 key has hash fields with a time to live of their own".to_owned()
            } else {
                format!("{keys} keys have hash fields with a time to live of their own")
            }
        )),
        FullCopy::Unless(data) => CopySentence::Perhaps(format!(
            "{below} can load a full copy from {above} only as long as the data has no {}",
            kinds(data)
        )),
        FullCopy::NotKnown => CopySentence::Perhaps(format!(
            "it is not known whether {below} can load a full copy from {above}: nobody has measured it"
        )),
    })
}

fn kinds(data: &[Data]) -> String {
    let words: Vec<&str> = data
        .iter()
        .map(|kind| match kind {
            Data::FieldTtl => "hash field with a time to live of its own",
            Data::Function => "function library",
            Data::Vector => "vector set",
            Data::Newer => "kind of data that is newer than the replica",
        })
        .collect();
    words.join(" and no ")
}
