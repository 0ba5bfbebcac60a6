//! What only an old primary has, as it was read from its stream or from a backup. Pure.

use super::stream::Tail;

/// What only an old primary has.
#[derive(Debug)]
pub struct LostWrites {
    /// Offset of the first byte that only the old primary has.
    pub from: u64,
    /// Offset of the last.
    pub to: u64,
    /// Its commands.
    pub lost: Tail,
    /// What the new primary wrote since, if that is still known.
    pub since: Result<StreamPiece, String>,
}

/// A piece of a stream, read up to its end at that moment.
#[derive(Debug, Clone, Default)]
pub struct StreamPiece {
    /// What it says.
    pub tail: Tail,
    /// Where it ends.
    pub end: StreamEnd,
}

/// Up to where a stream was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamEnd {
    /// Offset of the last byte.
    pub to: u64,
    /// The database there, as far as it is known or taken to be.
    pub db: Option<u32>,
    /// The stream itself has told the database.
    pub names_database: bool,
}
