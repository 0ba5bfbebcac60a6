//! Which roles are refused, accepted, or not known.

use super::*;
use crate::engine::{Accept, Operation, Promote, Rejoin, Stage, Undo};
use crate::operations::promote;
use crate::topology::sample::{address, down, seed};
use crate::topology::service::chain::{ChainEntry, Line};
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

/// The return of `master`, which is stopped, under `slave1`; `change`: how it is run.
fn returning(change: impl Fn(&mut Service), accepted: &[Unkept]) -> Result<Plan, Vec<Refusal>> {
    let mut topology = seed();
    topology.nodes[0] = down("master", 0);
    let mut of_master = Service {
        written: None,
        ..service()
    };
    change(&mut of_master);
    topology.nodes[0].service = Some(Box::new(of_master));
    let to = address(1);
    let actions = [
        Action::Service(ServiceAction::FenceFile { address: to }),
        Action::Service(ServiceAction::StartServer),
        Action::Server(ServerAction::PersistRole),
    ];
    let steps = actions.map(|a| Step::new(&"master".into(), a, Undo::Nothing));
    let stage = Stage {
        title: String::new(),
        mode: Mode::Atomic,
        steps: steps.to_vec(),
    };
    let mut plan = Plan {
        operation: Operation::Rejoin(Rejoin {
            node: "master".into(),
            under: None,
            backup: None,
        }),
        stages: vec![stage],
        warnings: Vec::new(),
        may_lose: None,
    };
    check(&mut plan, &topology, accepted)?;
    Ok(plan)
}

fn line(follows: Option<Address>, file: Option<&str>) -> ChainEntry {
    let file = file.map(str::to_owned);
    ChainEntry::Role(Line { follows, file })
}

/// The fence is the last line of the file: it wins over the includes, and the command line wins
/// over it. No word lets a second primary start.
#[test]
fn a_fenced_server_starts_with_the_role_in_its_file_or_not_at_all() {
    let arguments = |follows: Option<Address>| {
        move |s: &mut Service| {
            let chain = s.settings.as_mut().unwrap();
            chain.arguments = vec![line(follows.clone(), None)];
        }
    };
    for role in [None, Some(address(2))] {
        let all = [Unkept::RoleOnCommandLine, Unkept::RoleInInclude];
        let refused = returning(arguments(role), &all).unwrap_err();
        let [refused] = &refused[..] else {
            panic!("{refused:?}");
        };
        assert!(
            refused.why.contains("may start with another role"),
            "{}",
            refused.why
        );
        assert!(!refused.hint.contains("--ignore"), "{}", refused.hint);
    }
    let whole = |plan: Plan| (plan.steps().count(), plan.warnings);
    let kept = returning(arguments(Some(address(1))), &[]).unwrap();
    assert_eq!(whole(kept), (3, Vec::new()));
    let included = returning(
        |s| {
            let chain = s.settings.as_mut().unwrap();
            let inner = vec![line(Some(address(2)), Some("/include"))];
            chain.file = vec![line(None, Some("/x")), ChainEntry::Include(inner)];
        },
        &[],
    );
    assert_eq!(whole(included.unwrap()), (3, Vec::new()));
}

#[test]
fn what_a_fenced_server_starts_with_must_be_known() {
    let unknown: [fn(&mut Service); 3] = [
        |s| s.settings = Err("no route".into()),
        |s| s.arguments = Arguments::Unknown("no route".into()),
        |s| s.file = None,
    ];
    for change in unknown {
        let refused = returning(change, &[]).unwrap_err();
        assert!(refused[0].why.contains("not known"), "{}", refused[0].why);
    }
}
