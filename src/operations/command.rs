//! What the command line asks of each command. The arguments of each answer in its own folder.

use super::working_inventory::{Disk, Written};
use crate::cli::Global;
use crate::error::{Exit, Result};
use crate::inventory::edit::Edit;
use crate::world::World;
use futures::future::LocalBoxFuture;

/// A command that is being run.
pub type Running<'a> = LocalBoxFuture<'a, Result<Exit>>;

/// A command that reads and writes on this machine alone.
pub trait Local {
    /// Runs it.
    ///
    /// # Errors
    /// Those of the command.
    fn run(&self, global: &Global) -> Result<Exit>;
}

/// A command that reaches servers and hosts.
pub trait Remote {
    /// Whether it only looks. Then it writes nothing and stops for no question: what needs an
    /// answer is told as unknown.
    fn only_looks(&self) -> bool;

    /// The inventory that it works with: the one on disk, unless a node in it is to come or go.
    ///
    /// # Errors
    /// The inventory cannot be what the command needs.
    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    /// Runs it.
    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a>;
}

/// What a command works with that reaches servers and hosts.
pub struct Surroundings<'a> {
    /// The servers and hosts.
    pub world: &'a World,
    /// The options that every command takes.
    pub global: &'a Global,
    /// What makes the inventory that it works with out of the file.
    pub edit: Option<Edit>,
}

/// Where a command works, with what answers for it.
pub enum Kind<'a> {
    /// On this machine alone.
    Local(&'a dyn Local),
    /// On servers and hosts.
    Remote(&'a dyn Remote),
}
