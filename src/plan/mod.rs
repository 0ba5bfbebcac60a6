//! Operations become plans here: data that is shown, journalled, executed, undone, resumed and simulated, one value for all.
//!
//! Pure: the same inventory and topology give the same plan. One planner per file; this file holds the words they share.

pub mod add;
pub mod candidates;
pub mod clients;
pub mod detach;
pub mod difference;
pub mod facts;
pub mod failover;
pub mod forecast;
mod gather;
pub mod hand_over;
pub mod hooks;
pub mod moves;
pub mod names;
pub mod pending_demotions;
pub mod permissions;
pub mod preflight;
pub mod promote;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod promote_tests;
pub mod rejoin;
pub mod remove;
pub mod repair;
pub mod replay;
pub mod reverse;
pub mod roles;
pub mod sentinel;
pub mod setup;
pub mod strangers;
mod versions;

use crate::engine::Operation;
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};
