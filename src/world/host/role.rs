//! The role in a server's own file: what it says, and what becomes of the file when the server
//! writes it anew.

use super::Shell;
use super::owner::{as_server, as_server_alone};
use crate::topology::{Address, PersistedRole};

const ROLES: &str = include_str!("scripts/roles.sh");
const STATE: &str = include_str!("scripts/state.sh");
const FORECAST: &str = include_str!("scripts/forecast.sh");
/// The last line that gives a role counts, so all must be seen.
const ROLE_LINES: usize = 20;
const NARROW: &str = include_str!("scripts/narrow.sh");

/// A file before its server makes it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// `KIND MODE UID GID INODE ACL SECRETS`.
    fields: [String; 7],
    /// The text of the link, where it is one, and the file in the end.
    link: String,
    target: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Its role, or why it cannot be known.
    pub role: Result<PersistedRole, String>,
    /// What the operator has to know of the file.
    pub notes: Vec<String>,
}

/// Looks at the file that the server on `port` names, as the server's own user, right before
/// `CONFIG REWRITE`.
pub async fn before(shell: &impl Shell, path: &str, port: u16) -> Result<Before, String> {
    let said = as_server_alone(shell, STATE, path, port).await?;
    state(&said).ok_or_else(|| "its host gave no answer that can be read".to_owned())
}

/// Makes the file that `CONFIG REWRITE` has made as narrow as it was, a link again, and reads its
/// role.
pub async fn after(
    shell: &impl Shell,
    path: &str,
    port: u16,
    before: &Before,
) -> Result<After, String> {
    let mut args: Vec<&str> = before.fields.iter().map(String::as_str).collect();
    args.extend([before.link.as_str(), &before.target]);
    let inner = format!("{NARROW}{ROLES}");
    let said = as_server(shell, &inner, path, port, &args).await?;
    let (first, roles) = said.split_once('\n').unwrap_or((&said, ""));
    Ok(After {
        role: role(roles, path),
        notes: notes(first, path, before),
    })
}

/// What `CONFIG REWRITE` will make of the file that the server on `port` names, where that is more
/// than new content. It changes nothing.
pub async fn forecast(shell: &impl Shell, path: &str, port: u16) -> Result<Vec<String>, String> {
    let said = as_server(shell, FORECAST, path, port, &[]).await?;
    foretold(&said, path).ok_or_else(|| "its host gave no answer that can be read".to_owned())
}

/// Reads what `forecast.sh` said. Pure.
fn foretold(text: &str, path: &str) -> Option<Vec<String>> {
    let mut lines = text.lines();
    let words: Vec<&str> = lines.next()?.split_whitespace().collect();
    let [kind, uid, _, me] = words[..] else {
        return None;
    };
    let link = super::facts::unhex(lines.next()?)?;
    let target = super::facts::unhex(lines.next()?)?;
    let mut out = Vec::new();
    if kind == "lost" {
        out.push(format!(
            "{path} is a link to {link}: CONFIG REWRITE replaces it with a file of its own, and the server's user may not write beside {target}, so it cannot become a link again and {target} keeps the old role"
        ));
    }
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if digits(uid) && digits(me) && uid != me {
        out.push(format!(
            "{path} belongs to user {uid}: CONFIG REWRITE makes it anew, and then it belongs to user {me}, who runs the server"
        ));
    }
    Some(out)
}

/// Reads what `state.sh` said. Pure.
fn state(text: &str) -> Option<Before> {
    let mut lines = text.lines();
    let fields: Vec<String> = lines
        .next()?
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let fields: [String; 7] = fields.try_into().ok()?;
    let digits = |s: &String| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let kind = matches!(fields[0].as_str(), "file" | "link");
    if !kind || !fields[1..].iter().all(digits) {
        return None;
    }
    Some(Before {
        link: super::facts::unhex(lines.next()?)?,
        target: super::facts::unhex(lines.next()?)?,
        fields,
    })
}

/// What is to be said of a file that is not as it was. Pure.
fn notes(line: &str, path: &str, before: &Before) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [mode, uid, gid, what, copied] = words[..] else {
        return vec![format!("who may read {path} now is not known")];
    };
    let [_, was, owner, group, ..] = &before.fields;
    let octal = |text: &str| u32::from_str_radix(text, 8).ok();
    let mut notes = Vec::new();
    match (octal(mode), octal(was)) {
        (Some(now), Some(then)) if (now & !then).trailing_zeros() >= 8 => {}
        (Some(_), Some(_)) => notes.push(format!(
            "more users can read {path} than before (mode {mode}, was {was}), and only its owner or root can change that: chmod {was} {path}"
        )),
        _ => notes.push(format!("who may read {path} now is not known")),
    }
    if uid != owner {
        notes.push(format!(
            "{path} belongs to user {uid} now, who runs the server, and no longer to user {owner}: CONFIG REWRITE makes it anew"
        ));
    } else if gid != group {
        notes.push(format!(
            "{path} belongs to group {gid} now, and no longer to group {group}"
        ));
    }
    if copied == "1" {
        let readers = if octal(mode).is_some_and(|mode| mode & 0o4 == 0) {
            format!("only its owner and its group may read it now (mode {mode})")
        } else {
            format!("everybody of its host can read it (mode {mode}): chmod o= {path}")
        };
        notes.push(format!(
            "CONFIG REWRITE has written passwords into {path} that stood only in a file which it includes: {readers}"
        ));
    }
    if what == "unlinked" {
        notes.push(format!(
            "{path} was a link to {} and is a file of its own now: CONFIG REWRITE replaces a link, and the server's user may not write where it led",
            before.link
        ));
    }
    notes
}

