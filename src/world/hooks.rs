//! Runs the operator's own commands around a promotion: on this machine, in a process group of
//! their own, for a bounded time, without any secret.

mod child;
mod facts;

use super::connections::Connections;
use super::running::Running;
use crate::actions::hook::Hook;
use crate::engine::execute::Failure;
use crate::engine::journal::store::Store;
use crate::engine::journal::{Entry, Evidence, Journal, Outcome};
use crate::inventory::hooks::HookCommand;
use crate::inventory::secrets::Secrets;
use crate::inventory::{Inventory, SecretSource};
use crate::output::{escape, screen::duration};
use child::{End, Ran};
use facts::HookFacts;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;

/// How many of the last lines of a hook are shown where it fails.
const SHOWN: usize = 5;

/// The operator's commands, run for the operation that is under way.
pub struct Hooks {
    pub(super) inventory: Arc<Inventory>,
    /// Their output and their end go into its journals.
    pub(super) store: Store,
    /// The secrets that their output must not repeat.
    pub(super) secrets: Arc<Secrets>,
    /// Kept open while one runs.
    pub(super) connections: Arc<Connections>,
    /// For which operation.
    pub(super) running: Arc<Running>,
}

impl Hooks {
    /// Runs a hook; its output and its end go into the journal of the operation that runs. `ended`:
    /// how that went, where it has ended.
    ///
    /// # Errors
    /// How it failed, with its last lines, escaped.
    pub async fn run(&self, hook: &Hook, ended: Option<&Outcome>) -> Result<Evidence, Failure> {
        let Some(command) = self.inventory.hooks.get(hook.point) else {
            // The operator removed the hook between two runs of this operation.
            return Ok(Evidence {
                text: "the inventory no longer has it".to_owned(),
                ..Evidence::default()
            });
        };
        let running = self.running.get();
        let facts = HookFacts::new(hook, &self.inventory, &running, ended);
        let command = prepared(command, &self.inventory, &facts);
        let within = Duration::from_millis(hook.within_ms);
        let alive = self.connections.keep_alive();
        let child = child::run(command, facts.document(), within);
        let ran = tokio::select! {
            ran = child => ran,
            never = alive => match never {},
        };
        let mut ran = ran.map_err(|e| Failure::none(format!("it cannot be started: {e}")))?;
        for line in &mut ran.output {
            *line = self.secrets.hide(line);
        }
        self.note(hook, &running.id, &ran);
        match wrong(&ran, hook.within_ms) {
            None => Ok(Evidence {
                text: ran.output.last().cloned().unwrap_or_default(),
                ..Evidence::default()
            }),
            Some(why) => {
                let from = ran.output.len().saturating_sub(SHOWN);
                let lines = std::iter::once(why).chain(ran.output[from..].iter().cloned());
                Err(Failure::none(lines.collect::<Vec<_>>().join("\n")))
            }
        }
    }

    /// Writes its line in the journal. If that fails, the run itself notices at its own next line.
    fn note(&self, hook: &Hook, id: &str, ran: &Ran) {
        let (exit, signal) = match ran.end {
            End::Exited(code) => (Some(code), None),
            End::Signalled(signal) => (None, Some(signal)),
            End::TimedOut | End::Interrupted => (None, None),
        };
        let entry = Entry::Hook {
            hook: hook.point,
            exit,
            signal,
            timed_out: ran.end == End::TimedOut,
            took_ms: ran.took.as_secs_f64() * 1e3,
            output: ran.output.clone(),
        };
        if let Ok(journal) = self.store.append(id) {
            let _ = journal.record(&entry, false);
        }
    }
}

/// What went wrong, in one phrase.
fn wrong(ran: &Ran, within_ms: u64) -> Option<String> {
    #[allow(clippy::cast_precision_loss)] // an hour of milliseconds at most
    let within = duration(within_ms as f64);
    match ran.end {
        End::Exited(0) => None,
        End::Exited(code) => Some(format!("it ended with exit status {code}")),
        End::Signalled(signal) => Some(format!("it was ended by signal {signal}")),
        End::TimedOut => Some(format!("it did not end within {within} and was stopped")),
        End::Interrupted => Some("it was interrupted and stopped".to_owned()),
    }
}

/// The command with its facts in the environment. Variables that hold passwords are not passed on.
fn prepared(command: &HookCommand, inventory: &Inventory, facts: &HookFacts<'_>) -> Command {
    let folder = inventory.path.parent().unwrap_or(Path::new("/"));
    let mut prepared = match command {
        HookCommand::Shell(line) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(line);
            shell
        }
        HookCommand::Program(words) => {
            let mut words = words.iter();
            let mut program = Command::new(place(words.next().map_or("", String::as_str), folder));
            program.args(words);
            program
        }
    };
    prepared.current_dir(folder);
    for source in inventory.secrets() {
        if let SecretSource::Env(name) = source {
            prepared.env_remove(name);
        }
    }
    prepared.env("REPLCTL_INVENTORY", &inventory.path);
    for (name, value) in facts.variables() {
        match value {
            Some(value) => prepared.env(name, value),
            // If a hook itself runs this operation, the variables of that other operation must not
            // be passed on.
            None => prepared.env_remove(name),
        };
    }
    prepared
}

/// A program name with a `/` begins at the inventory's folder, like all files there. Any other is
/// searched in `PATH`.
fn place(program: &str, folder: &Path) -> PathBuf {
    if let Some(rest) = program.strip_prefix("~/")
        && let Ok(home) = etcetera::home_dir()
    {
        return home.join(rest);
    }
    if program.contains('/') {
        folder.join(program)
    } else {
        PathBuf::from(program)
    }
}

/// A line of a hook as it is kept and shown.
fn line(bytes: &[u8]) -> String {
    escape(String::from_utf8_lossy(bytes).trim_end())
}
