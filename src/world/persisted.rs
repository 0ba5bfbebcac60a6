//! What a node's configuration file says of its role, read over SSH; and a role written into it by
//! the server, with the file kept as it was.
//!
//! The path that a running server reports may be a lie. So every access to it runs as that server's
//! own user.

use super::connections::Connections;
use super::host::role;
use super::hosts::{Hosts, short};
use super::password::REWRITE;
use super::replication::{Acted, ask, seen, upstream};
use super::resp::Conn;
use super::ssh::Host;
use super::{info, service};
use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::engine::warning::files::Files;
use crate::engine::{Plan, Warning};
use crate::topology::service::{Keep, Service};
use crate::topology::{Address, Node, NodeName, PersistedRole, ReplicaAuth, Server, Topology};
use futures::StreamExt;
use redis::cmd;
use shlex::try_quote;
use std::fmt::Write as _;

/// With less room than this a disk is full, kB: the new file and its directory's block.
const FULL_KB: u64 = 64;

/// `CONFIG REWRITE`. Then the file's permissions are as narrow as before, a link is a link again,
/// and the role is read back from the file.
pub async fn persist(hosts: &Hosts, connections: &Connections, node: &NodeName) -> Acted {
    let conn = connections.get(node).await?;
    let server = whole(&conn).await?;
    let wanted = upstream(&server).map(|u| u.address.clone());
    let Some(path) = server.config_file.clone() else {
        return Err(Failure::none(
            "the server runs without a configuration file, so its role ends with its process",
        ));
    };
    let secret = has_secret(&server);
    let port = hosts.inventory.get(node).map_or(0, |n| n.address.port);
    let host = hosts.session(node).await.map_err(|e| e.brief());
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
        Ok(after) => {
            let service = service::service(hosts, node, Some(&server)).await;
            compared(&service, after, &path, wanted.as_ref())
        }
        Err(why) => Ok(Evidence {
            read_back: Some(false),
            ..seen(unseen(&path, &why, secret))
        }),
    }
}

/// What the server says of itself.
async fn whole(conn: &Conn) -> Result<Server, Failure> {
    let reply = ask(conn, &cmd("INFO")).await?;
    let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
    info::parse(&String::from_utf8_lossy(&text)).map_err(|e| Failure::none(e.to_string()))
}

/// Warns in the plan of files that servers will write and that will not stay as they are, by the
/// last look.
pub async fn warn_of_files(hosts: &Hosts, seen: &Topology, plan: &mut Plan) {
    let mut nodes: Vec<NodeName> = plan
        .steps()
        .filter(|s| s.action == Action::Server(ServerAction::PersistRole))
        .map(|s| s.node.clone())
        .collect();
    nodes.sort();
    nodes.dedup();
    let looks = nodes.iter().map(|node| {
        let server = seen.get(node).and_then(Node::server);
        async move {
            let path = server?.config_file.as_ref()?;
            let look = tokio::time::timeout(hosts.patience, foretold(hosts, node, path));
            let found = look.await.unwrap_or_else(|_| Err("no answer".to_owned()));
            Some((node, path, has_secret(server?), found))
        }
    });
    let looked: Vec<_> = futures::stream::iter(looks)
        .buffered(hosts.concurrency)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let mut unseen = Vec::new();
    for (node, path, secret, found) in looked {
        match found {
            Ok(told) => plan.warnings.extend(
                told.into_iter()
                    .map(|note| Warning::of(node, Files::Said(note))),
            ),
            Err(_) if secret => unseen.push((path.clone(), node.clone())),
            Err(_) => {}
        }
    }
    if !unseen.is_empty() {
        plan.warnings.push(Warning::of_all(Files::Unseen(unseen)));
    }
}

async fn foretold(hosts: &Hosts, node: &NodeName, path: &str) -> Result<Vec<String>, String> {
    let host = hosts.session(node).await.map_err(|e| e.brief())?;
    let port = hosts.inventory.get(node).map_or(0, |n| n.address.port);
    role::forecast(host.as_ref(), path, port).await
}

/// Whether passwords may stand in a server's file.
fn has_secret(server: &Server) -> bool {
    server.has_password != Some(false)
        || matches!(
            server.replica_auth,
            Some(ReplicaAuth::Right | ReplicaAuth::Wrong)
        )
}

