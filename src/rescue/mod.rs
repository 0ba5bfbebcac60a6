//! What an old primary has and the new one has not: its replication stream decoded, and which of it can be replayed. Pure.

pub mod keys;
pub mod split;
pub mod stream;
#[cfg(test)]
mod tests;
