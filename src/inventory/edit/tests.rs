//! Nodes come and go, and every other byte stays.

use super::*;
use crate::inventory::Inventory;
use crate::inventory::tests::EXAMPLE;

const FILE: &str = "/ops/inventory.toml";
const SMALL: &str = "[deployment]\nname = \"x\"\nauth = \"none\"\n\n# All of them.\n[[node]]\nname = \"a\"   # the first\naddress = \"10.0.0.1\"\n\n\
    # In the cellar.\n[[node]]\nname = \"b\"\naddress = \"10.0.0.2\"\nreplicaof = \"a\"\n# via = \"ssh\"\n[node.config]\nsave = [\n  \"60 1\",\n]   # rarely\n\n\
    [[node]]\nname = \"c\"\naddress = \"10.0.0.3\"\nslaveof = 'b'\n\n# Until the end of the year.\n[hooks]\ntimeout = 9\n";

fn new(name: &str) -> NewNode {
    NewNode {
        name: name.into(),
        address: Address::new("10.0.0.9", 6379),
        replicaof: "a".into(),
        announce: None,
        priority: None,
        ssh: None,
    }
}

fn read(text: &str) -> Inventory {
    parse(Path::new(FILE), text).unwrap_or_else(|p| panic!("{p:?}\n{text}"))
}

fn names(text: &str) -> Vec<String> {
    read(text).nodes.into_iter().map(|n| n.name.0).collect()
}

/// Applies an edit; its reverse must restore every byte.
#[track_caller]
fn there_and_back(edit: &Edit, text: &str) -> String {
    let after = edit.apply(text).unwrap();
    assert_eq!(digest(&after), edit.after);
    assert!(edit.holds(&after));
    assert_eq!(edit.reversed().apply(&after).as_deref(), Some(text));
    assert_eq!(edit.reversed().reversed(), *edit);
    assert_eq!(edit.apply(&after), None, "it is for another text");
    after
}

#[test]
fn a_node_comes_behind_the_others() {
    let edit = add(FILE, SMALL, &new("d")).unwrap();
    let after = there_and_back(&edit, SMALL);
    let table = "\n[[node]]\nname = \"d\"\naddress = \"10.0.0.9\"\nreplicaof = \"a\"\n";
    let wanted = SMALL.replace("\n\n# Until", &format!("\n{table}\n# Until"));
    assert_eq!(after, wanted);
    assert_eq!(
        edit.to_string(),
        "write it into /ops/inventory.toml after line 24: [[node]], name = \"d\", address = \"10.0.0.9\", replicaof = \"a\""
    );
    assert_eq!(names(&after), ["a", "b", "c", "d"]);
    let all = NewNode {
        address: Address::new("::1", 7000),
        announce: Some("db9:7001".to_owned()),
        priority: Some(0),
        ssh: Some("ops@gate:2222".to_owned()),
        ..new("d")
    };
    let after = there_and_back(&add(FILE, SMALL, &all).unwrap(), SMALL);
    let node = &read(&after).nodes[3];
    assert_eq!(node.address, all.address);
    assert_eq!(node.announced(), &Address::new("db9", 7001));
    assert_eq!((node.priority, node.ssh.port), (Some(0), Some(2222)));
}

#[test]
fn the_files_own_habits_are_kept() {
    // Windows' line ends, a byte order mark, and no line end at the end.
    for text in [
        SMALL.replace('\n', "\r\n"),
        format!("\u{feff}{SMALL}"),
        SMALL.split("\n\n# Until").next().unwrap().to_owned(),
        EXAMPLE.to_owned(),
    ] {
        let first = names(&text)[0].clone();
        let node = NewNode {
            replicaof: NodeName(first),
            ..new("d")
        };
        let after = there_and_back(&add(FILE, &text, &node).unwrap(), &text);
        let count = |text: &str, what: &str| text.matches(what).count();
        let bare = |text: &str| count(text, "\n") - count(text, "\r\n");
        assert!(!text.contains('\r') || bare(&after) == 0, "{after:?}");
        assert!(names(&after).contains(&"d".to_owned()));
        there_and_back(&remove(FILE, &after, &"d".into(), None).unwrap(), &after);
    }
}

#[test]
fn a_node_goes_with_the_comments_that_are_its_own() {
    let edit = remove(FILE, SMALL, &"b".into(), Some(&"a".into())).unwrap();
    let after = there_and_back(&edit, SMALL);
    assert_eq!(
        after,
        "[deployment]\nname = \"x\"\nauth = \"none\"\n\n# All of them.\n[[node]]\nname = \"a\"   # the first\naddress = \"10.0.0.1\"\n\n\
         [[node]]\nname = \"c\"\naddress = \"10.0.0.3\"\nslaveof = \"a\"\n\n# Until the end of the year.\n[hooks]\ntimeout = 9\n"
    );
    assert_eq!(
        edit.to_string(),
        "take lines 10 to 19 out of /ops/inventory.toml; line 24 then names \"a\""
    );
    // What is directly above the next table belongs to that.
    let close = SMALL.replace("slaveof = 'b'\n\n# Until", "slaveof = 'b'\n# Until");
    let after = there_and_back(&remove(FILE, &close, &"c".into(), None).unwrap(), &close);
    assert!(
        after.ends_with("]   # rarely\n\n# Until the end of the year.\n[hooks]\ntimeout = 9\n")
    );
}

