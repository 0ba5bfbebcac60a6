//! Text for people: the abilities of the terminal, styles, columns that fit, and wrapped
//! paragraphs. This module knows nothing about replication.

use super::paint::{Tone, always, on_stdout};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Columns; `None` where lines need not end (no terminal).
    pub width: Option<usize>,
    /// Whether more than ASCII can be shown.
    pub utf8: bool,
    /// Whether colours are wanted.
    pub colour: bool,
}

impl Options {
    /// As stdout is: its width, the locale, `NO_COLOR` and the like.
    pub fn of_stdout() -> Self {
        let width = terminal_size::terminal_size_of(std::io::stdout())
            .map(|(width, _)| usize::from(width.0).max(20));
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|v| !v.is_empty());
        Self {
            width,
            utf8: is_utf8(locale.as_deref()),
            colour: on_stdout(),
        }
    }
}

fn is_utf8(locale: Option<&str>) -> bool {
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Text in a style, where colours are wanted.
pub fn paint(text: &str, tone: Tone, options: Options) -> String {
    if options.colour {
        always(text, tone)
    } else {
        text.to_owned()
    }
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// If the width is short, the column with the highest number is dropped first; 0 stays.
    pub drop: u8,
    /// Whether its cells are cut first, after all optional columns are dropped.
    pub cut: bool,
    /// Whether numbers stand in it, aligned to the right.
    pub right: bool,
}

impl Column {
    /// One with text in it.
    pub const fn text(title: &'static str, drop: u8) -> Self {
        Self {
            title,
            drop,
            cut: false,
            right: false,
        }
    }

    /// One with numbers in it.
    pub const fn number(title: &'static str, drop: u8) -> Self {
        Self {
            right: true,
            ..Self::text(title, drop)
        }
    }

    /// The same, cut before the others.
    pub const fn cut(self) -> Self {
        Self { cut: true, ..self }
    }
}

/// One cell, safe to print.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// Its style.
    pub style: Tone,
}

impl Cell {
    /// A plain cell.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style: Tone::Plain,
        }
    }
}

/// The smallest width of a cut column.
const NARROW: usize = 8;

