//! What an old primary has and the new one has not: its replication stream decoded, which of it can
//! be replayed, and the dump of all it has. Pure.

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
