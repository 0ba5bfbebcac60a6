#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::actions::Action;
use crate::actions::host::HostAction;
use crate::engine::{FixHosts, Operation};
use std::io;

/// A host on which what the file `b` needs fails, and the file `c` cannot be written.
#[derive(Default)]
struct Host(Mutex<Vec<String>>);

fn file(path: &str) -> HostAction {
    HostAction::KeepFile {
        path: path.to_owned(),
        text: "x".to_owned(),
        reload: false,
        back: None,
    }
}

fn gone(path: &str) -> HostAction {
    HostAction::DropFile {
        path: path.to_owned(),
        text: "x".to_owned(),
        reload: false,
    }
}

impl Act for Host {
    async fn act(&self, _: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        self.0.lock().unwrap().push(action.to_string());
        let fails = [Action::Host(gone("b")), Action::Host(file("c"))];
        if fails.contains(action) {
            return Err(Failure::unknown("no room"));
        }
        Ok(Evidence::default())
    }
}

impl Journal for Host {
    fn record(&self, _: &Entry, _: bool) -> io::Result<()> {
        Ok(())
    }
}

impl Watch for Host {
    fn stage(&self, _: &Stage) {}
    fn begun(&self, _: &Step) {}
    fn done(&self, _: &Step, _: &Evidence, _: f64) {}
    fn failed(&self, _: &Step, _: &str) {}
    fn undoing(&self, _: &Step) {}
}

/// A setting that stays does not keep the others from going back, and is named.
#[tokio::test]
async fn a_failed_undo_of_a_setting_stops_no_other_undo() {
    let node = NodeName::from("a");
    let step = |path: &str| {
        let undo = Undo::By(Action::Host(gone(path)));
        Step::new(&node, Action::Host(file(path)), undo)
    };
    let steps = vec![step("a"), step("b"), step("c")];
    let plan = Plan {
        operation: Operation::FixHosts(FixHosts {
            nodes: vec![node.clone()],
        }),
        stages: vec![Stage::new("fix", Mode::PerNode, steps)],
        warnings: Vec::new(),
        may_lose: None,
    };
    let host = Host::default();
    let execution = Execution {
        plan: &plan,
        act: &host,
        journal: &host,
        watch: &host,
        concurrency: 1,
        interrupted: &AtomicBool::new(false),
    };
    let Outcome::Halted { failed } = execution.start().await.outcome else {
        panic!("it did not halt");
    };
    assert_eq!(failed[0].put_back, Some(false));
    assert_eq!(
        failed[0].why,
        "no room; and putting it back failed: `a`: remove b: no room"
    );
    let done = host.0.lock().unwrap();
    assert_eq!(done[3..], ["remove c", "remove b", "remove a"]);
}
