//! Everything outside this process: servers over RESP, hosts over SSH.

pub mod info;
pub mod role;