#[test]
fn the_first_primary_leaves_its_place_to_another() {
    let edit = remove(FILE, SMALL, &"a".into(), Some(&"c".into())).unwrap();
    let after = there_and_back(&edit, SMALL);
    // No node follows c, and c still follows b. That would be a circle, which the parser reports.
    assert!(parse(Path::new(FILE), &after).is_err());
    let edit = remove(FILE, SMALL, &"a".into(), Some(&"b".into())).unwrap();
    let after = there_and_back(&edit, SMALL);
    assert!(after.starts_with("[deployment]\nname = \"x\"\nauth = \"none\"\n\n# All of them.\n\n# In the cellar.\n[[node]]\nname = \"b\"\n"));
    let nodes = read(&after).nodes;
    assert_eq!(
        (nodes[0].replicaof.as_ref(), nodes[1].replicaof.as_ref()),
        (None, Some(&"b".into()))
    );
    assert!(
        remove(FILE, SMALL, &"a".into(), None)
            .unwrap_err()
            .contains("nobody takes its place")
    );
}

#[test]
fn a_node_is_to_follow_another() {
    let edit = repoint(FILE, SMALL, &"c".into(), &"a".into()).unwrap();
    let after = there_and_back(&edit, SMALL);
    assert_eq!(after, SMALL.replace("'b'", "\"a\""));
    assert_eq!(
        edit.to_string(),
        "change line 24 of /ops/inventory.toml: it is to follow a"
    );
    assert_eq!(wish(SMALL, &"c".into()), Some((24, "b".into())));
    assert_eq!(wish(SMALL, &"a".into()), None);
    assert!(repoint(FILE, SMALL, &"a".into(), &"b".into()).is_err());
}

#[test]
fn what_it_cannot_edit_it_leaves_alone() {
    let inline = "[deployment]\nname = \"x\"\nauth = \"none\"\nnode = 1\n";
    let list = "node = [{ name = \"a\", address = \"10.0.0.1\" }]\n[deployment]\nname = \"x\"\nauth = \"none\"\n";
    assert_eq!(read(list).nodes.len(), 1);
    assert!(add(FILE, list, &new("b")).unwrap_err().contains("[[node]]"));
    assert!(remove(FILE, inline, &"a".into(), None).is_err());
    let secret = SMALL.replace("save = [", "tls-key-file-pass = \"s3cret\"\nsave = [");
    let why = remove(FILE, &secret, &"b".into(), Some(&"a".into())).unwrap_err();
    assert!(why.contains("tls-key-file-pass") && !why.contains("s3cret"));
}

#[test]
fn whoever_else_has_edited_it_is_seen() {
    let edit = add(FILE, SMALL, &new("d")).unwrap();
    let other = SMALL.replace("timeout = 9", "timeout = 8");
    assert!(edit.apply(&other).is_none() && !edit.holds(&other));
    let both = add(FILE, &other, &new("d")).unwrap().apply(&other).unwrap();
    assert!(edit.holds(&both) && !edit.reversed().holds(&both));
    assert!(edit.reversed().holds(&other));
    assert_eq!(
        edit.coming(&other).unwrap().apply(&other).as_deref(),
        Some(both.as_str())
    );
    let gone = remove(FILE, SMALL, &"c".into(), None).unwrap();
    let without = gone.apply(SMALL).unwrap();
    assert_eq!(
        gone.coming(&without).unwrap().apply(&without).as_deref(),
        Some(SMALL)
    );
    let changed = without.replace("timeout = 9", "timeout = 8");
    assert_eq!(
        names(&gone.coming(&changed).unwrap().apply(&changed).unwrap()),
        ["a", "b", "c"]
    );
}

#[test]
fn what_a_document_model_would_write_anew_stays() {
    // toml_edit 0.25 reads and writes this text with other line ends, other spaces in a header, no
    // byte order mark, and one more line end.
    let odd = "\u{feff}[deployment]\r\nname = 'x'\nauth = \"none\"\r\n\r\n[[node]]\r\nname = 'a'\naddress = '10.0.0.1'\r\n\r\n\
        [[node]]\nname = 'b'\r\naddress = '10.0.0.2'\nreplicaof='a'\n\t[ node . config ] # rarely\r\nsave = ''\n# b is slow.\r\n\r\n\
        [[node]]\r\nname = 'c'\naddress = '10.0.0.3'\r\nreplicaof\t= 'a'\n# c is slow.";
    let after = there_and_back(&remove(FILE, odd, &"c".into(), None).unwrap(), odd);
    let gone = odd.strip_prefix(after.as_str()).unwrap().trim_start();
    assert!(gone.starts_with("[[node]]\r\nname = 'c'"), "{gone:?}");
    let after = there_and_back(&repoint(FILE, odd, &"c".into(), &"b".into()).unwrap(), odd);
    assert_eq!(after, odd.replace("replicaof\t= 'a'", "replicaof\t= \"b\""));
    let after = there_and_back(&add(FILE, odd, &new("d")).unwrap(), odd);
    assert_eq!(after.strip_prefix(odd).unwrap().matches('\n').count(), 6);
    // A comment below the last line of a node is removed with that node. toml_edit treats it as
    // part of the next item.
    let after = there_and_back(&remove(FILE, odd, &"b".into(), None).unwrap(), odd);
    assert!(!after.contains("b is slow") && after.ends_with("# c is slow."));
}
