//! Colour, where the stream is a terminal that wants it (`NO_COLOR`, `CLICOLOR`, `FORCE_COLOR` are
//! honoured).

use owo_colors::{OwoColorize, Stream, Style};

/// What a piece of text means; its colour follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Look at this.
    Warn,
    /// Wrong.
    Bad,
    /// Less important.
    Dim,
    /// A heading or a name.
    Strong,
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Good => Style::new().green(),
        Tone::Warn => Style::new().yellow(),
        Tone::Bad => Style::new().red().bold(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
    }
}

/// For stdout.
pub fn out(text: &str, tone: Tone) -> String {
    text.if_supports_color(Stream::Stdout, |t| t.style(style(tone)))
        .to_string()
}

/// For stderr.
pub fn err(text: &str, tone: Tone) -> String {
    text.if_supports_color(Stream::Stderr, |t| t.style(style(tone)))
        .to_string()
}
