use super::*;
use crate::actions::hook::{Change, Party};
use crate::actions::rescue::RescueAction;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::actions::service::ServiceAction;
use crate::engine::journal::{Evidence, INTERRUPTED};
use crate::engine::run_facts::Passed;
use crate::engine::{Mode, Operation, Plan, Promote, Stage, Step, Undo};
use crate::output::form::Changed;
use crate::topology::Address;
use std::collections::BTreeSet;
use std::time::Instant;

/// A promotion that was put back before its first change.
fn put_back(action: Action) -> Finished {
    let operation = Operation::Promote(Promote {
        node: "a".into(),
        accept: Vec::new(),
    });
    let stage = Stage {
        title: String::new(),
        mode: Mode::Gate,
        steps: vec![Step::new(&"a".into(), action, Undo::Nothing)],
    };
    Finished {
        id: "id".to_owned(),
        plan: Plan {
            operation,
            stages: vec![stage],
            warnings: Vec::new(),
            may_lose: None,
        },
        outcome: Outcome::RolledBack {
            at: At { stage: 0, step: 0 },
            why: "it failed".to_owned(),
        },
        passed: Vec::new(),
        before: BTreeSet::new(),
        left: std::collections::BTreeMap::new(),
        interrupted: false,
        progress: None,
        put_back_before: false,
        after: None,
    }
}

#[test]
fn nothing_was_changed_is_said_only_where_no_attempt_changed_anything() {
    let mut finished = put_back(Action::Role(RoleAction::CheckRoles { roles: Vec::new() }));
    let told = |finished: &Finished| {
        let error = verdict(finished, "again").unwrap();
        let problem = &error.problems[0];
        (error.exit, problem.what.clone(), problem.reason)
    };
    let (exit, what, reason) = told(&finished);
    assert_eq!(
        (exit, what.as_str(), reason),
        (
            Exit::Failed,
            "it failed; nothing was changed",
            Some(Reason::Failed)
        )
    );
    finished.put_back_before = true;
    let (exit, what, reason) = told(&finished);
    assert_eq!(
        (exit, what.as_str(), reason),
        (
            Exit::Failed,
            "it failed; all was put back",
            Some(Reason::FailedPutBack)
        )
    );
}

#[test]
fn what_a_resumed_stage_had_done_before_is_put_back_with_it() {
    // This run failed before it came to what the earlier one had done.
    let mut finished = put_back(Action::Role(RoleAction::CheckRoles { roles: Vec::new() }));
    let done = Step::new(
        &"a".into(),
        Action::Server(ServerAction::ResumeWrites),
        Undo::By(Action::Role(RoleAction::Promote)),
    );
    finished.plan.stages[0].steps.push(done);
    finished.before = [At { stage: 0, step: 1 }].into();
    let error = verdict(&finished, "again").unwrap();
    assert_eq!(error.exit, Exit::Failed);
    assert!(error.problems[0].what.ends_with("all was put back"));
    let earlier = finished.plan.stages[0].clone();
    finished.plan.stages.push(earlier);
    finished.outcome = Outcome::RolledBack {
        at: At { stage: 1, step: 0 },
        why: "it failed".to_owned(),
    };
    let error = verdict(&finished, "again").unwrap();
    assert_eq!(error.exit, Exit::Stopped);
    assert_eq!(error.problems[0].reason, Some(Reason::FailedHalfWay));
}

#[test]
fn a_hook_that_forbids_another_attempt_has_not_left_all_untouched() {
    let hook = Hook {
        point: HookPoint::BeforePromote,
        command: String::new(),
        within_ms: 1,
        change: Change::HandOver,
        old: None,
        new: Party {
            name: Some("a".into()),
            address: Address::new("10.0.0.1", 6379),
        },
    };
    let mut finished = put_back(Action::Hook(Box::new(hook)));
    let told = |finished: &Finished| {
        let error = verdict(finished, "again").unwrap();
        (error.exit, error.problems[0].what.clone())
    };
    assert_eq!(told(&finished).0, Exit::Refused);
    finished.put_back_before = true;
    let (exit, what) = told(&finished);
    assert_eq!(exit, Exit::Failed);
    assert!(what.ends_with("was put back"), "{what}");
}