/// The words for a written role that could not be read back.
fn unseen(path: &str, why: &str, secret: bool) -> String {
    let mut said = format!("written to {path}; not read back: {why}");
    if secret {
        let _ = write!(
            said,
            "; it is not known who may read the file now: CONFIG REWRITE makes it anew, and on most servers everybody may then read it and the passwords in it. On its host: ls -l {path}; chmod o= {path}"
        );
    }
    said
}

/// Compares the role that the next start reads with the server's role. If the next role was not
/// seen, this is no failure; if it differs, this is one.
fn compared(service: &Service, after: role::After, path: &str, wanted: Option<&Address>) -> Acted {
    let notes = after.notes;
    let with_notes = |text: String| {
        let mut all = vec![text];
        all.extend(notes.iter().cloned());
        all.join("; ")
    };
    let same = |role: &PersistedRole| match (role, wanted) {
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
    match service.next_role() {
        role if same(&role) => Ok(Evidence {
            read_back: Some(true),
            notes: notes.clone(),
            ..seen(with_notes(format!("read back from {path}")))
        }),
        PersistedRole::Unknown(why) => {
            let read = match &after.role {
                Ok(role) if same(role) => "written to",
                Ok(_) | Err(_) => "CONFIG REWRITE has written",
            };
            Ok(Evidence {
                read_back: Some(false),
                notes: notes.clone(),
                ..seen(with_notes(format!(
                    "{read} {path}; what a restart reads is not known: {why}"
                )))
            })
        }
        PersistedRole::Primary | PersistedRole::ReplicaOf(_) | PersistedRole::Unwritten => {
            let why = match service.keeps(wanted, wanted, |a, b| a == b) {
                Keep::No(obstacle) => obstacle.why(service),
                Keep::Yes | Keep::Unknown(_) => {
                    format!("{path} does not have its role after CONFIG REWRITE")
                }
            };
            Err(Failure::none(with_notes(format!(
                "a restart gives it another role: {why}"
            ))))
        }
    }
}

/// `CONFIG REWRITE`; where the server cannot, what that means and what to do.
async fn rewrite(conn: &Conn, path: &str, upstream: Option<&Address>) -> Result<(), Failure> {
    let Err(trouble) = conn.call(cmd("CONFIG").arg("REWRITE"), REWRITE).await else {
        return Ok(());
    };
    if trouble.may_be_executed() {
        return Err(Failure::unknown(format!(
            "it is not known whether its role is in {path}, CONFIG REWRITE was not answered: {}; when the node answers again, `replctl promote` of the primary writes it",
            trouble.detail
        )));
    }
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let line = upstream.map_or_else(
        || "without any `replicaof` line".to_owned(),
        |to| format!("with `replicaof {} {}`", to.host, to.port),
    );
    Err(Failure::none(format!(
        "its role is NOT persistent, CONFIG REWRITE failed: {}; let the server's user write in {folder}, or write {path} by hand {line}",
        trouble.detail
    )))
}

/// If a full disk stops a server from writing its file, it says `Invalid argument` and the like.
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
    use crate::topology::service::{Arguments, Chain, Starter, Writable};

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
        let service = |role: Option<&Address>| Service {
            starter: Starter::Nothing,
            process: None,
            file: Some("/x".to_owned()),
            written: Some("/x".to_owned()),
            arguments: Arguments::Shown(Vec::new()),
            settings: Ok(Chain::of_file("/x", role)),
            writable: Writable::Yes,
            managed: false,
        };
        let after = || role::After {
            role: Ok(PersistedRole::Primary),
            notes: vec!["a note".to_owned()],
        };
        let said = |read, wanted| compared(&service(read), after(), "/x", wanted);
        let good = said(Some(&at), Some(&at)).unwrap();
        assert_eq!(good.text, "read back from /x; a note");
        assert_eq!(good.read_back, Some(true));
        assert_eq!(good.notes, ["a note"]);
        assert!(said(None, None).is_ok());
        for (read, wanted) in [(None, Some(&at)), (Some(&at), None)] {
            let why = said(read, wanted).unwrap_err().why;
            assert!(why.ends_with("; a note"), "{why}");
        }
        let unknown = Service::unseen(Some("/x".to_owned()), "no answer");
        let seen = compared(&unknown, after(), "/x", None).unwrap();
        assert_eq!(seen.read_back, Some(false));
        assert_eq!(
            seen.text,
            "written to /x; what a restart reads is not known: no answer; a note"
        );
    }
}
