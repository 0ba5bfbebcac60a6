//! The table itself, as it is committed. Pure.

use super::{Data, Series};
use crate::topology::Product;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What was measured.
const MEASURED: &str = include_str!("measured.txt");

/// One cell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// Any data.
    Yes,
    /// Any data without these.
    But(Vec<Data>),
    /// Never.
    No,
    /// Never; with `rdb-version-check relaxed`, the data that the replica knows.
    Relaxed,
}

/// Rows are primaries, columns replicas.
type Cells = BTreeMap<(Series, Series), Cell>;

/// What was measured between programs of these two.
pub(super) fn cell(above: Series, below: Series) -> Option<Cell> {
    cells().get(&(above, below)).cloned()
}

/// Whether a newer version of the product of `above` was measured to send its copies to an older
/// version of the product of `below`.
pub(super) fn enclosed(above: Series, below: Series) -> bool {
    cells().iter().any(|((primary, replica), cell)| {
        *cell == Cell::Yes
            && (primary.0, replica.0) == (above.0, below.0)
            && *primary >= above
            && *replica <= below
    })
}

fn cells() -> &'static Cells {
    static CELLS: OnceLock<Cells> = OnceLock::new();
    CELLS.get_or_init(|| read(MEASURED))
}

/// Reads the table. Other text is left out; a test checks that there is none.
fn read(text: &str) -> Cells {
    let mut rows = text.lines().filter(|line| !line.starts_with('#'));
    let head = rows.next().unwrap_or_default();
    let columns: Vec<Option<Series>> = head.split_whitespace().skip(1).map(series).collect();
    let mut cells = Cells::new();
    for row in rows {
        let mut words = row.split_whitespace();
        let Some(above) = words.next().and_then(series) else {
            continue;
        };
        for (below, word) in columns.iter().zip(words) {
            if let (Some(below), Some(cell)) = (below, read_cell(word)) {
                cells.insert((above, *below), cell);
            }
        }
    }
    cells
}

/// `redis-7.0`
fn series(word: &str) -> Option<Series> {
    let (product, version) = word.split_once('-')?;
    let (major, minor) = version.split_once('.')?;
    let product = match product {
        "redis" => Product::Redis,
        "valkey" => Product::Valkey,
        _ => return None,
    };
    Some((product, major.parse().ok()?, minor.parse().ok()?))
}

fn read_cell(word: &str) -> Option<Cell> {
    match word {
        "yes" => Some(Cell::Yes),
        "no" => Some(Cell::No),
        "relaxed" => Some(Cell::Relaxed),
        _ => {
            let kinds = word.strip_prefix("but:")?.split(',').map(data);
            kinds.collect::<Option<Vec<Data>>>().map(Cell::But)
        }
    }
}

fn data(word: &str) -> Option<Data> {
    match word {
        "field-ttl" => Some(Data::FieldTtl),
        "function" => Some(Data::Function),
        "vector" => Some(Data::Vector),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_committed_table_is_read() {
        let rows: Vec<&str> = MEASURED.lines().filter(|l| !l.starts_with('#')).collect();
        let n = rows.len() - 1;
        assert!(n >= 8, "{n} rows");
        for row in &rows {
            assert_eq!(row.split_whitespace().count(), n + 1, "{row}");
        }
        assert_eq!(cells().len(), n * n);
    }
}