/// A Sentinel gave no answer when its period was to be put back; the node's priority was put back
/// before.
#[test]
fn what_was_put_back_is_not_told_as_what_stays_where_a_sentinel_was_silent() {
    let priority = Action::Server(ServerAction::SetDirective {
        name: "replica-priority".to_owned(),
        value: "1".to_owned(),
    });
    let period = Action::Sentinel(SentinelAction::SetInfoPeriod {
        sentinels: Vec::new(),
        ms: 500,
    });
    let mut finished = put_back(priority);
    let set = Step::new(&"a".into(), period, Undo::Nothing);
    finished.plan.stages[0].steps.push(set);
    finished.passed = vec![Passed {
        step: finished.plan.stages[0].steps[0].clone(),
        seen: Evidence::default(),
        begun: Instant::now(),
        ended: Instant::now(),
    }];
    let places = [0, 1].map(|step| At { stage: 0, step });
    finished.outcome = Outcome::Stopped {
        at: places[1],
        why: "it gives no answer".to_owned(),
    };
    let told = |finished: &Finished| {
        let error = verdict(finished, "again").unwrap();
        let problem = &error.problems[0];
        (
            problem.what.clone(),
            problem.hint.clone().unwrap_or_default(),
        )
    };
    // Nothing was put back: the priority stays.
    finished.progress = Some(Progress {
        started: places.into(),
        ..Progress::default()
    });
    let (what, hint) = told(&finished);
    assert!(what.contains("replica-priority 1"), "{what}");
    assert!(hint.contains("replctl abandon id"), "{hint}");
    finished.progress = Some(Progress {
        started: [places[1]].into(),
        ..Progress::default()
    });
    let (what, hint) = told(&finished);
    assert!(!what.contains("replica-priority"), "{what}");
    assert!(hint.contains("replctl abandon id"), "{hint}");
    finished.progress = Some(Progress::default());
    assert_eq!(told(&finished).1, "replctl resume id");
}

#[test]
fn whether_something_was_changed_is_told_as_it_is_known() {
    let check = Action::Role(RoleAction::CheckRoles { roles: Vec::new() });
    let at = At { stage: 0, step: 0 };
    let stopped = |action: Action| {
        let mut finished = put_back(action);
        finished.outcome = Outcome::Stopped {
            at,
            why: "no answer".to_owned(),
        };
        finished
    };
    assert_eq!(change(&put_back(check.clone())), Changed::No);
    let mut finished = put_back(Action::Server(ServerAction::ResumeWrites));
    finished.plan.stages[0].steps[0].undo = Undo::By(Action::Role(RoleAction::Promote));
    assert_eq!(change(&finished), Changed::No);
    assert_eq!(change(&stopped(check.clone())), Changed::No);
    // It was sent, and its result is not known.
    let mut finished = stopped(Action::Role(RoleAction::Promote));
    assert_eq!(change(&finished), Changed::Unknown);
    // An earlier step of the same run was seen to be done.
    let step = Step::new(
        &"b".into(),
        Action::Role(RoleAction::Promote),
        Undo::Impossible,
    );
    finished.plan.stages[0].steps.push(step.clone());
    finished.passed = vec![Passed {
        step,
        seen: Evidence::default(),
        begun: Instant::now(),
        ended: Instant::now(),
    }];
    assert_eq!(change(&finished), Changed::Yes);
    // A host that was put back, and could not be looked at again.
    let mut finished = put_back(check);
    let unseen = Left::Unseen("no route".to_owned());
    finished.left = [("a".into(), unseen)].into();
    assert_eq!(change(&finished), Changed::Unknown);
    let these = Left::These(vec!["/db".to_owned()]);
    finished.left = [("a".into(), these)].into();
    assert_eq!(change(&finished), Changed::Yes);
}

