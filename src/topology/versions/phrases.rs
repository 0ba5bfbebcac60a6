//! What is said of a pair of servers, wherever it is said. Pure.

use super::{Data, FullCopy, Why, full_copy};
use crate::topology::phrases::name;
use crate::topology::{Node, Product, Server};

/// What is to be said of one node that is to follow another, or follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A full copy never arrives. The whole sentence.
    Never(String),
    /// It depends on the data, or nobody knows. The whole sentence.
    Perhaps(String),
}

/// What is to be said of `below` under `above`; nothing where every full copy arrives, or one of
/// them does not answer.
pub fn said(below: &Node, above: &Node) -> Option<Said> {
    let (mine, theirs) = (below.server()?, above.server()?);
    let pair = (with_version(below, mine), with_version(above, theirs));
    sentence(&full_copy(theirs, mine), &pair.0, &pair.1)
}

/// `slave1` (Redis 7.0.15)
fn with_version(node: &Node, server: &Server) -> String {
    format!(
        "{} ({})",
        name(&node.name),
        program(server.product, server.version)
    )
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
pub fn sentence(copy: &FullCopy, below: &str, above: &str) -> Option<Said> {
    Some(match copy {
        FullCopy::Taken => return None,
        FullCopy::Refused(Why::Format) => {
            Said::Never(format!("{below} cannot load a full copy from {above}"))
        }
        FullCopy::Refused(Why::FieldTtl(keys)) => Said::Never(format!(
            "{above} cannot make a full copy for {below}: {}",
            if *keys == 1 {
                "1 key has hash fields with a time to live of their own".to_owned()
            } else {
                format!("{keys} keys have hash fields with a time to live of their own")
            }
        )),
        FullCopy::Unless(data) => Said::Perhaps(format!(
            "{below} can load a full copy from {above} only as long as the data has no {}",
            kinds(data)
        )),
        FullCopy::NotKnown => Said::Perhaps(format!(
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
