//! The shared parts of all simulations: a journal that dies after a line, a step that fails, and
//! the ways to go on. A [`Model`] is what is simulated; a [`Case`] is what it must fulfil.

use crate::actions::Action;
use crate::engine::execute::{Act, Execution, Failure, Watch};
use crate::engine::journal::{Entry, Evidence, Journal, Outcome, Progress};
use crate::engine::{Mode, Plan};
use crate::topology::{NodeName, Topology};
use futures::executor::block_on;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard};

static NEVER: AtomicBool = AtomicBool::new(false);
static ALWAYS: AtomicBool = AtomicBool::new(true);

/// Servers and hosts in memory.
pub trait Model: Clone + Send {
    /// Events of the model right before a call; `_call`: its number.
    fn before(&mut self, _call: usize) {}
    /// Does an action on a node.
    fn apply(&mut self, node: &NodeName, action: &Action) -> Result<Evidence, Failure>;
    /// Events after a call, failed or not. Records every violation.
    fn after(&mut self, _call: usize, _node: &NodeName, _action: &Action) {}
    /// replctl has died: what it held expires.
    fn died(&mut self) {}
    /// What an observer sees.
    fn observe(&mut self) -> Topology;
}

/// How the next failure goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injected {
    /// The action was not done, and replctl knows that.
    Nothing,
    /// The action was not done, and replctl does not know that.
    Lost,
    /// The action was done, and replctl does not know that.
    Answer,
}

impl Injected {
    /// Every way to fail.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::Lost, Self::Answer];
}

/// A model, and the progress of the program that works on it.
#[derive(Debug, Clone)]
pub struct State<M> {
    model: M,
    /// The actions that were begun.
    calls: usize,
    /// Which of them fails.
    fail_at: Option<(usize, Injected)>,
    /// The journal lines that are left before the process dies. After that, its actions have no
    /// effect.
    life: Option<usize>,
    progress: Progress,
    /// What of it was on disk at the last line that waited for that.
    synced: Progress,
}

impl<M> Deref for State<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.model
    }
}

impl<M> DerefMut for State<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.model
    }
}

/// A model on which plans are run.
pub struct Simulated<M>(Mutex<State<M>>);

impl<M: Model> Simulated<M> {
    /// Nothing was done to it yet.
    pub fn on(model: M) -> Self {
        Self(Mutex::new(State {
            model,
            calls: 0,
            fail_at: None,
            life: None,
            progress: Progress::default(),
            synced: Progress::default(),
        }))
    }

    /// The model itself.
    pub fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.0.lock().unwrap()
    }

    /// A copy in its present state.
    pub fn again(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }

    /// What an observer sees.
    pub fn observe(&self) -> Topology {
        self.lock().observe()
    }

    /// How many actions were begun.
    pub fn calls(&self) -> usize {
        self.lock().calls
    }

    fn run<'a>(
        &'a self,
        plan: &'a Plan,
        stop: &'a AtomicBool,
    ) -> Execution<'a, Self, Self, Nobody> {
        Execution {
            plan,
            act: self,
            journal: self,
            watch: &Nobody,
            concurrency: 4,
            interrupted: stop,
        }
    }

    /// Runs a plan. A run that succeeds has passed each of its steps.
    pub fn start(&self, plan: &Plan) -> Outcome {
        let executed = block_on(self.run(plan, &NEVER).start());
        if executed.outcome == Outcome::Completed {
            let run = plan.stages.iter().filter(|s| s.mode != Mode::OnFailure);
            let steps: usize = run.map(|stage| stage.steps.len()).sum();
            assert_eq!(executed.passed.len(), steps, "{plan:#?}");
        }
        executed.outcome
    }

    /// The same, with an operator who interrupts it.
    pub fn start_and_stop(&self, plan: &Plan) -> Outcome {
        block_on(self.run(plan, &ALWAYS).start()).outcome
    }

    /// The same; the process dies after this number of journal lines.
    pub fn dies(&self, plan: &Plan, lines: usize) {
        self.lock().life = Some(lines);
        self.start(plan);
        self.crash();
    }

    /// The same, and one call fails.
    pub fn fails(&self, plan: &Plan, call: usize, how: Injected) -> Outcome {
        self.will_fail(call, how);
        let outcome = self.start(plan);
        self.lock().fail_at = None;
        outcome
    }

    /// That call is to fail.
    pub fn will_fail(&self, call: usize, how: Injected) {
        self.lock().fail_at = Some((call, how));
    }

    /// The process is dead, and a later one meets a healed world.
    pub fn crash(&self) {
        let mut state = self.lock();
        state.life = None;
        state.fail_at = None;
        state.died();
    }

    /// The operator's machine has lost its power: lines that waited for no disk are gone.
    pub fn loses_power(&self) {
        let mut state = self.lock();
        state.progress = state.synced.clone();
    }

    /// Goes on with what was begun.
    pub fn resume(&self, plan: &Plan) -> Outcome {
        let progress = self.lock().progress.clone();
        let now = self.observe();
        block_on(self.run(plan, &NEVER).resume(&progress, &now)).outcome
    }

    /// Rolls back what was begun, or says why it cannot.
    pub fn roll_back(&self, plan: &Plan) -> Result<Outcome, String> {
        let progress = self.lock().progress.clone();
        let now = self.observe();
        let ended = block_on(self.run(plan, &NEVER).roll_back(&progress, &now));
        ended.map(|executed| executed.outcome)
    }

    /// What the journal says.
    pub fn progress(&self) -> Progress {
        self.lock().progress.clone()
    }

    /// Does one action outside of any plan.
    pub fn do_now(&self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        block_on(self.act(node, action))
    }
}

