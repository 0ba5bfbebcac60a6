//! What a node's configuration file says of its role, read over SSH; and a role written into it by the server, with the file's mode kept.

use super::World;
use super::deployment::short;
use super::replication::{Acted, ask, look, seen, upstream};
use super::resp::{Conn, REPLY};
use super::ssh::Host;
use crate::config::Paths;
use crate::execute::Failure;
use crate::inventory::NodeSpec;
use crate::journal::Effect;
use crate::topology::{Address, NodeName, PersistedRole};
use redis::cmd;
use shlex::try_quote;
use std::fmt::Write as _;

/// Role lines of a file and of what it includes; `missing` where there is none. One line each, so that a hostile file stays small.
const ROLE_LINES: &str = r#"if [ -r "$f" ]; then echo found; grep -hiE '^[[:space:]]*(replicaof|slaveof|include)[[:space:]]' "$f" | head -n 20; else [ -e "$f" ] && echo unreadable || echo missing; fi"#;

/// With less room than this a disk is full, kB: the new file and its directory's block.
const FULL_KB: u64 = 64;

/// The role in the file of `spec`'s server.
pub async fn of(world: &World, spec: &NodeSpec) -> PersistedRole {
    let path = Paths::new(&world.inventory.server.directory, spec.address.port).config();
    match read(world, &spec.name, &path).await {
        Ok(role) => role,
        Err(why) => PersistedRole::Unknown(why),
    }
}

async fn read(world: &World, node: &NodeName, path: &str) -> Result<PersistedRole, String> {
    let host = world.host(node).await.map_err(|e| e.brief())?;
    let file = try_quote(path).map_err(|e| e.to_string())?;
    let output = host
        .run(&format!("f={file}; {ROLE_LINES}"), short(host.can_root()))
        .await
        .map_err(|e| e.brief())?;
    role(&String::from_utf8_lossy(&output.stdout), path)
}

