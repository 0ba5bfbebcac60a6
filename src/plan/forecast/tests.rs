//! Which roles are refused, accepted, or not known.

use super::*;
use crate::engine::{Accept, Promote};
use crate::operations::promote;
use crate::topology::sample::seed;
use crate::topology::service::{Arguments, Chain, Service, Starter, Writable};
use std::collections::BTreeMap;

fn service() -> Service {
    Service {
        starter: Starter::Nothing,
        process: None,
        file: Some("/x".into()),
        written: Some("/x".into()),
        arguments: Arguments::Shown(Vec::new()),
        settings: Ok(Chain::default()),
        writable: Writable::Yes,
        managed: false,
    }
}

fn checked(change: impl Fn(&mut Service), accepted: &[Unkept]) -> Result<Plan, Vec<Refusal>> {
    let mut topology = seed();
    for node in &mut topology.nodes {
        node.service = Some(Box::new(service()));
    }
    change(topology.nodes[1].service.as_mut().unwrap());
    let operation = Promote {
        node: "slave1".into(),
        accept: accepted.iter().copied().map(Accept::Unkept).collect(),
    };
    let mut plan = promote::plan::plan(&operation, &topology, &BTreeMap::new())?;
    check(&mut plan, &topology, accepted)?;
    Ok(plan)
}

#[test]
fn roles_that_are_kept_need_no_word() {
    let plan = checked(|_| {}, &[]).unwrap();
    assert_eq!(written(&plan).len(), 3);
    assert!(
        plan.warnings.iter().all(|w| !w.text().contains("restart")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn what_is_not_kept_is_refused_and_what_is_accepted_is_not_tried() {
    let refused = checked(|s| s.written = None, &[]).unwrap_err();
    assert_eq!(
        refused[0].why,
        "`slave1` will not keep its role after a restart: it runs without a configuration file"
    );
    assert!(
        refused[0]
            .hint
            .ends_with("replctl promote slave1 --ignore no-config-file")
    );
    let plan = checked(|s| s.written = None, &[Unkept::NoConfigFile]).unwrap();
    let names: Vec<String> = written(&plan).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["master", "slave2"]);
    assert!(plan.warnings.iter().any(|w| w.text() == refused[0].why));
    // Another name accepts another reason.
    let other = checked(|s| s.written = None, &[Unkept::RoleInInclude]).unwrap_err();
    assert!(
        other[0]
            .hint
            .ends_with("--ignore role-in-include --ignore no-config-file"),
        "{}",
        other[0].hint
    );
}

#[test]
fn what_is_not_known_is_said() {
    let plan = checked(|s| s.settings = Err("no route".into()), &[]).unwrap();
    let told = "whether `slave1` keeps its role after a restart is not known: no route";
    assert!(
        plan.warnings.iter().any(|w| w.text() == told),
        "{:?}",
        plan.warnings
    );
    assert_eq!(written(&plan).len(), 3, "and it is written all the same");
}
