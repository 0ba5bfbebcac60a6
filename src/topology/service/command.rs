//! A command line that starts a server: its program, its configuration file, its arguments. Pure.

use crate::config::directives::Directive;
use std::collections::BTreeMap;

/// A start command in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// The configuration file as it was typed.
    pub file: Option<String>,
    /// The words after it.
    pub arguments: Vec<String>,
}

/// Whether a program's file is a server of the family, by its name.
pub(super) fn is_server(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    ["redis", "valkey", "keydb"]
        .iter()
        .any(|f| name.starts_with(f))
        && !name.contains("cli")
        && !name.contains("sentinel")
        && !name.contains("benchmark")
}

/// Splits a command into parts. Words before the server's program (a loader, `numactl`) are
/// skipped. `None`: no program is a server.
pub(super) fn of(words: &[String]) -> Option<Command> {
    let first = words.first()?;
    // A shell's text is not a list of words any more.
    let shell = |word: &str| {
        matches!(
            word.rsplit('/').next(),
            Some("sh" | "bash" | "dash" | "ash")
        )
    };
    if shell(first) {
        return None;
    }
    let at = words.iter().position(|word| is_server(word))?;
    let mut rest = words[at + 1..].to_vec();
    let named = rest.first().is_some_and(|word| !word.starts_with('-'));
    let file = named.then(|| rest.remove(0));
    Some(Command {
        file,
        arguments: rest,
    })
}

/// The arguments as lines of a configuration: `--name value …`.
///
/// # Errors
/// Why they cannot be read so.
pub(super) fn directives(arguments: &[String]) -> Result<Vec<Directive>, String> {
    let mut lines: Vec<Directive> = Vec::new();
    for word in arguments {
        match (word.strip_prefix("--"), lines.last_mut()) {
            (Some(name), _) => lines.push(Directive {
                name: name.to_ascii_lowercase(),
                args: Vec::new(),
            }),
            (None, Some(line)) => line.args.push(word.clone()),
            (None, None) if word == "-" => {
                return Err("it reads a part of its configuration from its standard input".into());
            }
            (None, None) => return Err(format!("its argument `{word}` cannot be read")),
        }
    }
    Ok(lines)
}

/// The words of a unit's `ExecStart`, with the variables that the unit sets itself.
///
/// # Errors
/// A variable that is set elsewhere.
pub(super) fn words(
    line: &str,
    variables: &BTreeMap<String, String>,
    elsewhere: bool,
) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    for word in line.split_whitespace() {
        let Some((before, after)) = word.split_once('$') else {
            out.push(word.to_owned());
            continue;
        };
        let (name, rest) = match after.strip_prefix('{').and_then(|a| a.split_once('}')) {
            Some(parts) => parts,
            None => (after, ""),
        };
        let value = match variables.get(name) {
            Some(value) => value.as_str(),
            None if elsewhere => {
                return Err(format!("its unit takes `${name}` from an environment file"));
            }
            None => "",
        };
        if before.is_empty() && rest.is_empty() && !after.starts_with('{') {
            // A variable alone and without braces becomes several words, or none.
            out.extend(value.split_whitespace().map(str::to_owned));
        } else {
            out.push(format!("{before}{value}{rest}"));
        }
    }
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn commands_come_apart() {
        let parts = |line: &str| of(&split(line)).map(|c| (c.file, c.arguments.join(" ")));
        let debian =
            "/usr/bin/redis-server /etc/redis/redis.conf --supervised systemd --daemonize no";
        assert_eq!(
            parts(debian),
            Some((
                Some("/etc/redis/redis.conf".into()),
                "--supervised systemd --daemonize no".into()
            ))
        );
        assert_eq!(
            parts("redis-server --port 7000"),
            Some((None, "--port 7000".into()))
        );
        assert_eq!(
            parts("/lib/ld-linux.so.2 --library-path /x/redis/lib /x/valkey-server a.conf"),
            Some((Some("a.conf".into()), String::new()))
        );
        assert_eq!(parts("redis-server"), Some((None, String::new())));
        assert_eq!(parts("/bin/sh -c exec redis-server /x --replicaof"), None);
        assert_eq!(parts("/usr/bin/docker-proxy -proto tcp"), None);
        assert_eq!(parts("/usr/bin/redis-sentinel /x"), None);
    }

    #[test]
    fn arguments_are_lines() {
        let read = |line: &str| directives(&split(line));
        let lines = read("--Port 7000 --replicaof 10.0.0.1 6379").unwrap();
        assert_eq!(lines[0].name, "port");
        assert_eq!(lines[1].args, ["10.0.0.1", "6379"]);
        assert!(read("- --port 1").unwrap_err().contains("standard input"));
        assert!(read("x").is_err());
    }

    #[test]
    fn variables_of_the_unit_are_put_in() {
        let set = BTreeMap::from([
            ("OPTIONS".to_owned(), "--replicaof h 1".to_owned()),
            ("NAME".to_owned(), "a".to_owned()),
        ]);
        let read = |line: &str, elsewhere| words(line, &set, elsewhere);
        assert_eq!(
            read("/redis-server /etc/${NAME}.conf $OPTIONS $NONE", false).unwrap(),
            ["/redis-server", "/etc/a.conf", "--replicaof", "h", "1"]
        );
        assert!(read("/redis-server $NONE", true).is_err());
    }
}
