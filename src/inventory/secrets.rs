//! Texts that must never be shown, and their removal from foreign words. A server repeats the
//! arguments of an unknown command, and something else on a server's port may repeat all it gets.
//! Pure.

use super::Inventory;
use crate::config::directives::{canonical, split};
use secrecy::{ExposeSecret, SecretString};

/// The replacement for a secret.
const HIDDEN: &str = "(secret)";
/// The first characters of a long secret that are enough for a match: servers shorten what they
/// repeat.
const BEGINNING: usize = 12;
/// A shorter secret is hidden only as a word of its own: inside other words it would hide half of
/// them.
const SHORT: usize = 5;

/// The secrets of one deployment.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// These.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut all: Vec<SecretString> = secrets.into_iter().cloned().collect();
        all.retain(|s| !s.expose_secret().is_empty());
        // One may be the beginning of another.
        all.sort_by_key(|s| std::cmp::Reverse(s.expose_secret().len()));
        Self(all)
    }

    /// The secrets in an inventory's directives, and these.
    pub fn of<'a>(
        inventory: &Inventory,
        passwords: impl IntoIterator<Item = &'a SecretString>,
    ) -> Self {
        let mut own: Vec<SecretString> = Vec::new();
        for (name, lines) in inventory.nodes.iter().flat_map(|n| &n.config) {
            for line in lines.iter().filter(|_| is_secret(name)) {
                own.extend(words(name, line).into_iter().map(SecretString::from));
            }
        }
        own.extend(passwords.into_iter().cloned());
        Self::new(&own)
    }

    /// The text without them.
    pub fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = without(&text, secret.expose_secret());
        }
        text
    }
}

/// Whether a directive's value must not be shown.
pub fn is_secret(directive: &str) -> bool {
    let name = canonical(directive);
    name == "user" || name.ends_with("pass") || name.ends_with("auth")
}

/// The secret part of a directive's value: of an ACL rule, the passwords in it.
fn words(name: &str, value: &str) -> Vec<String> {
    let words = split(value).unwrap_or_else(|| vec![value.to_owned()]);
    if canonical(name) != "user" {
        return words;
    }
    let passwords = words.iter().filter_map(|w| w.strip_prefix(['>', '<', '#']));
    passwords.map(str::to_owned).collect()
}

fn without(text: &str, secret: &str) -> String {
    let beginning = secret
        .char_indices()
        .nth(BEGINNING)
        .map_or(secret, |(end, _)| &secret[..end]);
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(beginning) {
        let (before, found) = rest.split_at(at);
        let length = alike(found, secret);
        let after = &found[length..];
        out.push_str(before);
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if secret.len() < SHORT && (inside(out.chars().last()) || inside(after.chars().next())) {
            out.push_str(&found[..length]);
        } else {
            out.push_str(HIDDEN);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How many bytes the two have in common at their beginning, up to the end of a character.
fn alike(text: &str, secret: &str) -> usize {
    let pairs = text.chars().zip(secret.chars());
    pairs
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide(secrets: &[&str], text: &str) -> String {
        let secrets: Vec<SecretString> = secrets.iter().map(|s| SecretString::from(*s)).collect();
        Secrets::new(&secrets).hide(text)
    }

    #[test]
    fn a_secret_goes_wherever_it_stands() {
        let said = "ERR unknown command `AUTH`, with args beginning with: `canary` `canary`";
        assert_eq!(
            hide(&["canary"], said),
            "ERR unknown command `AUTH`, with args beginning with: `(secret)` `(secret)`"
        );
        assert_eq!(hide(&[""], "nothing"), "nothing");
        assert_eq!(hide(&[], "nothing"), "nothing");
        // The longer one goes first: otherwise its end would remain.
        assert_eq!(hide(&["canary", "canary-bird"], "canary-bird"), HIDDEN);
    }

    #[test]
    fn a_beginning_is_enough_where_it_was_cut() {
        let long = "correct-horse-battery-staple";
        assert_eq!(hide(&[long], "x correct-horse-bat"), "x (secret)");
        assert_eq!(hide(&[long], "the correct-horse"), "the (secret)");
        assert_eq!(hide(&[long], "is correct"), "is correct");
        assert_eq!(
            hide(&["päßwörtchen-ganz-lang"], "päßwörtchen-g\u{fffd}"),
            "(secret)\u{fffd}"
        );
    }

    #[test]
    fn a_short_one_leaves_words_whole() {
        assert_eq!(
            hide(&["a"], "a node said `a`"),
            "(secret) node said `(secret)`"
        );
        assert_eq!(hide(&["cat"], "located"), "located");
    }

    #[test]
    fn directives_that_hold_secrets_are_known() {
        for name in [
            "tls-key-file-pass",
            "masterauth",
            "primaryauth",
            "requirepass",
            "user",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["masteruser", "save", "bind", "aclfile", "maxmemory"] {
            assert!(!is_secret(name), "{name}");
        }
        assert_eq!(
            words("user", "default on >pw1 <pw2 ~* +@all"),
            ["pw1", "pw2"]
        );
        assert_eq!(words("tls-key-file-pass", "\"my pass\""), ["my pass"]);
    }
}
