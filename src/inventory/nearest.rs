//! "Did you mean": the known word nearest to a mistyped one. Pure.

/// Words longer than this are compared with nothing; no key or sensible name is so long.
const LONGEST: usize = 64;

/// The known word that `word` was most likely meant to be, if one is near enough: at most a third
/// of the letters differ.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = plain(word);
    if letters.len() > LONGEST {
        return None;
    }
    let allowed = if letters.len() < 3 {
        0
    } else {
        letters.len() / 3
    };
    known
        .into_iter()
        .map(|candidate| (distance(&letters, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Lower case, and `_` for `-`: who writes `identity-file` means `identity_file`.
fn plain(word: &str) -> Vec<char> {
    word.chars()
        .take(LONGEST + 1)
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' { '_' } else { c })
        .collect()
}

/// Edit distance; two neighbours swapped count as one edit (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (above[j] + usize::from(x != y))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let keys = ["name", "address", "replicaof", "identity_file"];
        for (typed, meant) in [
            ("adress", Some("address")),
            ("Address", Some("address")),
            ("replicafo", Some("replicaof")),
            ("identity-file", Some("identity_file")),
            ("nme", Some("name")),
            ("colour", None),
            ("", None),
            ("no", None),
        ] {
            assert_eq!(nearest(typed, keys), meant, "{typed}");
        }
    }

    #[test]
    fn a_swap_is_one_edit() {
        let letters = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("slave1"), &letters("slvae1")), 1);
        assert_eq!(distance(&letters("abc"), &letters("")), 3);
        assert_eq!(distance(&letters("kitten"), &letters("sitting")), 3);
    }
}