/// The table, a head and a line per row, each line ended by a newline.
pub fn render(columns: &[Column], rows: &[Vec<Cell>], options: Options) -> String {
    let (kept, widths, gap) = fit(columns, rows, options);
    let mut out = String::new();
    let head: Vec<Cell> = columns
        .iter()
        .map(|c| Cell {
            text: c.title.to_owned(),
            style: Tone::Dim,
        })
        .collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (&index, &width) in kept.iter().zip(&widths) {
            let text = cut(&row[index].text, width, options.utf8);
            let pad = " ".repeat(width.saturating_sub(text.width()));
            let text = paint(&text, row[index].style, options);
            if !line.is_empty() {
                line.push_str(&" ".repeat(gap));
            }
            let (before, after) = if columns[index].right {
                (pad.as_str(), "")
            } else {
                ("", pad.as_str())
            };
            line.extend([before, &text, after]);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The columns to keep, their widths, and the number of blanks between two.
fn fit(
    columns: &[Column],
    rows: &[Vec<Cell>],
    options: Options,
) -> (Vec<usize>, Vec<usize>, usize) {
    let natural = |index: usize| {
        let cells = rows
            .iter()
            .map(|row| row[index].text.width())
            .max()
            .unwrap_or(0);
        cells.max(columns[index].title.width())
    };
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let mut widths: Vec<usize> = kept.iter().map(|index| natural(*index)).collect();
    let mut gap = 2;
    let Some(room) = options.width else {
        return (kept, widths, gap);
    };
    let total = |widths: &[usize], gap: usize| {
        widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1)
    };
    while total(&widths, gap) > room {
        let least = (0..kept.len())
            .max_by_key(|at| columns[kept[*at]].drop)
            .filter(|at| columns[kept[*at]].drop > 0);
        let widest = |least: usize, any: bool| {
            (0..kept.len())
                .filter(|at| (any || columns[kept[*at]].cut) && widths[*at] > least)
                .max_by_key(|at| widths[*at])
        };
        // If that is not enough, the widest column is cut: a line that wraps is unreadable.
        let widest = widest(NARROW, false)
            .or_else(|| widest(NARROW, true))
            .or_else(|| widest(1, true));
        if let Some(at) = least {
            kept.remove(at);
            widths.remove(at);
        } else if gap > 1 {
            gap = 1;
        } else if let Some(at) = widest {
            widths[at] -= 1;
        } else {
            break;
        }
    }
    (kept, widths, gap)
}

/// A text of at most that many columns.
fn cut(text: &str, width: usize, utf8: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push(if utf8 { '…' } else { '~' });
    out
}

/// A paragraph whose lines fit, those after the first indented.
pub fn wrap(text: &str, indent: usize, options: Options) -> String {
    let room = options.width.unwrap_or(usize::MAX);
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let width = word.width();
        if used > 0 && used + 1 + width > room {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Options = Options {
        width: Some(20),
        utf8: true,
        colour: false,
    };

    fn table(options: Options) -> String {
        let columns = [
            Column::text("name", 0).cut(),
            Column::number("n", 1),
            Column::text("more", 2),
        ];
        let row = |a: &str, b: &str, c: &str| vec![Cell::plain(a), Cell::plain(b), Cell::plain(c)];
        render(
            &columns,
            &[
                row("数据库", "7", "x"),
                row("a-very-long-name", "1234", "yy"),
            ],
            options,
        )
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let wide = table(Options {
            width: None,
            ..PLAIN
        });
        assert_eq!(
            wide,
            "name                 n  more\n数据库               7  x\na-very-long-name  1234  yy\n"
        );
    }

    #[test]
    fn what_does_not_fit_goes_in_order_and_then_is_cut() {
        assert_eq!(
            table(Options {
                width: Some(24),
                ..PLAIN
            })
            .lines()
            .next(),
            Some("name                 n")
        );
        assert_eq!(
            table(Options {
                width: Some(16),
                ..PLAIN
            }),
            "name\n数据库\na-very-long-name\n"
        );
        assert_eq!(
            table(Options {
                width: Some(9),
                ..PLAIN
            }),
            "name\n数据库\na-very-l…\n"
        );
        assert_eq!(
            table(Options {
                width: Some(9),
                utf8: false,
                ..PLAIN
            }),
            "name\n数据库\na-very-l~\n"
        );
        assert_eq!(
            table(Options {
                width: Some(3),
                ..PLAIN
            })
            .lines()
            .last(),
            Some("a-…")
        );
    }

    #[test]
    fn paragraphs_wrap_at_words() {
        assert_eq!(
            wrap("one two three four five", 2, PLAIN),
            "one two three four\n  five"
        );
        assert_eq!(
            wrap(
                "one two",
                2,
                Options {
                    width: None,
                    ..PLAIN
                }
            ),
            "one two"
        );
        assert_eq!(
            wrap("averyverylongwordthatdoesnotfit x", 2, PLAIN),
            "averyverylongwordthatdoesnotfit\n  x"
        );
    }

    #[test]
    fn colours_come_only_where_wanted() {
        assert_eq!(paint("x", Tone::Bad, PLAIN), "x");
        assert!(
            paint(
                "x",
                Tone::Bad,
                Options {
                    colour: true,
                    ..PLAIN
                }
            )
            .starts_with("\u{1b}[")
        );
    }

    #[test]
    fn locales_are_read() {
        assert!(is_utf8(Some("zh_CN.UTF-8")));
        assert!(is_utf8(Some("C.utf8")));
        assert!(!is_utf8(Some("POSIX")));
        assert!(!is_utf8(None));
    }
}