/// Reads what `roles.sh` printed. Pure.
fn role(text: &str, path: &str) -> Result<PersistedRole, String> {
    let mut lines = text.lines();
    match lines.next() {
        Some("found") => {}
        Some("missing") => return Err(format!("{path} is not there")),
        Some("odd") => return Err(format!("{path} is no regular file")),
        Some("unreadable") => {
            return Err(format!("{path} cannot be read by the user who acts there"));
        }
        _ => return Err("the host gave no answer that can be read".to_owned()),
    }
    let mut role = PersistedRole::Primary;
    for (n, line) in lines.enumerate() {
        if n == ROLE_LINES {
            return Err(format!(
                "{path} has more than {ROLE_LINES} lines about roles and includes"
            ));
        }
        let words: Vec<String> = line
            .split_whitespace()
            .map(|w| w.trim_matches('"').to_ascii_lowercase())
            .collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["replicaof" | "slaveof", "no", "one"] => role = PersistedRole::Primary,
            ["replicaof" | "slaveof", host, port] => match port.parse() {
                Ok(port) => role = PersistedRole::ReplicaOf(Address::new(host, port)),
                Err(_) => return Err(format!("{path} has a replicaof line with a bad port")),
            },
            ["include", ..] => {
                return Err(format!(
                    "{path} includes other files, which are not looked at"
                ));
            }
            _ => return Err(format!("{path} has a replicaof line that cannot be read")),
        }
    }
    Ok(role)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_role_line_counts() {
        let read = |text: &str| role(text, "/x").ok();
        assert_eq!(read("found\n"), Some(PersistedRole::Primary));
        assert_eq!(
            read("found\nreplicaof 10.0.0.1 6379\nslaveof \"10.0.0.2\" 6380\n"),
            Some(PersistedRole::ReplicaOf(Address::new("10.0.0.2", 6380)))
        );
        assert_eq!(
            read("found\nreplicaof no one\n"),
            Some(PersistedRole::Primary)
        );
        for text in ["missing\n", "odd\n", "unreadable\n", ""] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("found\ninclude /etc/x\n"), None);
        assert_eq!(read("found\nreplicaof a 99999\n"), None);
    }

    #[test]
    fn what_a_host_says_of_a_file_is_numbers_or_nothing() {
        let good = state("file 640 101 102 77 0 1\n\n2f78\n").unwrap();
        assert_eq!(good.target, "/x");
        for bad in [
            "",
            "file 640 101 102 77 0\n\n2f78\n",
            "file 640 $(x) 102 77 0 1\n\n2f78\n",
            "odd 640 101 102 77 0 1\n\n2f78\n",
            "file 640 101 102 77 0 1\n",
            "file 640 101 102 77 0 1\nzz\n2f78\n",
        ] {
            assert_eq!(state(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_will_become_of_a_file_is_said() {
        let said = |text: &str| foretold(text, "/x").map(|all| all.join("; "));
        assert_eq!(said("file 7 8 7\n\n2f78\n").unwrap(), "");
        assert_eq!(said("link 7 8 7\n746f\n2f79\n").unwrap(), "");
        let lost = said("lost 0 8 7\n746f\n2f79\n").unwrap();
        assert!(lost.contains("/x is a link to to:") && lost.contains("/y keeps the old role"));
        assert!(lost.contains("/x belongs to user 0"));
        for bad in [
            "",
            "file 7 8\n\n2f78\n",
            "file 7 8 7\n",
            "file 7 8 7\nz\n2f78",
        ] {
            assert_eq!(said(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_became_of_a_file_is_said() {
        let was = state("link 640 0 102 77 0 0\n746f\n2f78\n").unwrap();
        let said = |line: &str| notes(line, "/x", &was).join("; ");
        assert_eq!(said("640 0 102 link 0"), "");
        assert_eq!(said("600 0 102 new 0"), "");
        assert!(said("644 0 102 new 0").contains("(mode 644, was 640)"));
        assert!(said("640 101 102 new 0").contains("belongs to user 101 now"));
        assert!(said("640 0 1 new 0").contains("belongs to group 1 now"));
        assert!(said("640 0 102 unlinked 0").contains("was a link to to"));
        assert!(said("640 0 102 new 1").contains("into /x that stood only in a file"));
        assert!(said("640 0 102 new 1").ends_with("read it now (mode 640)"));
        assert!(said("644 0 102 new 1").ends_with("(mode 644): chmod o= /x"));
        assert!(said("").contains("is not known"));
    }
}
