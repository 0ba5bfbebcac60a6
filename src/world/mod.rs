//! Everything outside this process: servers over RESP, hosts over SSH.

mod act;
mod backup;
pub mod bounded;
pub mod chase;
mod clients;
pub mod connections;
mod deployment;
mod doubt;
mod glance;
mod here;
pub mod hooks;
pub mod host;
pub mod info;
pub mod inventory;
pub mod login;
pub mod lost;
pub mod observe;
mod on_host;
pub mod payload;
mod permissions;
pub mod persisted;
mod prove;
mod rejoin;
pub mod replication;
pub mod resp;
pub mod role;
pub mod secret;
mod sentinel;
pub mod ssh;
pub mod supply;
mod tap;
#[cfg(test)]
pub mod testing;
pub mod trouble;
pub mod watch_sync;

pub use deployment::{Entry, World};
