//! What each operation answers, one property after the other.

use super::*;
use crate::inventory::Inventory;
use crate::plan::difference::Difference;
use std::path::Path;

/// One of each operation with all its options, by the first words of its line.
fn all() -> Vec<Operation> {
    let node = || NodeName::from("slave1");
    vec![
        Operation::Setup(Setup {
            nodes: vec![node()],
            discard_data: vec![node()],
        }),
        Operation::Promote(Promote {
            node: node(),
            accept: vec![
                Accept::DataLoss,
                Accept::Difference(Difference::MemoryLimit),
            ],
        }),
        Operation::Move(Move {
            node: node(),
            under: "slave2".into(),
            discard_data: true,
            update_inventory: true,
        }),
        Operation::Detach(Detach { node: node() }),
        Operation::Sentinels(Sentinels::Setup),
        Operation::Sentinels(Sentinels::Remove { purge: true }),
        Operation::Sentinels(Sentinels::Forget {
            what: vec!["s4".to_owned()],
        }),
        Operation::Rejoin(Rejoin {
            node: node(),
            under: Some("slave2".into()),
            backup: None,
        }),
        Operation::Repair(Repair {
            keep: node(),
            backup: "/b".to_owned(),
            discard_data: vec!["slave2".into()],
        }),
        Operation::Replay(Replay {
            node: node(),
            onto: "slave2".into(),
            source: Source::Stream { up_to: 1 },
            conflicts: true,
        }),
        Operation::Add(Add {
            node: node(),
            address: Address::new("10.0.0.9", 6379),
            replicaof: Some("slave2".into()),
            announce: Some("n9".to_owned()),
            priority: Some(5),
            ssh: Some("op@n9".to_owned()),
            discard_data: true,
        }),
        Operation::Remove(Remove {
            node: node(),
            purge: true,
            leave_running: false,
        }),
        Operation::FixHosts(FixHosts {
            nodes: vec![node()],
        }),
    ]
}

/// Asserts what the operations answer, in the order of [`all`].
fn answers<T: PartialEq + std::fmt::Debug>(ask: impl Fn(&Operation) -> T, wanted: [T; 13]) {
    let all = all();
    assert_eq!(all.len(), wanted.len());
    for (operation, wanted) in all.iter().zip(wanted) {
        assert_eq!(ask(operation), wanted, "{operation:?}");
    }
}

#[test]
fn each_operation_has_its_command() {
    answers(
        |it| it.answers().verb,
        [
            "setup",
            "promote",
            "move",
            "detach",
            "sentinel-setup",
            "sentinel-remove",
            "sentinel-forget",
            "rejoin",
            "repair",
            "replay",
            "add",
            "remove",
            "check-fix",
        ],
    );
    let lines = [
        "setup slave1 --discard-data slave1",
        "promote slave1 --allow-data-loss --ignore memory-limit",
        "move slave1 --under slave2 --discard-data slave1 --update-inventory",
        "detach slave1",
        "sentinel setup",
        "sentinel remove --purge",
        "sentinel forget s4",
        "rejoin slave1 --under slave2 --discard-data slave1",
        "repair --keep slave1 --discard-data slave2",
        "lost slave1 --replay --with-conflicts",
        "add slave1 --address 10.0.0.9:6379 --replicaof slave2 --announce n9 --priority 5 --ssh op@n9 --discard-data slave1",
        "remove slave1 --purge",
        "check --fix",
    ];
    answers(Operation::line, lines.map(str::to_owned));
    // What was accepted is asked anew, and a set-up goes on with all nodes.
    let mut again = lines;
    (again[0], again[1]) = ("setup", "promote slave1");
    answers(
        |it| it.properties().again(),
        again.map(|line| format!("replctl {line}")),
    );
}

#[test]
fn each_operation_names_its_node_and_whom_all_follow() {
    let node = || Some("slave1".to_owned());
    answers(
        |it| it.answers().node.map(|node| node.0.clone()),
        [
            None,
            node(),
            node(),
            node(),
            None,
            None,
            None,
            node(),
            node(),
            node(),
            node(),
            node(),
            None,
        ],
    );
    let (primary, unsaid) = (|| "the primary".to_owned(), || "unsaid".to_owned());
    answers(
        |it| match it.answers().successor {
            Successor::Node(node) => node.0.clone(),
            Successor::ThePrimary => primary(),
            Successor::Unsaid => unsaid(),
        },
        [
            primary(),
            "slave1".to_owned(),
            primary(),
            primary(),
            unsaid(),
            unsaid(),
            unsaid(),
            primary(),
            "slave1".to_owned(),
            primary(),
            primary(),
            primary(),
            unsaid(),
        ],
    );
}

#[test]
fn each_operation_says_what_it_changes() {
    use Changes::{Members, Nothing, Primary, Roles};
    answers(
        |it| it.answers().changes,
        [
            Nothing, Primary, Roles, Roles, Nothing, Nothing, Nothing, Roles, Primary, Nothing,
            Members, Members, Nothing,
        ],
    );
    let first = [Primary, Roles, Members, Nothing].map(Changes::comes_first);
    assert_eq!(first, [true, true, false, false]);
    let stands = [Primary, Roles, Members, Nothing].map(Changes::is_in_the_way);
    assert_eq!(stands, [true, true, true, false]);
}

#[test]
fn each_operation_names_the_hosts_it_works_on() {
    let text = "[deployment]\nname = \"orders\"\nauth = \"none\"\n\
        [[node]]\nname = \"master\"\naddress = \"10.0.0.1\"\n\
        [[node]]\nname = \"slave1\"\naddress = \"10.0.0.2\"\nreplicaof = \"master\"\n\
        [[node]]\nname = \"slave2\"\naddress = \"10.0.0.3\"\nreplicaof = \"master\"\n\
        [sentinel]\nnodes = [\"master\", \"slave1\", \"slave2\"]\n";
    let inventory = crate::inventory::parse::parse(Path::new("i"), text).unwrap();
    let hosts = |it: &dyn Properties, inventory: &Inventory| {
        let named = it.hosts(inventory).into_iter();
        named.map(|node| node.0).collect::<Vec<_>>().join(" ")
    };
    let sentinels: Vec<String> = inventory
        .sentinels()
        .iter()
        .map(|n| n.name.0.clone())
        .collect();
    let sentinels = sentinels.join(" ");
    assert!(!sentinels.is_empty());
    let one = "slave1";
    answers(
        |it| hosts(it.properties(), &inventory),
        [
            one, "", "", "", &sentinels, &sentinels, "", "", "", "", one, one, one,
        ]
        .map(str::to_owned),
    );
    let whole = Setup {
        nodes: Vec::new(),
        discard_data: Vec::new(),
    };
    assert_eq!(hosts(&whole, &inventory), "master slave1 slave2");
    let stays = Remove {
        node: one.into(),
        purge: false,
        leave_running: true,
    };
    assert_eq!(hosts(&stays, &inventory), "");
}

/// The commands of the operations that answer with yes.
fn only(ask: impl Fn(&Operation) -> bool, wanted: &[&str]) {
    let all = all();
    let yes = all.iter().filter(|operation| ask(operation));
    let yes: Vec<&str> = yes.map(Operation::verb).collect();
    assert_eq!(yes, wanted);
}

#[test]
fn few_operations_accept_discard_or_write_logins() {
    only(|it| it.answers().accepted.is_some(), &["promote"]);
    only(|it| it.answers().line_accepts_unkept, &["promote"]);
    only(
        |it| it.answers().loss == Loss::Certain,
        &["rejoin", "repair"],
    );
    only(|it| it.answers().writes_logins, &["setup"]);
}
