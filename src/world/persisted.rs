//! What a node's configuration file says of its role, read over SSH; and a role written into it by the server, with the file kept as it was.
//!
//! The path that a running server tells may be a lie: whatever is done there is done as that server's own user.

use super::World;
use super::deployment::short;
use super::host::role;
use super::replication::{Acted, ask, look, seen, upstream};
use super::resp::{Conn, REPLY};
use super::ssh::Host;
use crate::config::Paths;
use crate::execute::Failure;
use crate::inventory::NodeSpec;
use crate::journal::Effect;
use crate::plan::{Action, Plan};
use crate::topology::{Address, Node, NodeName, PersistedRole, ReplicaAuth, Server};
use futures::StreamExt;
use redis::cmd;
use shlex::try_quote;
use std::fmt::Write as _;

/// With less room than this a disk is full, kB: the new file and its directory's block.
const FULL_KB: u64 = 64;

/// The file that the server of `spec` reads when it starts, as far as the inventory says.
fn config_path(world: &World, spec: &NodeSpec) -> String {
    Paths::new(&world.inventory.server.directory, spec.address.port).config()
}

/// The file that a running server names: it can name any.
fn told_path(info: &str) -> Option<String> {
    let line = info.lines().find_map(|l| l.strip_prefix("config_file:"))?;
    Some(line.trim().to_owned()).filter(|path| !path.is_empty())
}

/// The role in the file of `spec`'s server.
pub async fn of(world: &World, spec: &NodeSpec) -> PersistedRole {
    let path = config_path(world, spec);
    let user = &world.inventory.server.user;
    let read = async {
        let host = world.host(&spec.name).await.map_err(|e| e.brief())?;
        role::read(host.as_ref(), &path, user).await
    };
    read.await.unwrap_or_else(PersistedRole::Unknown)
}

/// `CONFIG REWRITE`; then the file is as narrow as it was and a link where it was one, and the role is read back from it.
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
    let Some(path) = told_path(&info) else {
        return Err(Failure::none(
            "the server runs without a configuration file, so its role ends with its process",
        ));
    };
    let secret = has_secret(&server);
    let port = world.inventory.get(node).map_or(0, |n| n.address.port);
    let host = world.host(node).await.map_err(|e| e.brief());
    let before = match &host {
        Ok(host) => role::before(host.as_ref(), &path, port).await,
        Err(why) => Err(why.clone()),
    };
    if let Err(failure) = rewrite(&conn, &path, wanted.as_ref()).await {
        return Err(match &host {
            Ok(host) => with_the_disks_reason(failure, host, &path).await,
            Err(_) => failure,
        });
    }
    let after = match (&host, &before) {
        (Ok(host), Ok(before)) => role::after(host.as_ref(), &path, port, before).await,
        (Ok(_), Err(why)) | (Err(why), _) => Err(why.clone()),
    };
    match after {
        Ok(after) => compared(after, &path, wanted.as_ref()),
        Err(why) => Ok(seen(unseen(&path, &why, secret))),
    }
}

impl World {
    /// Says in the plan what becomes of the files that it has servers write, where they do not stay as they are.
    pub async fn warn_of_files(&self, plan: &mut Plan) {
        let Some(seen) = self.seen_last() else {
            return;
        };
        let mut nodes: Vec<NodeName> = plan
            .steps()
            .filter(|s| s.action == Action::PersistRole)
            .map(|s| s.node.clone())
            .collect();
        nodes.sort();
        nodes.dedup();
        let looks = nodes.iter().map(|node| {
            let server = seen.get(node).and_then(Node::server);
            async move {
                let path = server?.config_file.as_ref()?;
                let look = tokio::time::timeout(self.host_look(), self.foretold(node, path));
                let found = look.await.unwrap_or_else(|_| Err("no answer".to_owned()));
                Some((node, path, has_secret(server?), found))
            }
        });
        let looked: Vec<_> = futures::stream::iter(looks)
            .buffered(self.concurrency())
            .filter_map(std::future::ready)
            .collect()
            .await;
        let mut unseen = Vec::new();
        for (node, path, secret, found) in looked {
            match found {
                Ok(told) => plan
                    .warnings
                    .extend(told.into_iter().map(|note| format!("`{node}`: {note}"))),
                Err(_) if secret => unseen.push(format!("{path} of `{node}`")),
                Err(_) => {}
            }
        }
        if !unseen.is_empty() {
            plan.warnings.push(format!(
                "replctl cannot see who may read {}: CONFIG REWRITE makes such a file anew, on most servers for everybody of its host to read, and passwords stand in it",
                unseen.join(", ")
            ));
        }
    }

