//! Known pairs, and the conclusions for unmeasured pairs.

use super::*;
use crate::topology::sample::{server, version};

fn of(product: Product, (major, minor): (u16, u16)) -> (Product, Version) {
    (product, version(major, minor, 3))
}

fn redis(major: u16, minor: u16) -> (Product, Version) {
    of(Product::Redis, (major, minor))
}

fn valkey(major: u16, minor: u16) -> (Product, Version) {
    of(Product::Valkey, (major, minor))
}

const NO: FullCopy = FullCopy::Refused(Why::Format);

#[test]
fn measured_pairs_are_as_they_were_measured() {
    let field = || FullCopy::Unless(vec![Data::FieldTtl]);
    for (above, below, wanted) in [
        (redis(6, 2), redis(6, 0), FullCopy::Taken),
        (redis(7, 0), redis(6, 2), NO),
        (redis(8, 0), valkey(9, 1), NO),
        (
            redis(8, 2),
            redis(8, 0),
            FullCopy::Unless(vec![Data::Vector]),
        ),
        (valkey(8, 1), redis(8, 0), FullCopy::Taken),
        (valkey(9, 1), valkey(8, 0), field()),
        (valkey(9, 1), redis(8, 0), field()),
        (valkey(9, 1), redis(7, 0), NO),
    ] {
        assert_eq!(
            between(above, below, false),
            wanted,
            "{above:?} to {below:?}"
        );
    }
}

#[test]
fn what_was_not_measured_is_inferred_or_not_known() {
    for (above, below, wanted) in [
        // The same series, whatever it is.
        (redis(9, 9), redis(9, 9), FullCopy::Taken),
        (valkey(9, 0), valkey(9, 0), FullCopy::Taken),
        // An older one of the same product.
        (redis(5, 0), redis(7, 2), FullCopy::Taken),
        (redis(7, 2), redis(7, 4), FullCopy::Taken),
        (redis(8, 2), redis(8, 6), FullCopy::Taken),
        (valkey(9, 1), valkey(10, 0), FullCopy::Taken),
        // Valkey began as Redis 7.2.
        (redis(7, 2), valkey(8, 0), FullCopy::Taken),
        (valkey(7, 2), redis(8, 0), FullCopy::Taken),
        // A format that the replica does not know.
        (redis(7, 2), redis(7, 0), NO),
        (redis(7, 4), redis(7, 2), NO),
        (redis(8, 6), redis(8, 4), NO),
        (redis(7, 4), valkey(8, 1), NO),
        (redis(8, 4), valkey(9, 0), NO),
        (valkey(7, 2), redis(7, 0), NO),
        // Both know the format, and perhaps not all data in it; or the primary chooses the format.
        (redis(6, 0), redis(5, 0), FullCopy::NotKnown),
        (redis(8, 4), redis(8, 2), FullCopy::NotKnown),
        (redis(8, 0), redis(7, 4), FullCopy::NotKnown),
        (valkey(9, 0), valkey(8, 1), FullCopy::NotKnown),
        (valkey(9, 1), redis(7, 2), FullCopy::NotKnown),
        (redis(9, 0), redis(8, 2), FullCopy::NotKnown),
        (valkey(10, 0), redis(8, 0), FullCopy::NotKnown),
    ] {
        assert_eq!(
            between(above, below, false),
            wanted,
            "{above:?} to {below:?}"
        );
    }
}

#[test]
fn what_two_servers_say_of_themselves_decides() {
    let (mut above, mut below) = (server(), server());
    (above.product, above.version) = valkey(9, 1);
    (below.product, below.version) = redis(8, 0);
    let depends = FullCopy::Unless(vec![Data::FieldTtl]);
    assert_eq!(full_copy(&above, &below), depends);
    above.expiring_fields = Some(0);
    assert_eq!(full_copy(&above, &below), depends);
    above.expiring_fields = Some(2);
    let held = FullCopy::Refused(Why::FieldTtl(2));
    assert_eq!(full_copy(&above, &below), held);
    // It is no reason where the formats are the same.
    (below.product, below.version) = valkey(9, 1);
    assert_eq!(full_copy(&above, &below), FullCopy::Taken);
    (above.product, above.version) = redis(8, 2);
    assert_eq!(full_copy(&above, &below), NO);
    let relaxed = |value: &str| ("rdb-version-check".to_owned(), value.to_owned());
    below.config.extend([relaxed("strict")]);
    assert_eq!(full_copy(&above, &below), NO);
    below.config.extend([relaxed("relaxed")]);
    assert_eq!(
        full_copy(&above, &below),
        FullCopy::Unless(vec![Data::Newer])
    );
    // Older versions do not have the setting. A version that is known to refuse does so even with
    // it.
    (below.product, below.version) = valkey(8, 1);
    assert_eq!(full_copy(&above, &below), NO);
}
