//! The shared parts of the plans: hand over, follow, work on a host, keep a role, the checks, and
//! the forecasts.
//!
//! Pure: the same inventory and topology give the same plan. The plan of each operation itself is
//! in its folder.

pub mod case;
pub mod clients;
pub mod detached;
pub mod difference;
pub mod divergence;
pub mod facts;
pub mod follow;
pub mod forecast;
pub mod forget;
pub mod gather;
pub mod hand_over;
pub mod hooks;
pub mod hosts;
pub mod info_period;
pub mod names;
pub mod pending_demotions;
pub mod permissions;
pub mod preflight;
pub mod repoint;
pub mod returning;
pub mod reverse;
pub mod roles;
pub mod root;
pub mod strangers;
pub mod versions;
