//! What servers are called.

use crate::inventory::node::is_node_name;
use crate::operations::init::plan::names::names;
use crate::topology::Address;

fn called(nodes: &[(&str, &str, u16)], taken: &[&str]) -> Vec<String> {
    let nodes: Vec<(Option<String>, Address)> = nodes
        .iter()
        .map(|(name, host, port)| {
            let name = (!name.is_empty()).then(|| (*name).to_owned());
            (name, Address::new(*host, *port))
        })
        .collect();
    let taken: Vec<String> = taken.iter().map(|name| (*name).to_owned()).collect();
    let names = names(&nodes, &taken);
    for (at, name) in names.iter().enumerate() {
        assert!(is_node_name(name), "{name}");
        assert!(
            !names[..at].contains(name) && !taken.contains(name),
            "{name}"
        );
    }
    names
}

#[test]
fn a_host_gives_its_name_without_the_domain() {
    assert_eq!(
        called(
            &[
                ("db1.example.org", "10.0.0.1", 6379),
                ("", "db2.example.org", 6379)
            ],
            &[]
        ),
        ["db1", "db2"]
    );
    assert_eq!(
        called(
            &[("localhost", "10.0.0.1", 6379), ("-x", "10.0.0.2", 6379)],
            &[]
        ),
        ["10.0.0.1", "10.0.0.2"]
    );
    assert_eq!(
        called(
            &[("", "2001:db8::7", 1), ("", "::1", 6379), ("", "_a", 6379)],
            &[]
        ),
        ["2001-db8--7", "localhost", "node"]
    );
}

#[test]
fn ports_and_addresses_keep_names_apart() {
    assert_eq!(
        called(&[("db", "10.0.0.1", 6379), ("db", "10.0.0.1", 6380)], &[]),
        ["db-6379", "db-6380"]
    );
    // Two machines that were copied from one.
    assert_eq!(
        called(
            &[("debian", "10.0.0.1", 6379), ("debian", "10.0.0.2", 6379)],
            &[]
        ),
        ["10.0.0.1-6379", "10.0.0.2-6379"]
    );
    assert_eq!(
        called(&[("", "db.a.example", 1), ("", "db.b.example", 1)], &[]),
        ["db-1", "db-1-2"]
    );
    assert_eq!(called(&[("db", "10.0.0.1", 6379)], &["db"]), ["db-6379"]);
    assert_eq!(
        called(&[("db", "10.0.0.1", 6379)], &["db", "db-6379"]),
        ["db-6379-2"]
    );
    let long = "a".repeat(63);
    called(&[(&long, "10.0.0.1", 6379), (&long, "10.0.0.1", 6380)], &[]);
}
