//! Everything outside this process: servers over RESP, hosts over SSH.

pub mod bounded;
pub mod connections;
pub mod info;
pub mod replication;
pub mod resp;
pub mod role;
#[cfg(test)]
pub mod testing;
pub mod trouble;
pub mod watch_sync;
