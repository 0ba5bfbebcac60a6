//! Whether a replica can load a full copy from a primary of another version: one table, measured
//! between real servers. Pure.
//!
//! A partial resync works between all of them until the first command that the replica does not
//! know. So only the full copy must be checked before. It must not be tried: a replica that refuses
//! the copy has dropped its data by then, and asks for the next one at once.

mod phrases;
mod table;

pub use phrases::{CopySentence, Pair, pair, program, said};

use super::{Product, Server, Version};

/// The answer for one pair of servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullCopy {
    /// It takes the copy, whatever the data is.
    Taken,
    /// It does not.
    Refused(Why),
    /// It takes the copy as long as the data has none of these.
    Unless(Vec<Data>),
    /// Nobody has measured it.
    NotKnown,
}

/// Why a copy is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The replica does not know the format.
    Format,
    /// The primary holds this number of keys with fields that have their own time to live. It
    /// cannot write them for that replica.
    FieldTtl(u64),
}

/// The data that makes a copy impossible between two servers that otherwise understand each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// A hash field with a time to live of its own.
    FieldTtl,
    /// A function library.
    Function,
    /// A vector set.
    Vector,
    /// Any kind of data that is newer than the replica.
    Newer,
}

/// A line of versions whose programs understand each other.
type Series = (Product, u16, u16);

/// Whether `below` can load a copy from `above`, by their present reports.
pub fn full_copy(above: &Server, below: &Server) -> FullCopy {
    let relaxed = below.config.get("rdb-version-check");
    let relaxed = relaxed.is_some_and(|value| value == "relaxed");
    let between = between(
        (above.product, above.version),
        (below.product, below.version),
        relaxed,
    );
    match (between, above.expiring_fields) {
        (FullCopy::Unless(data), Some(keys)) if keys > 0 && data.contains(&Data::FieldTtl) => {
            FullCopy::Refused(Why::FieldTtl(keys))
        }
        (between, _) => between,
    }
}

/// The same between two programs, one of which may not run yet. `relaxed`: the replica has
/// `rdb-version-check relaxed`.
pub fn between(above: (Product, Version), below: (Product, Version), relaxed: bool) -> FullCopy {
    let (above, below) = (series(above), series(below));
    if above == below {
        return FullCopy::Taken;
    }
    match table::cell(above, below) {
        Some(table::Cell::Yes) => FullCopy::Taken,
        Some(table::Cell::Relaxed) if relaxed => FullCopy::Unless(vec![Data::Newer]),
        Some(table::Cell::No | table::Cell::Relaxed) => FullCopy::Refused(Why::Format),
        Some(table::Cell::But(data)) => FullCopy::Unless(data),
        None => inferred(above, below, relaxed),
    }
}

fn series((product, version): (Product, Version)) -> Series {
    (product, version.major, version.minor)
}

/// The conclusion for a pair that was not measured.
fn inferred(above: Series, below: Series, relaxed: bool) -> FullCopy {
    // Valkey 9 and newer choose the format for the asking replica.
    let chooses = above.0 == Product::Valkey && above.1 >= 9;
    let (sent, known) = (format(above), newest_format(below));
    if let (Some(sent), Some(known)) = (sent, known)
        && sent > known
        && !chooses
        && !(relaxed && below.0 == Product::Valkey)
    {
        return FullCopy::Refused(Why::Format);
    }
    // Each version reads the format of older ones, and Valkey began as Redis 7.2.
    let older = above.0 == below.0 && above < below;
    let forked = above.0 == Product::Redis && below.0 == Product::Valkey;
    if older || (forked && (above.1, above.2) < (7, 4)) || table::enclosed(above, below) {
        return FullCopy::Taken;
    }
    FullCopy::NotKnown
}

/// The number of the format that it writes, if known: measured for those in the table, from the
/// sources for the others.
fn format((product, major, minor): Series) -> Option<u8> {
    match (product, major, minor) {
        (Product::Redis, 4, _) => Some(8),
        (Product::Redis, 5 | 6, _) => Some(9),
        (Product::Redis, 7, 0 | 1) => Some(10),
        (Product::Redis, 7, 2 | 3) | (Product::Valkey, 7 | 8, _) => Some(11),
        (Product::Redis, 7, 4..) | (Product::Redis, 8, 0..=5) => Some(12),
        (Product::Redis, 8, 6) => Some(13),
        (Product::Valkey, 9, _) => Some(80),
        (Product::Redis | Product::Valkey, _, _) => None,
    }
}

/// The number of the newest Redis format that it reads. Servers refuse any newer one (measured with
/// all in the table). The formats of Redis and Valkey differ after 11: Valkey counts on from 80,
/// and refuses 12 to 79.
fn newest_format(series: Series) -> Option<u8> {
    match format(series) {
        Some(80..) => Some(11),
        other => other,
    }
}

#[cfg(test)]
mod tests;
