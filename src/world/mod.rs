//! Everything outside this process: servers over RESP, hosts over SSH.

pub mod bounded;
pub mod host;
pub mod info;
pub mod resp;
pub mod role;
#[cfg(test)]
pub mod testing;
pub mod trouble;
