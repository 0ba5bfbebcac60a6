//! A primary with two replicas on loopback, by the names of the tutorial: the deployment of most
//! tests.

use super::deployment::Deployment;
use super::server::Family;

/// Their names: those of the tutorial, which are no roles.
pub const NAMES: [&str; 3] = ["master", "slave1", "slave2"];
/// Enough for the replicas to stay partial while the test machine is busy with other things.
pub const BACKLOG: &str = "repl-backlog-size 64mb";

/// A primary with two replicas.
pub type Trio = Deployment;

impl Trio {
    /// Starts the three of [`NAMES`] with these directives, and waits until they are in sync; the
    /// first is the primary.
    pub fn start(family: &Family, directives: &[&str]) -> Self {
        let this = Self::of(family).directives(directives).start();
        this.await_in_sync();
        this
    }
}
