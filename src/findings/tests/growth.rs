//! The cost per node does not grow with the number of nodes. The tests count looks at nodes, names
//! and hosts, not time.

use super::super::{Context, PendingDemotion, Wanted, findings};
use crate::engine::{Move, Promote};
use crate::operations::{promote, status};
use crate::output::{json, table};
use crate::plan::case::Access;
use crate::plan::strangers;
use crate::topology::candidate::best_replica;
use crate::topology::endpoint::endpoint;
use crate::topology::growth::looks;
use crate::topology::testing::{down, primary, replica};
use crate::topology::{
    Address, Link, Node, NodeName, PersistedRole, ReplicaLine, Topology, TroubleKind, tree::tree,
};
use std::collections::BTreeMap;

/// How much more a node may cost among ten times as many: sorting and lookups cost a little more.
const MOST: (u64, u64) = (3, 2);

fn host(node: usize) -> String {
    format!("10.0.{}.{}", node / 200, node % 200 + 1)
}

fn name(node: usize) -> NodeName {
    format!("n{node}").as_str().into()
}

/// A primary that lists its replicas. `change` edits every node.
fn star(nodes: usize, change: impl Fn(usize, &mut Node)) -> Topology {
    let line = |node: usize| ReplicaLine {
        address: Address::new(host(node), 6379),
        state: "online".into(),
        offset: None,
        ack_age_seconds: None,
    };
    let all = (0..nodes).map(|n| {
        let mut node = if n == 0 {
            primary("", &host(0), 5000)
        } else {
            replica("", &host(n), &host(0), 5000)
        };
        node.name = name(n);
        node.resolved = vec![host(n)];
        node.reached = vec![host(n)];
        node.persisted = Some(match n {
            0 => PersistedRole::Primary,
            _ => PersistedRole::ReplicaOf(Address::new(host(0), 6379)),
        });
        let server = node.up();
        server.run_id = format!("run {n}");
        if n == 0 {
            server.replication.replicas = (1..nodes).map(line).collect();
        }
        let told = [
            ("port", "6379"),
            ("tls-port", "0"),
            ("tls-replication", "no"),
        ];
        let told = told.map(|(key, value)| (key.to_owned(), value.to_owned()));
        server.config.extend(told);
        change(n, &mut node);
        node
    });
    Topology {
        nodes: all.collect(),
    }
}

fn follows(node: &mut Node, host: String, link: Link) {
    if node.upstream().is_some() {
        let up = node.link();
        up.address.host = host;
        up.link = link;
        up.down_since_seconds = (link == Link::Down).then_some(9);
    }
}

fn own(node: &mut Node, key: &str, value: String) {
    node.up().config.insert(key.to_owned(), value);
}

/// How many looks each part of `status`, `endpoint` and the plans of `promote` and `move` takes.
fn conclude(topology: &Topology) -> Vec<(&'static str, u64)> {
    let context = context(topology);
    let found = findings(topology, &context);
    let seen = status::report::Shown {
        deployment: "many",
        topology,
        findings: &found,
        lags: None,
        args: &status::args::Status {
            all: true,
            ..status::args::Status::default()
        },
        codes: false,
    };
    let options = table::Options {
        width: Some(80),
        utf8: true,
        colour: true,
    };
    let silent = topology.nodes.iter().filter(|n| n.server().is_none());
    let access: BTreeMap<NodeName, Access> =
        silent.map(|n| (n.name.clone(), Access::Yes)).collect();
    let target = Promote {
        node: name(1),
        accept: vec![],
    };
    let moved = Move {
        node: name(2),
        under: name(1),
        discard_data: false,
        update_inventory: false,
    };
    vec![
        ("findings", looks(|| findings(topology, &context))),
        ("the tree", looks(|| tree(topology))),
        (
            "JSON",
            looks(|| json::document(&crate::operations::status::report::json::status(&seen))),
        ),
        (
            "the table",
            looks(|| status::report::render(&seen, options)),
        ),
        ("endpoint", looks(|| endpoint(topology, &found).is_ok())),
        ("the best replica", looks(|| best_replica(topology))),
        (
            "promote",
            looks(|| {
                if let Ok(mut plan) = promote::plan::plan(&target, topology, &access) {
                    strangers::warn(&mut plan, &target.node, topology);
                }
            }),
        ),
        (
            "move",
            looks(|| crate::operations::moves::plan::plan(&moved, topology).is_ok()),
        ),
    ]
}

