//! "Did you mean": the known word nearest to a mistyped one. Pure.

use strsim::osa_distance;

/// Longer words are not compared; no key or sensible name is so long.
const LONGEST: usize = 64;

/// The known word that `word` probably means, if one is near enough: at most a third of the letters
/// differ. Two swapped neighbours count as one difference.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = plain(word);
    let letters = typed.chars().count();
    if letters > LONGEST {
        return None;
    }
    let allowed = letters / 3;
    known
        .into_iter()
        .map(|candidate| (osa_distance(&typed, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Lower case, and `_` for `-`: `identity-file` means `identity_file`.
fn plain(word: &str) -> String {
    word.chars()
        .take(LONGEST + 1)
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' { '_' } else { c })
        .collect()
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
        // One edit is allowed in a word of three to five letters.
        assert_eq!(nearest("slvae", ["slave"]), Some("slave"));
        assert_eq!(nearest("slvea", ["slave"]), None);
    }

    #[test]
    fn a_word_of_any_length_is_compared_by_its_letters() {
        assert_eq!(nearest("größe", ["grösse"]), None);
        assert_eq!(nearest("größen", ["grössen"]), Some("grössen"));
        let longest = "é".repeat(LONGEST);
        assert_eq!(nearest(&longest, [longest.as_str()]), Some(&*longest));
        let longer = "é".repeat(LONGEST + 1);
        assert_eq!(nearest(&longer, [longer.as_str()]), None);
    }
}
