#![allow(clippy::unwrap_used)]

use super::*;
use crate::inventory::tests::good;
use std::path::Path;

const HEAD: &str = "[deployment]\nname = \"x\"\n";

fn three(tls: &str, of_b: &str, sentinel: &str) -> Inventory {
    good(&format!(
        "{HEAD}{tls}\n[[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\n\
         [[node]]\nname = \"b\"\naddress = \"127.0.0.2\"\nreplicaof = \"a\"\n{of_b}\n\
         [sentinel]\nnodes = [\"a\", \"b\", \"127.0.0.9\"]\n{sentinel}"
    ))
}

#[test]
fn a_node_says_what_is_otherwise_there_and_nothing_else() {
    let inventory = three(
        "[tls]\nca = \"ca.crt\"\ncert = \"me.crt\"\nkey = \"me.key\"",
        "tls = { server_name = \"b.example.org\", verify = \"ca\" }",
        "",
    );
    let (a, b) = (&inventory.nodes[0].tls, &inventory.nodes[1].tls);
    let a = a.as_ref().unwrap();
    assert_eq!(a.ca, [Path::new("ca.crt")]);
    assert_eq!(a.own.as_ref().unwrap().key, Path::new("me.key"));
    assert_eq!((a.verify, a.server_name.as_deref()), (Verify::Full, None));
    let b = b.as_ref().unwrap();
    assert_eq!((&b.ca, &b.own), (&a.ca, &a.own));
    assert_eq!(b.verify, Verify::Ca);
    assert_eq!(b.server_name.as_deref(), Some("b.example.org"));
    // A Sentinel gets the TLS settings of the node whose host it is on.
    let of: Vec<Option<&Tls>> = inventory
        .sentinels()
        .iter()
        .map(|s| s.tls.as_ref())
        .collect();
    assert_eq!(of, [Some(a), Some(b), Some(a)]);
    assert_eq!(inventory.tls_of_sentinels(), Some(a));
    assert!(inventory.warnings().is_empty());
}

#[test]
fn tls_is_where_it_is_said_to_be() {
    let none = three("", "", "");
    assert_eq!((&none.tls, &none.nodes[0].tls), (&None, &None));
    let all_but_b = three("[tls]", "tls = false", "");
    assert_eq!(all_but_b.nodes[0].tls, Some(Tls::default()));
    assert_eq!(all_but_b.nodes[1].tls, None);
    let only_b = three("", "[node.tls]\nca = [\"1\", \"2\"]", "");
    assert_eq!(only_b.nodes[0].tls, None);
    assert_eq!(only_b.nodes[1].tls.as_ref().unwrap().ca.len(), 2);
    let plain_sentinels = three("[tls]", "", "tls = false");
    assert!(plain_sentinels.sentinels().iter().all(|s| s.tls.is_none()));
    assert_eq!(plain_sentinels.tls_of_sentinels(), None);
    let of_their_own = three("", "", "tls = { ca = \"s.crt\" }");
    assert!(of_their_own.sentinels().iter().all(|s| s.tls.is_some()));
    let said_twice = three("[tls]\nca = \"a.crt\"", "", "tls = true");
    assert_eq!(said_twice.tls_of_sentinels(), said_twice.tls.as_ref());
}

#[test]
fn files_of_servers_may_be_called_after_their_nodes() {
    let server = "[tls]\nserver_cert = \"tls/{node}.crt\"\nserver_key = \"tls/{node}.key\"";
    let inventory = three(server, "", "");
    let certs = |nodes: &[crate::inventory::NodeSpec]| -> Vec<String> {
        let pairs = nodes.iter().map(|n| n.tls.as_ref()?.server.as_ref());
        let files = pairs.map(|pair| pair.map(|p| p.cert.display().to_string()));
        files.map(Option::unwrap_or_default).collect()
    };
    assert_eq!(certs(&inventory.nodes), ["tls/a.crt", "tls/b.crt"]);
    let of_sentinels = ["tls/a.crt", "tls/b.crt", "tls/127.0.0.9.crt"];
    assert_eq!(certs(inventory.sentinels()), of_sentinels);
    let all = inventory
        .nodes
        .iter()
        .map(|n| n.tls.as_ref().unwrap().spoken());
    assert!(all.clone().all(|tls| Some(tls) == all.clone().next()));
}

#[test]
fn what_verifies_too_little_is_said_loudly() {
    let careless = three("[tls]\nverify = \"none\"", "tls = { verify = \"ca\" }", "");
    let [none, ca] = &careless.warnings()[..] else {
        panic!("{:?}", careless.warnings());
    };
    assert!(
        none.contains("`verify = \"none\"` takes every certificate of `a`, `sentinel@a`"),
        "{none}"
    );
    assert!(
        ca.contains("`verify = \"ca\"` without `ca`") && ca.contains("`b`"),
        "{ca}"
    );
    assert!(
        three("[tls]\nverify = \"ca\"\nca = \"c\"", "", "")
            .warnings()
            .is_empty()
    );
}
