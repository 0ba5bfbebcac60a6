//! Everything outside the program: files, names, secrets, servers, hosts.

pub mod inventory;
pub mod secret;
