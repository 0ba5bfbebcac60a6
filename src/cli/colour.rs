//! `--color`.

use clap::ValueEnum;

/// What `--color` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set, and wherever `CLICOLOR_FORCE` is
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// The value among the words of a command line. Help is printed before all words are parsed.
    pub fn among<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words = words.into_iter().take_while(|word| *word != "--");
        let mut found = Self::Auto;
        while let Some(word) = words.next() {
            let value = match word.strip_prefix("--color") {
                Some("") => words.next(),
                Some(rest) => rest.strip_prefix('='),
                None => continue,
            };
            found = value
                .and_then(|value| Self::from_str(value, false).ok())
                .unwrap_or(found);
        }
        found
    }
}