fn passed(step: &Step) -> Passed {
    Passed {
        step: step.clone(),
        seen: Evidence::default(),
        begun: Instant::now(),
        ended: Instant::now(),
    }
}

fn failure(step: usize) -> NodeFailure {
    NodeFailure {
        at: At { stage: 0, step },
        node: "a".into(),
        why: "no answer".to_owned(),
        put_back: Some(true),
    }
}

/// The server of an old primary is stopped, and SSH ends before it reports that. No step starts
/// that server again.
#[test]
fn a_stop_without_an_answer_is_not_put_back() {
    let mut finished = put_back(Action::Service(ServiceAction::StopServer));
    assert_eq!(change(&finished), Changed::Unknown);
    let error = verdict(&finished, "again").unwrap();
    assert_eq!(error.exit, Exit::Stopped);
    let what = &error.problems[0].what;
    assert!(
        what.contains("not known whether it was done: `a`"),
        "{what}"
    );
    assert!(!what.contains("put back"), "{what}");
    // The journal says that it had no effect, or was not sent.
    finished.progress = Some(Progress::default());
    assert_eq!(change(&finished), Changed::No);
    finished.progress = None;
    finished.outcome = Outcome::RolledBack {
        at: At { stage: 0, step: 0 },
        why: INTERRUPTED.to_owned(),
    };
    assert_eq!(change(&finished), Changed::No);
}

/// `setup` attaches a replica and cannot write its role, and `rejoin` sets a password and cannot
/// back up: neither has an undo.
#[test]
fn what_has_no_undo_stays_where_its_node_was_put_back() {
    let follow = Action::Role(RoleAction::Follow {
        upstream: "b".into(),
        address: Address::new("10.0.0.2", 6379),
    });
    let back_up = Action::Rescue(RescueAction::BackUp {
        primary: "b".into(),
        folder: "/tmp".to_owned(),
        fence_ms: None,
    });
    for (done, fails) in [
        (follow.clone(), Action::Server(ServerAction::PersistRole)),
        (Action::Server(ServerAction::SetReplicaAuth), back_up),
    ] {
        let mut finished = put_back(done.clone());
        let next = Step::new(&"a".into(), fails, Undo::Nothing);
        finished.plan.stages[0].steps.push(next);
        finished.passed = vec![passed(&finished.plan.stages[0].steps[0])];
        finished.outcome = Outcome::Halted {
            failed: vec![failure(1)],
        };
        assert_eq!(change(&finished), Changed::Yes, "{done}");
        let error = verdict(&finished, "again").unwrap();
        let what = &error.problems[0].what;
        assert_eq!(error.exit, Exit::Stopped, "{what}");
        assert!(what.contains(&format!("but for {done}")), "{what}");
        assert!(what.ends_with("nothing was changed on the other nodes"));
        finished.outcome = Outcome::RolledBack {
            at: At { stage: 0, step: 1 },
            why: "it failed".to_owned(),
        };
        assert_eq!(change(&finished), Changed::Yes, "{done}");
        let what = verdict(&finished, "again").unwrap().problems[0]
            .what
            .clone();
        assert!(what.contains("what stays changed: `a`"), "{what}");
        // With an undo it is put back.
        finished.plan.stages[0].steps[0].undo = Undo::By(Action::Role(RoleAction::Promote));
        finished.plan.stages[0].steps[1].action = Action::Server(ServerAction::CountClients);
        finished.passed = vec![passed(&finished.plan.stages[0].steps[0])];
        assert_eq!(change(&finished), Changed::No, "{done}");
    }
}

/// The only step gets no answer, and nothing of such a stage is put back.
#[test]
fn a_last_step_without_an_answer_is_not_known() {
    let mut finished = put_back(Action::Server(ServerAction::PersistRole));
    let mut failed = failure(0);
    failed.put_back = None;
    finished.outcome = Outcome::Incomplete {
        failed: vec![failed],
    };
    assert_eq!(change(&finished), Changed::Unknown);
    finished.progress = Some(Progress::default());
    assert_eq!(change(&finished), Changed::No);
}
