//! Runs the program under test as an operator would: an empty home, a clean environment, a
//! deadline.

use super::lab::Lab;
use super::process::{Ran, Running};
use super::wire::{Wire, naming};
use rexpect::session::{PtySession, spawn_command};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// An operator. Runs by the same operator share a home folder, and so the journal and what else is
/// kept there.
pub struct Replctl<'a> {
    lab: Option<&'a Lab>,
    wire: Option<&'a Wire>,
    names: Option<PathBuf>,
    home: TempDir,
    environment: Vec<(String, String)>,
}

/// How long a run may take unless the test says otherwise.
pub const USUAL: Duration = Duration::from_mins(1);

impl Default for Replctl<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Replctl<'a> {
    /// An operator on this machine.
    pub fn new() -> Self {
        Self::with(None)
    }

    /// An operator in a lab's network.
    pub fn in_lab(lab: &'a Lab) -> Self {
        Self::with(Some(lab))
    }

    /// An operator in that network.
    pub fn on_wire(wire: &'a Wire) -> Self {
        Self {
            wire: Some(wire),
            ..Self::with(None)
        }
    }

    fn with(lab: Option<&'a Lab>) -> Self {
        let home = tempfile::Builder::new()
            .prefix("replctl-home-")
            .tempdir()
            .unwrap();
        Self {
            lab,
            wire: None,
            names: None,
            home,
            environment: Vec::new(),
        }
    }

    /// Sets the operator's own `/etc/hosts`.
    pub fn names(mut self, file: &Path) -> Self {
        self.names = Some(file.to_owned());
        self
    }

    /// Sets the inventory.
    pub fn inventory(self, file: &Path) -> Self {
        self.env("REPLCTL_INVENTORY", file.to_str().unwrap())
    }

    /// Sets a variable of the environment, which is otherwise empty but for `PATH` and `HOME`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The operator's home, which is also where the program is started.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The binary under test.
    pub fn binary() -> PathBuf {
        PathBuf::from(env!("CARGO_BIN_EXE_replctl"))
    }

    /// The command, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let named = self.names.iter().flat_map(|file| naming(file));
        let wired = self.wire.map(Wire::prefix);
        let mut words: Vec<PathBuf> = wired.into_iter().flatten().map(PathBuf::from).collect();
        words.extend(named.map(PathBuf::from));
        words.push(Self::binary());
        let mut command = match self.lab {
            Some(lab) => lab.operator(&words[0]),
            None => Command::new(&words[0]),
        };
        command.args(&words[1..]);
        if self.lab.is_none() {
            command
                .env_clear()
                .env("PATH", std::env::var("PATH").unwrap_or_default());
        }
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path());
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs it to its end, without a terminal and with an empty standard input.
    ///
    /// # Panics
    /// After [`USUAL`].
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_within(USUAL, arguments)
    }

    /// [`Replctl::run`] with a deadline of its own.
    #[track_caller]
    pub fn run_within(&self, within: Duration, arguments: &[&str]) -> Ran {
        self.start(arguments).wait(within)
    }

    /// Starts it, to be interrupted.
    #[track_caller]
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// Starts it on a terminal; every expectation has that many seconds.
    #[track_caller]
    pub fn terminal(&self, seconds: u64, arguments: &[&str]) -> PtySession {
        let mut command = self.command(arguments);
        command.env("TERM", "xterm");
        spawn_command(command, Some(seconds * 1000)).expect("a terminal")
    }
}