    async fn foretold(&self, node: &NodeName, path: &str) -> Result<Vec<String>, String> {
        let host = self.host(node).await.map_err(|e| e.brief())?;
        let port = self.inventory.get(node).map_or(0, |n| n.address.port);
        role::forecast(host.as_ref(), path, port).await
    }
}

/// Whether passwords may stand in a server's file.
fn has_secret(server: &Server) -> bool {
    server.has_password != Some(false)
        || matches!(
            server.replica_auth,
            Some(ReplicaAuth::Right | ReplicaAuth::Wrong)
        )
}

/// What is said of a role that was written where nobody could look.
fn unseen(path: &str, why: &str, secret: bool) -> String {
    let mut said = format!("written to {path}; not read back: {why}");
    if secret {
        let _ = write!(
            said,
            "; who may read the file now is not known: CONFIG REWRITE makes it anew, on most servers for everybody to read, and passwords stand in it. On its host: ls -l {path}; chmod o= {path}"
        );
    }
    said
}

/// The role that was read back, against the one that the server has.
fn compared(after: role::After, path: &str, wanted: Option<&Address>) -> Acted {
    let notes = after.notes;
    let with_notes = |text: String| {
        let mut all = vec![text];
        all.extend(notes.iter().cloned());
        all.join("; ")
    };
    let role = after.role.map_err(|why| Failure::none(with_notes(why)))?;
    let same = match (&role, wanted) {
        (PersistedRole::Primary, None) => true,
        (PersistedRole::ReplicaOf(file), Some(live)) => {
            file.port == live.port && file.host.eq_ignore_ascii_case(&live.host)
        }
        (
            PersistedRole::Primary
            | PersistedRole::ReplicaOf(_)
            | PersistedRole::Unknown(_)
            | PersistedRole::Unwritten,
            _,
        ) => false,
    };
    if same {
        Ok(seen(with_notes(format!("read back from {path}"))))
    } else {
        Err(Failure::none(with_notes(format!(
            "{path} does not have its role after CONFIG REWRITE; a replicaof line may stand in an included file"
        ))))
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
async fn with_the_disks_reason(mut failure: Failure, host: &Host, path: &str) -> Failure {
    let Ok(file) = try_quote(path) else {
        return failure;
    };
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_said() {
        let said = unseen("/x", "no SSH", true);
        assert!(said.starts_with("written to /x; not read back: no SSH"));
        assert!(said.contains("is not known") && said.contains("chmod o= /x"));
        assert_eq!(
            unseen("/x", "no SSH", false),
            "written to /x; not read back: no SSH"
        );
    }

    #[test]
    fn a_role_is_the_one_of_the_server_or_a_failure() {
        let at = Address::new("10.0.0.1", 1);
        let after = |role| role::After {
            role,
            notes: vec!["a note".to_owned()],
        };
        let said = |role, wanted| compared(after(role), "/x", wanted);
        let good = said(Ok(PersistedRole::ReplicaOf(at.clone())), Some(&at)).unwrap();
        assert_eq!(good.text, "read back from /x; a note");
        assert!(said(Ok(PersistedRole::Primary), None).is_ok());
        for (role, wanted) in [
            (Ok(PersistedRole::Primary), Some(&at)),
            (Ok(PersistedRole::ReplicaOf(at.clone())), None),
            (Err("no answer".to_owned()), None),
        ] {
            let why = said(role, wanted).unwrap_err().why;
            assert!(why.ends_with("; a note"), "{why}");
        }
    }

    #[test]
    fn an_empty_path_is_none() {
        assert_eq!(told_path("a:b\r\nconfig_file:\r\n"), None);
        assert_eq!(told_path("config_file:/x\r\n"), Some("/x".to_owned()));
    }
}