fn context(topology: &Topology) -> Context {
    let wanted = topology.nodes.iter().map(|node| Wanted {
        name: node.name.clone(),
        follows: None,
        priority: Some(100),
        tls: None,
        directives: BTreeMap::new(),
        ssh: "ssh db".into(),
        ssh_root: "ssh db sudo".into(),
    });
    let silent = topology.nodes.iter().filter(|n| n.server().is_none());
    let pending_demotions = silent.step_by(2).map(|node| PendingDemotion {
        node: node.name.clone(),
        address: Address::new(host(0), 6379),
        since: jiff::Timestamp::UNIX_EPOCH,
    });
    Context {
        wanted: wanted.collect(),
        password: true,
        pending_demotions: pending_demotions.collect(),
        ..Context::default()
    }
}

#[track_caller]
fn grows_with_the_nodes(what: &str, deployment: impl Fn(usize) -> Topology) {
    let (few, many) = (conclude(&deployment(100)), conclude(&deployment(1000)));
    let mut wrong = Vec::new();
    for ((part, few), (_, many)) in few.into_iter().zip(many) {
        // The cost per node. A cost of nearly nothing may double.
        let (few, many) = (few / 100, many / 1000);
        if many > few * MOST.0 / MOST.1 + 2 {
            wrong.push(format!("{part}: {few} among 100, {many} among 1,000"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{what}: a node costs more looks among more: {wrong:#?}"
    );
}

#[test]
fn a_healthy_deployment() {
    grows_with_the_nodes("one tree", |n| star(n, |_, _| ()));
    grows_with_the_nodes("two levels", |n| {
        star(n, |i, node| {
            if i > 20 {
                follows(node, host(1 + i % 20), Link::Up);
            }
        })
    });
    grows_with_the_nodes("announced", |n| {
        star(n, |i, node| {
            own(node, "replica-announce-ip", format!("db{i}"));
            node.announced.host = format!("db{i}");
        })
    });
}

#[test]
fn a_deployment_in_which_everything_is_wrong() {
    grows_with_the_nodes("all links down", |n| {
        star(n, |_, node| follows(node, host(0), Link::Down))
    });
    grows_with_the_nodes("all follow a stranger", |n| {
        star(n, |_, node| follows(node, "10.0.0.111x".into(), Link::Down))
    });
    grows_with_the_nodes("a tenth is silent", |n| {
        star(n, |i, node| {
            if i % 10 == 5 {
                *node = down("", &host(i), TroubleKind::NoAnswer, "no answer");
                node.name = name(i);
            }
        })
    });
    grows_with_the_nodes("the primary is dead", |n| {
        star(n, |i, node| {
            if i == 0 {
                *node = down("", &host(i), TroubleKind::NoAnswer, "no answer");
                node.name = name(i);
            }
        })
    });
    grows_with_the_nodes("nobody answers", |n| {
        star(n, |i, node| {
            *node = down("", &host(i), TroubleKind::Refused, "refused");
            node.name = name(i);
        })
    });
    grows_with_the_nodes("roles are not kept", |n| {
        star(n, |_, node| node.persisted = Some(PersistedRole::Primary))
    });
}

#[test]
fn addresses_that_do_not_fit() {
    grows_with_the_nodes("seen at the address of a gateway", |n| {
        star(n, |i, node| {
            if i == 0 {
                for line in &mut node.up().replication.replicas {
                    line.address.host = "172.17.0.1".into();
                }
            }
        })
    });
    grows_with_the_nodes("lists only strangers", |n| {
        star(n, |i, node| {
            if i == 0 {
                for line in &mut node.up().replication.replicas {
                    line.address.port = 7000;
                }
            }
        })
    });
    grows_with_the_nodes("all announce one address", |n| {
        star(n, |_, node| {
            own(node, "replica-announce-ip", "10.9.9.9".into());
        })
    });
    grows_with_the_nodes("one process under all names", |n| {
        star(n, |_, node| node.up().run_id = "one".into())
    });
}

#[test]
fn shapes_that_are_no_tree() {
    grows_with_the_nodes("a chain", |n| {
        star(n, |i, node| {
            follows(node, host(i.saturating_sub(1)), Link::Up);
        })
    });
    grows_with_the_nodes("a circle that all hang under", |n| {
        star(n, |i, node| {
            if i < 2 {
                *node = replica("", &host(i), &host(1 - i), 5000);
                node.name = name(i);
            }
        })
    });
    grows_with_the_nodes("all are primaries", |n| {
        star(n, |i, node| {
            *node = primary("", &host(i), 5000);
            node.name = name(i);
        })
    });
}