impl<M: Model> Act for Simulated<M> {
    async fn act(&self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        let mut state = self.lock();
        if state.life == Some(0) {
            return Err(Failure::unknown("dead"));
        }
        let call = state.calls;
        state.calls += 1;
        let injected = state.fail_at.filter(|(at, _)| *at == call);
        let model = &mut state.model;
        model.before(call);
        let result = match injected.map(|(_, how)| how) {
            Some(Injected::Nothing) => Err(Failure::none("injected")),
            Some(Injected::Lost) => Err(Failure::unknown("injected, no answer")),
            Some(Injected::Answer) => model
                .apply(node, action)
                .and(Err(Failure::unknown("injected, after its effect"))),
            None => model.apply(node, action),
        };
        model.after(call, node, action);
        result
    }
}

impl<M: Model> Journal for Simulated<M> {
    fn record(&self, entry: &Entry, durable: bool) -> io::Result<()> {
        let mut state = self.lock();
        match &mut state.life {
            Some(0) => return Err(io::Error::other("dead")),
            Some(lines) => *lines -= 1,
            None => {}
        }
        state.progress.take(entry);
        if durable {
            state.synced = state.progress.clone();
        }
        Ok(())
    }
}

/// A watcher that ignores everything.
pub struct Nobody;

impl Watch for Nobody {
    fn stage(&self, _: &crate::engine::Stage) {}
    fn begun(&self, _: &crate::engine::Step) {}
    fn done(&self, _: &crate::engine::Step, _: &Evidence, _: f64) {}
    fn failed(&self, _: &crate::engine::Step, _: &str) {}
    fn undoing(&self, _: &crate::engine::Step) {}
}

/// An action that a model does not know.
pub fn not_simulated(action: &impl std::fmt::Display) -> Failure {
    Failure::none(format!("not simulated: {action}"))
}

/// One plan, and the conditions for its outcome after any death or failure.
pub trait Case<M: Model> {
    /// What is planned.
    fn plan(&self) -> &Plan;
    /// The world it was planned for.
    fn fresh(&self) -> Simulated<M>;
    /// Asserts that the goal is reached.
    fn reached(&self, world: &Simulated<M>, how: &str);
    /// Asserts the outcome of a failed step.
    fn failed(&self, world: &Simulated<M>, outcome: Outcome, how: &str);

    /// Handles a death; `dead` makes the world after it.
    fn died(&self, dead: &dyn Fn() -> Simulated<M>, how: &str) {
        self.resumed(&dead(), &format!("{how}, resumed"));
    }

    /// Resumes it, and asserts that the goal is reached.
    fn resumed(&self, world: &Simulated<M>, how: &str) {
        let outcome = world.resume(self.plan());
        assert_eq!(outcome, Outcome::Completed, "{how} {:#?}", self.plan());
        self.reached(world, how);
    }

    /// Runs it undisturbed, with a death at every line of its journal, and with each kind of
    /// failure at every call.
    fn exhaust(&self, counts: &mut Counts) {
        let (plan, world) = (self.plan(), self.fresh());
        assert_eq!(world.start(plan), Outcome::Completed, "{plan:#?}");
        self.reached(&world, "straight");
        counts.plans += 1;
        if plan.is_empty() {
            return;
        }
        for line in 0..=2 * plan.steps().count() + 1 {
            counts.deaths += 1;
            let dead = || {
                let world = self.fresh();
                world.dies(plan, line);
                world
            };
            self.died(&dead, &format!("died after {line} lines"));
        }
        for call in 0..world.calls() {
            for how in Injected::ALL {
                counts.failures += 1;
                let world = self.fresh();
                let outcome = world.fails(plan, call, how);
                let how = format!("call {call} fails ({how:?}): {outcome:?}");
                self.failed(&world, outcome, &how);
            }
        }
    }
}

/// How much was simulated: a simulation that shrinks proves less.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Plans that were run.
    pub plans: usize,
    /// Operations that were refused.
    pub refused: usize,
    /// Deaths.
    pub deaths: usize,
    /// Failures.
    pub failures: usize,
}

impl Counts {
    /// Asserts that there were more than that.
    #[track_caller]
    pub fn are_more_than(&self, least: Self) {
        println!("{self:?}");
        assert!(
            self.plans > least.plans
                && self.refused >= least.refused
                && self.deaths > least.deaths
                && self.failures > least.failures,
            "the simulation shrank: {self:?}, and there were more than {least:?}"
        );
    }
}
