//! Everything outside this process: servers over RESP, hosts over SSH.

mod act;
mod backup;
pub mod bounded;
pub mod chase;
mod check_roles;
pub mod claim;
mod clients;
pub mod connections;
mod deployment;
mod directive;
mod glance;
pub mod guard;
mod here;
pub mod hooks;
pub mod host;
pub mod info;
pub mod inventory;
mod log;
pub mod login;
pub mod lost;
mod names;
pub mod observe;
mod on_host;
pub mod payload;
mod permissions;
pub mod persisted;
mod prove;
mod rejoin;
mod replay;
pub mod replication;
pub mod resp;
pub mod role;
mod role_change;
pub mod secret;
mod sentinel;
mod sight;
pub mod ssh;
pub mod supply;
mod tap;
#[cfg(test)]
pub mod testing;
pub mod tls;
pub mod trouble;
pub mod watch_sync;
mod way;

pub use deployment::{Entry, World};
