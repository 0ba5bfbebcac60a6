//! Which operation undoes which, and when the undo is refused.

use super::*;
use crate::operations::promote;
use crate::topology::detached::Observed;
use crate::topology::sample::{address, down, node, seed};

fn past(operation: Operation, plan: Plan, before: &Topology) -> Past {
    let followed = before.nodes.iter().map(|n| {
        let up = before.upstream_of(n).map(|up| up.name.clone());
        (n.name.clone(), up)
    });
    Past {
        operation,
        plan,
        followed: followed.collect(),
        later: None,
    }
}

fn promoted(name: &str, before: &Topology) -> Past {
    let operation = Promote {
        node: name.into(),
        accept: Vec::new(),
    };
    let plan = promote::plan::plan(&operation, before, &BTreeMap::new()).unwrap();
    past(Operation::Promote(operation), plan, before)
}

fn moved(name: &str, under: &str, before: &Topology) -> Past {
    let operation = Move {
        node: name.into(),
        under: under.into(),
        discard_data: true,
        update_inventory: false,
    };
    let plan = crate::operations::moves::plan::plan(&operation, before).unwrap();
    past(Operation::Move(operation), plan, before)
}

fn detached(before: &Topology) -> Past {
    let operation = Detach {
        node: "slave2".into(),
    };
    let plan =
        crate::operations::detach::plan::plan(&operation, &Observed::new(before.clone(), &[]))
            .unwrap();
    past(Operation::Detach(operation), plan, before)
}

/// slave1 is the primary of the others.
fn after() -> Topology {
    Topology {
        nodes: vec![
            node("master", 0, Some(address(1))),
            node("slave1", 1, None),
            node("slave2", 2, Some(address(1))),
        ]
        .into(),
    }
}

fn line(reverse: Result<Reverse, Vec<Refusal>>) -> String {
    match reverse {
        Ok(Reverse::Do(operation)) => operation.line(),
        Ok(Reverse::Nothing(why)) => format!("nothing: {why}"),
        Err(refusals) => format!("{} | {}", refusals[0].why, refusals[0].hint),
    }
}

#[test]
fn a_promotion_is_undone_by_one_of_the_old_primary() {
    let past = promoted("slave1", &seed());
    assert_eq!(line(reverse(&past, &after())), "promote master");
    assert_eq!(
        line(reverse(&past, &seed())),
        "nothing: `master` is the primary again"
    );
    let mut silent = after();
    silent.nodes[0] = down("master", 0);
    assert!(
        line(reverse(&past, &silent))
            .starts_with("`master`, the primary before it, does not answer")
    );
    let mut both = after();
    both.nodes[0] = node("master", 0, None);
    assert!(line(reverse(&past, &both)).contains("replctl lost master"));
    // It works without a snapshot, too: the plan tells which node was demoted.
    let old = Past {
        followed: BTreeMap::new(),
        ..past.clone()
    };
    assert_eq!(line(reverse(&old, &after())), "promote master");
    let mut gone = after();
    gone.nodes.remove(0);
    assert!(line(reverse(&past, &gone)).contains("`master` is no node of the inventory any more"));
}

#[test]
fn what_came_after_is_named() {
    let mut past = promoted("slave1", &seed());
    let mut third = after();
    third.nodes[0] = node("master", 0, Some(address(2)));
    third.nodes[1] = node("slave1", 1, Some(address(2)));
    third.nodes[2] = node("slave2", 2, None);
    assert_eq!(
        line(reverse(&past, &third)),
        "`slave1` is not the primary any more | if `master` is to be the primary: replctl promote master"
    );
    past.later = Some("20251102-promote-slave2".to_owned());
    let told = line(reverse(&past, &third));
    assert!(
        told.contains("`20251102-promote-slave2` came after it"),
        "{told}"
    );
    assert!(
        told.contains("replctl undo 20251102-promote-slave2"),
        "{told}"
    );
    // If the state is as the operation left it, later events do not matter.
    assert_eq!(line(reverse(&past, &after())), "promote master");
}