/// Reads what the script printed. Pure.
fn role(text: &str, path: &str) -> Result<PersistedRole, String> {
    let mut lines = text.lines();
    match lines.next() {
        Some("found") => {}
        Some("missing") => return Err(format!("{path} is not there")),
        Some("unreadable") => return Err(format!("{path} cannot be read by the SSH user")),
        _ => return Err("the host gave no answer that can be read".to_owned()),
    }
    let mut role = PersistedRole::Primary;
    for line in lines {
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

/// `CONFIG REWRITE`, then the file's mode and owner as they were, then the role read back from it.
pub async fn persist(world: &World, node: &NodeName) -> Acted {
    let conn = world.connections.get(node).await?;
    let server = look(&conn, REPLY)
        .await
        .map_err(|t| Failure::none(t.detail))?;
    let wanted = upstream(&server).map(|u| u.address.clone());
    let config = cmd("INFO").arg("server").to_owned();
    let info = ask(&conn, &config).await?;
    let info =
        String::from_utf8_lossy(&redis::from_redis_value::<Vec<u8>>(info).unwrap_or_default())
            .into_owned();
    let path = info
        .lines()
        .find_map(|l| l.strip_prefix("config_file:"))
        .unwrap_or_default()
        .trim()
        .to_owned();
    if path.is_empty() {
        return Err(Failure::none(
            "the server runs without a configuration file, so its role ends with its process",
        ));
    }
    let host = match world.host(node).await {
        Ok(host) => host,
        Err(error) => {
            rewrite(&conn, &path, wanted.as_ref()).await?;
            return Ok(seen(format!(
                "written to {path}; not read back: {}",
                error.brief()
            )));
        }
    };
    let file = try_quote(&path)
        .map_err(|e| Failure::none(e.to_string()))?
        .into_owned();
    let ssh = |e: super::ssh::SshError| Failure::none(e.brief());
    let root = host.can_root();
    let before = host
        .run(&format!("stat -c '%a %u:%g' {file}"), short(root))
        .await
        .map_err(ssh)?;
    if let Err(failure) = rewrite(&conn, &path, wanted.as_ref()).await {
        return Err(with_the_disks_reason(failure, &host, &file).await);
    }
    let mut script = format!("f={file}; ");
    if let Some((mode, owner)) = mode_and_owner(&String::from_utf8_lossy(&before.stdout)) {
        // The rewritten file is a new one, and readable by everyone unless the server's umask says otherwise; passwords stand in it.
        let _ = write!(
            script,
            "chmod {mode} \"$f\"; [ \"$(id -u)\" != 0 ] || chown {owner} \"$f\"; "
        );
    }
    script.push_str(ROLE_LINES);
    let after = host.run(&script, short(root)).await.map_err(ssh)?;
    let role = role(&String::from_utf8_lossy(&after.stdout), &path).map_err(Failure::none)?;
    let same = match (&role, &wanted) {
        (PersistedRole::Primary, None) => true,
        (PersistedRole::ReplicaOf(file), Some(live)) => {
            file.port == live.port && file.host.eq_ignore_ascii_case(&live.host)
        }
        _ => false,
    };
    if same {
        Ok(seen(format!("read back from {path}")))
    } else {
        Err(Failure::none(format!(
            "{path} does not have its role after CONFIG REWRITE; a replicaof line may stand in an included file"
        )))
    }
}

/// `CONFIG REWRITE`; where the server cannot, what that means and what to do.
async fn rewrite(conn: &Conn, path: &str, upstream: Option<&Address>) -> Result<(), Failure> {
    let Err(failure) = ask(conn, cmd("CONFIG").arg("REWRITE")).await else {
        return Ok(());
    };
    if failure.effect == Effect::Unknown {
        return Err(Failure {
            why: format!(
                "it is not known whether its role is in {path}, CONFIG REWRITE was not answered: {}; when the node answers again, `replctl promote` of the primary writes it",
                failure.why
            ),
            ..failure
        });
    }
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let line = upstream.map_or_else(
        || "without any `replicaof` line".to_owned(),
        |to| format!("with `replicaof {} {}`", to.host, to.port),
    );
    Err(Failure::none(format!(
        "its role is NOT persistent, CONFIG REWRITE failed: {}; let the server's user write in {folder}, or write {path} by hand {line}",
        failure.why
    )))
}

/// Servers say `Invalid argument` and the like of a file they could not write for want of room.
async fn with_the_disks_reason(mut failure: Failure, host: &Host, file: &str) -> Failure {
    let line = format!(r#"df -Pk "$(dirname {file})" | awk 'END {{ print $(NF-2) }}'"#);
    let free = host.run(&line, short(host.can_root())).await;
    let free = free.ok().and_then(|out| {
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        text.trim().parse::<u64>().ok()
    });
    if free.is_some_and(|kb| kb < FULL_KB) {
        failure.why = format!("the disk of its host is full: {}", failure.why);
    }
    failure
}

/// `640 101:102`, with a mode that nobody else can read; anything else is left alone.
fn mode_and_owner(text: &str) -> Option<(String, String)> {
    let (mode, owner) = text.trim().split_once(' ')?;
    let mode = u32::from_str_radix(mode, 8).ok()? & 0o770;
    let numbers = |s: &str| {
        s.split_once(':')
            .is_some_and(|(u, g)| u.parse::<u32>().is_ok() && g.parse::<u32>().is_ok())
    };
    numbers(owner).then(|| (format!("{mode:o}"), owner.to_owned()))
}

#[cfg(test)]
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
        assert_eq!(read("missing\n"), None);
        assert_eq!(read("found\ninclude /etc/x\n"), None);
        assert_eq!(read("found\nreplicaof a 99999\n"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_mode_is_never_widened() {
        assert_eq!(
            mode_and_owner("644 101:102\n"),
            Some(("640".to_owned(), "101:102".to_owned()))
        );
        assert_eq!(
            mode_and_owner("600 0:0"),
            Some(("600".to_owned(), "0:0".to_owned()))
        );
        assert_eq!(mode_and_owner("600 $(x):0"), None);
        assert_eq!(mode_and_owner("; rm 0:0"), None);
    }
}
