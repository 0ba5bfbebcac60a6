//! The colours of all output: the meanings of text, a style for each meaning, and whether there is
//! colour at all. Help and command-line errors use these, too.

use clap::builder::styling::{AnsiColor, Style, Styles};
use owo_colors::{OwoColorize, Stream};

/// The meaning of a piece of text, which decides its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Look at this.
    Warn,
    /// Wrong.
    Bad,
    /// Less important.
    Dim,
    /// A name, or a word to type.
    Strong,
    /// A heading.
    Heading,
}

/// The display beside a running step's line, as a template of the progress bar's library: the time
/// is dim.
pub const RUNNING: &str = "  {spinner} {msg} {elapsed:.dim}";

/// The styles of help and of the errors of the command line.
pub const HELP: Styles = Styles::plain()
    .header(style(Tone::Heading))
    .usage(style(Tone::Heading))
    .literal(style(Tone::Strong))
    .error(style(Tone::Bad))
    .valid(style(Tone::Good))
    .invalid(style(Tone::Warn));

const fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Warn => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
        Tone::Heading => Style::new().bold().underline(),
    }
}

/// When to print in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Where the stream is a terminal, unless the environment says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Sets the colours of all output, questions too. Returns whether there is colour, if that does not
/// depend on the terminal. `NO_COLOR` comes before `CLICOLOR_FORCE`.
pub fn colours(wanted: Colour) -> Option<bool> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let forced = match wanted {
        Colour::Always => Some(true),
        Colour::Never => Some(false),
        Colour::Auto if set("NO_COLOR").is_some() => Some(false),
        Colour::Auto => set("CLICOLOR_FORCE")
            .is_some_and(|value| value != "0")
            .then_some(true),
    };
    if let Some(coloured) = forced {
        owo_colors::set_override(coloured);
        dialoguer::console::set_colors_enabled(coloured);
        dialoguer::console::set_colors_enabled_stderr(coloured);
    }
    forced
}

/// Whether stdout has colours (`NO_COLOR`, `CLICOLOR` and `FORCE_COLOR` are honoured).
pub fn on_stdout() -> bool {
    let marked = "".if_supports_color(Stream::Stdout, |_| "x").to_string();
    !marked.is_empty()
}

/// With its colours, wherever it is printed.
pub fn always(text: &str, tone: Tone) -> String {
    let style = style(tone);
    format!("{style}{text}{style:#}")
}

/// For stdout.
pub fn out(text: &str, tone: Tone) -> String {
    text.if_supports_color(Stream::Stdout, |text| always(text, tone))
        .to_string()
}

/// For stderr.
pub fn err(text: &str, tone: Tone) -> String {
    text.if_supports_color(Stream::Stderr, |text| always(text, tone))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_looks_as_clap_has_it() {
        let (own, usual) = (HELP, Styles::styled());
        assert_eq!(own.get_header(), usual.get_header());
        assert_eq!(own.get_usage(), usual.get_usage());
        assert_eq!(own.get_literal(), usual.get_literal());
        assert_eq!(own.get_error(), usual.get_error());
        assert_eq!(own.get_valid(), usual.get_valid());
        assert_eq!(own.get_invalid(), usual.get_invalid());
    }

    #[test]
    fn a_style_ends_where_its_text_ends() {
        assert_eq!(always("x", Tone::Plain), "x");
        assert_eq!(always("x", Tone::Bad), "\u{1b}[1m\u{1b}[31mx\u{1b}[0m");
    }
}