#[test]
fn what_stood_under_the_promoted_node_is_said() {
    let mut chain = seed();
    chain.nodes[2] = node("slave2", 2, Some(address(1)));
    let past = promoted("slave1", &chain);
    let now = after();
    let back = Promote {
        node: "master".into(),
        accept: Vec::new(),
    };
    let mut plan = promote::plan::plan(&back, &now, &BTreeMap::new()).unwrap();
    let before = plan.warnings.len();
    complete(&past, &mut plan, &now);
    assert_eq!(plan.warnings.len(), before + 1);
    assert!(
        plan.warnings[before]
            .text()
            .ends_with("replctl move slave2 --under slave1")
    );
    let mut plan = promote::plan::plan(&back, &now, &BTreeMap::new()).unwrap();
    complete(&promoted("slave1", &seed()), &mut plan, &now);
    assert_eq!(plan.warnings.len(), before);
}

#[test]
fn a_move_goes_back_to_where_it_came_from() {
    let past = moved("slave2", "slave1", &seed());
    let mut chain = seed();
    chain.nodes[2] = node("slave2", 2, Some(address(1)));
    assert_eq!(line(reverse(&past, &chain)), "move slave2 --under master");
    assert_eq!(
        line(reverse(&past, &seed())),
        "nothing: `slave2` replicates from `master` again"
    );
    // The old upstream is no primary any more.
    let mut turned = after();
    turned.nodes[2] = node("slave2", 2, Some(address(1)));
    let told = line(reverse(&past, &turned));
    assert!(
        told.contains("`master`, from which it replicated, is not the primary any more"),
        "{told}"
    );
    let mut alone = chain.clone();
    alone.nodes[2] = node("slave2", 2, None);
    assert!(line(reverse(&past, &alone)).contains("does not replicate from `slave1` any more"));
    // Its own keys were replaced.
    let mut own = seed();
    own.nodes[2] = node("slave2", 2, None);
    let past = moved("slave2", "slave1", &own);
    assert!(line(reverse(&past, &chain)).contains("they do not come back"));
}

/// slave2 began its own history at 101, and is at that offset.
fn alone(offset: u64) -> Topology {
    let mut topology = seed();
    topology.nodes[2] = node("slave2", 2, None);
    if let State::Up(server) = &mut topology.nodes[2].state {
        server.replication.replid = "b".repeat(40);
        server.replication.replid2 = Some("a".repeat(40));
        server.replication.second_offset = Some(101);
        server.replication.offset = offset;
    }
    topology
}

#[test]
fn a_detached_node_is_attached_while_it_has_no_writes_of_its_own() {
    let past = detached(&seed());
    assert_eq!(
        line(reverse(&past, &alone(100))),
        "move slave2 --under master --discard-data slave2"
    );
    let told = line(reverse(&past, &alone(131)));
    assert!(
        told.contains("`slave2` has 31 B of writes of its own since"),
        "{told}"
    );
    assert!(
        told.contains("replctl move slave2 --under master --discard-data slave2"),
        "{told}"
    );
    let mut unknown = alone(100);
    if let State::Up(server) = &mut unknown.nodes[2].state {
        server.replication.replid2 = None;
    }
    assert!(line(reverse(&past, &unknown)).contains("cannot be known"));
    assert_eq!(
        line(reverse(&past, &seed())),
        "nothing: `slave2` replicates from `master` again"
    );
    let now = alone(100);
    let Ok(Reverse::Do(Operation::Move(back))) = reverse(&past, &now) else {
        panic!("no move");
    };
    let mut plan = crate::operations::moves::plan::plan(&back, &now).unwrap();
    complete(&past, &mut plan, &now);
    assert_eq!(
        plan.may_lose.unwrap(),
        "what is written to `slave2` from now on until it follows again"
    );
}

#[test]
fn what_changed_nothing_needs_no_undoing_and_a_setup_has_none() {
    let operation = Operation::Promote(Promote {
        node: "slave1".into(),
        accept: Vec::new(),
    });
    let empty = Plan {
        operation: operation.clone(),
        stages: Vec::new(),
        warnings: Vec::new(),
        may_lose: None,
    };
    let this = past(operation, empty.clone(), &seed());
    assert!(
        line(reverse(&this, &after())).starts_with("nothing: it made no other node the primary")
    );
    let setup = Operation::Setup(crate::engine::Setup {
        nodes: Vec::new(),
        discard_data: Vec::new(),
    });
    let this = past(setup, empty, &seed());
    assert!(line(reverse(&this, &seed())).contains("`setup` cannot be undone"));
}
