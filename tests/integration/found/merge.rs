//! `init --from … --merge`: missing nodes are added to the existing inventory.

use super::{Finder, at};
use crate::support::Trio;
use crate::support::server::Family;

#[test]
fn only_what_is_missing_is_added_and_every_other_byte_stays() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let finder = Finder::new();
    let port = |i: usize| trio.servers[i].port;
    // One node of three, with what people write into such files; Windows ends its lines so.
    let before = format!(
        "# ours\r\n[deployment]\r\nname = \"orders\"   # since 2019\r\nauth='none'\r\n\r\n[[node]]\r\n\
         name = \"second\"\r\naddress = \"127.0.0.1:{}\"\r\n# the last line",
        port(1)
    );
    std::fs::write(finder.file(), &before).unwrap();
    let start = at(port(2));
    let ran = finder.run(&start, &["--merge"]).ok();
    ran.says("added 2 nodes to inventory.toml").says("there");
    let text = finder.text();
    assert!(text.starts_with(before.as_str()), "{text}");
    assert_eq!(text.matches("[[node]]").count(), 3);
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    let table: toml::Table = text.parse().unwrap();
    let ups: Vec<_> = table["node"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node.get("replicaof").and_then(toml::Value::as_str))
        .collect();
    let primary = format!("localhost-{}", port(0));
    assert_eq!(ups, [None, Some("second"), Some(primary.as_str())]);
    finder
        .operator
        .run(&["status", "--no-ssh"])
        .ok()
        .says(", 2 replicas in sync");

    let again = finder.run(&start, &["--merge"]).ok();
    again.says("nothing is missing in inventory.toml");
    assert_eq!(finder.text(), text);
    // The names stay, and what is said elsewhere cannot be said here.
    finder
        .run(&start, &["--merge", "--name", "other"])
        .code(2)
        .says("cannot be used with");
    finder
        .run(&start, &["--merge", "--output", "other.toml"])
        .code(2)
        .says("cannot read the inventory `other.toml`");
}
