//! The data of an old primary that the new one lacks: its decoded replication stream, which
//! commands of it can be replayed, and the dump of all its data. Pure.

pub mod crc64;
pub mod dump;
pub mod keys;
pub mod lost_writes;
pub mod manifest;
pub mod mark;
pub mod parts;
pub mod prints;
pub mod replay;
pub mod split;
pub mod stream;
#[cfg(test)]
mod tests;
