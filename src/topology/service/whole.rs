//! The whole configuration of a server as its start reads it: each directive with the comment above
//! it, includes in their places, arguments last. Pure.
//!
//! It follows files as [`super::chain`] does, which looks for the role alone.

use super::chain::{Ask, Files, Read, Start, absolute, is_pattern};
use crate::config::directives::{Directive, parse};

/// Files that are read for one server, at most.
const FILES: usize = 64;
/// Includes inside includes, at most: a file that includes itself has no end.
const DEPTH: usize = 8;

/// A directive of somebody's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The comment lines directly above it, without the sign.
    pub comment: Vec<String>,
    /// The directive; one that holds a secret has no arguments here.
    pub line: Directive,
    /// The file; `None`: the command line.
    pub file: Option<String>,
}

/// Follows what a start reads: all directives in order, or what else to read.
///
/// # Errors
/// Why it cannot be known, one phrase.
pub fn flatten(start: &Start<'_>, files: &Files) -> Result<Result<Vec<Stated>, Ask>, String> {
    let mut walk = Walk {
        files,
        patterns: start.patterns,
        folder: start.folder.map(str::to_owned),
        ask: Ask::default(),
        left: FILES,
        stated: Vec::new(),
    };
    if let Some(file) = start.file {
        walk.file(file, 0)?;
    }
    let arguments = super::command::directives(start.arguments)?;
    for line in arguments {
        walk.line(Vec::new(), line, None, 0)?;
    }
    Ok(if walk.ask == Ask::default() {
        Ok(walk.stated)
    } else {
        Err(walk.ask)
    })
}

struct Walk<'a> {
    files: &'a Files,
    patterns: bool,
    folder: Option<String>,
    ask: Ask,
    left: usize,
    stated: Vec<Stated>,
}

impl Walk<'_> {
    fn file(&mut self, path: &str, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("{path} is included more than {DEPTH} files deep"));
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| format!("its configuration is more than {FILES} files"))?;
        let files = self.files;
        match files.read.get(path) {
            None => {
                self.ask.files.insert(path.to_owned());
                Ok(())
            }
            Some(Read::Missing) => Err(format!("{path} is not there")),
            Some(Read::Refused(why)) => Err(format!("{path} {why}")),
            Some(Read::Lines(text)) => self.text(text, path, depth),
        }
    }

    fn text(&mut self, text: &str, path: &str, depth: usize) -> Result<(), String> {
        let mut comment = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix('#') {
                comment.push(words.trim().to_owned());
                continue;
            }
            let comment = std::mem::take(&mut comment);
            if let Some(directive) = parse(line).pop() {
                self.line(comment, directive, Some(path), depth)?;
            }
        }
        Ok(())
    }

    fn line(
        &mut self,
        comment: Vec<String>,
        line: Directive,
        path: Option<&str>,
        depth: usize,
    ) -> Result<(), String> {
        // Nothing can be said of what comes after an include that was not read yet.
        if self.ask != Ask::default() {
            return Ok(());
        }
        let at = path.unwrap_or("its command line");
        match (line.name.as_str(), line.args.as_slice()) {
            ("include", [named]) => {
                let target = absolute(self.folder.as_deref(), named).ok_or_else(|| {
                    format!("{at} includes `{named}`, and from which folder is not known")
                })?;
                return self.include(&target, depth);
            }
            ("include", _) => return Err(format!("{at} has an include that cannot be read")),
            ("dir", [folder]) => self.folder = absolute(self.folder.as_deref(), folder),
            (_, _) => {}
        }
        self.stated.push(Stated {
            comment,
            line,
            file: path.map(str::to_owned),
        });
        Ok(())
    }

    fn include(&mut self, target: &str, depth: usize) -> Result<(), String> {
        if !(self.patterns && is_pattern(target)) {
            return self.file(target, depth + 1);
        }
        let Some(matching) = self.files.matching.get(target) else {
            self.ask.patterns.insert(target.to_owned());
            return Ok(());
        };
        for path in matching.clone() {
            self.file(&path, depth + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> Files {
        let read =
            |(path, text): &(&str, &str)| ((*path).to_owned(), Read::Lines((*text).to_owned()));
        Files {
            read: all.iter().map(read).collect(),
            matching: [(
                "/etc/c/*.conf".to_owned(),
                vec!["/etc/c/1.conf".to_owned(), "/etc/c/2.conf".to_owned()],
            )]
            .into(),
        }
    }

    fn start(arguments: &[String], patterns: bool) -> Start<'_> {
        Start {
            file: Some("/etc/a.conf"),
            arguments,
            folder: Some("/"),
            patterns,
        }
    }

    #[test]
    fn directives_come_in_the_order_of_a_start_with_their_comments() {
        let files = files(&[
            (
                "/etc/a.conf",
                "# of everything\n\n#  mine \n# twice\nmaxmemory 1gb\ninclude /etc/c/*.conf\ntimeout 1\n",
            ),
            ("/etc/c/1.conf", "# slow\ntimeout 5\n"),
            ("/etc/c/2.conf", "requirepass\n"),
        ]);
        let arguments = ["--port".to_owned(), "7000".to_owned()];
        let stated = flatten(&start(&arguments, true), &files).unwrap().unwrap();
        let lines: Vec<String> = stated
            .iter()
            .map(|t| {
                format!(
                    "{}|{} {}|{}",
                    t.comment.join("/"),
                    t.line.name,
                    t.line.args.join(" "),
                    t.file.as_deref().unwrap_or("-")
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "mine/twice|maxmemory 1gb|/etc/a.conf",
                "slow|timeout 5|/etc/c/1.conf",
                "|requirepass |/etc/c/2.conf",
                "|timeout 1|/etc/a.conf",
                "|port 7000|-",
            ]
        );
    }

    #[test]
    fn what_is_not_read_yet_is_asked_for_and_what_cannot_be_read_is_said() {
        let asked = |text: &str, patterns| {
            let files = files(&[("/etc/a.conf", text)]);
            flatten(&start(&[], patterns), &files)
        };
        let ask = asked("include /etc/b.conf\ninclude /etc/d.conf\n", true).unwrap();
        assert_eq!(ask.unwrap_err().files, ["/etc/b.conf".to_owned()].into());
        // From the folder that `dir` has set before it.
        let ask = asked("dir /var/lib\ninclude b.conf\n", true).unwrap();
        assert_eq!(
            ask.unwrap_err().files,
            ["/var/lib/b.conf".to_owned()].into()
        );
        let ask = asked("include /x/*\n", true).unwrap();
        assert_eq!(ask.unwrap_err().patterns, ["/x/*".to_owned()].into());
        // Before 7.0 it is a name.
        let ask = asked("include /x/*\n", false).unwrap();
        assert_eq!(ask.unwrap_err().files, ["/x/*".to_owned()].into());
        let circle = asked("include /etc/a.conf\n", true).unwrap_err();
        assert!(circle.contains("8 files deep"), "{circle}");
    }
}
