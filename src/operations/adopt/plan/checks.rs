//! The refusals of adopting a node, all at once. Pure.

mod access;
mod alone;
mod configuration;
mod data;
mod starter;

pub(super) use alone::alone;
pub(super) use data::other_data;

use super::{AdoptInput, Subject};
use crate::config::Paths;
use crate::engine::{Ground, Refusal};
use crate::inventory::{Auth, ServerSource};
use crate::plan::facts::{HostFacts, Listener};
use crate::plan::hosts::HostLook;
use crate::plan::hosts::checks::{over_tls, to_start, unreachable, usable};
use crate::topology::versions::program;
use crate::topology::{Link, NodeName, ReplicaAuth, Server, State, Topology};

/// Space for logs and for what is written during the copy, bytes.
const ROOM: u64 = 64 << 20;

/// All refusals for this node.
pub(super) fn refusals(around: &AdoptInput<'_>, subject: Subject<'_>) -> Vec<Refusal> {
    let name = &subject.spec.name;
    let mut out = Vec::new();
    let facts = match around.hosts.get(name) {
        Some(Ok(facts)) => facts,
        Some(Err(why)) => return vec![unreachable(subject.spec, &why.why, why.hint.as_deref())],
        None => return vec![unreachable(subject.spec, "nobody looked at it", None)],
    };
    let server = match &subject.node.state {
        State::Up(server) => server,
        State::Down(trouble) => {
            return vec![Refusal::new(
                Ground::Unreachable,
                format!("`{name}` does not answer: {}", trouble.detail),
                "start it by its own means first; see: replctl status",
            )];
        }
    };
    if server.cluster_enabled {
        return vec![Refusal::new(
            Ground::Unsupported,
            format!("`{name}` runs in cluster mode"),
            "replctl does replication without Redis Cluster; take it out of the inventory",
        )];
    }
    host(around, subject, facts, &mut out);
    let found = around.found.get(name);
    starter::refusals(subject, facts, found, &mut out);
    if let Some(found) = found {
        starter::boot(subject, found, &mut out);
    }
    version(around, name, facts, server, &mut out);
    taken(around, subject, facts, &mut out);
    room(around, subject, (facts, server), &mut out);
    login(around, name, server, &mut out);
    state(around, subject, server, &mut out);
    configuration::refusals(around, subject, (facts, server), &mut out);
    access::refusals(around, subject, &mut out);
    out
}

/// What the host needs so that replctl can start a server there.
fn host(around: &AdoptInput<'_>, subject: Subject<'_>, facts: &HostFacts, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    if !facts.root {
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "`{}` is not root on the host of `{name}`, and only root can change what starts its server",
                facts.login
            ),
            "log in as root, or allow sudo",
        ));
    }
    if !facts.systemd {
        out.push(Refusal::new(
            Ground::Unsupported,
            format!("the host of `{name}` has no systemd, and `adopt` works only with systemd"),
            "leave it as it is: status, promote, move, detach, rejoin and repair work on it",
        ));
    }
    usable(subject.spec, facts, out);
    // The checks assume that nothing runs there yet.
    let nothing = Topology {
        nodes: Vec::new().into(),
    };
    let look = HostLook::new(around.inventory, &nothing, around.hosts, around.payload);
    to_start(&look, subject.spec, facts, out);
    over_tls(&look, subject.spec, out);
}

/// The new server must run the same program: never an older version, and never another product.
fn version(
    around: &AdoptInput<'_>,
    name: &NodeName,
    facts: &HostFacts,
    server: &Server,
    out: &mut Vec<Refusal>,
) {
    let runs = program(server.product, server.version);
    let brought = match &around.inventory.server.source {
        ServerSource::Embedded | ServerSource::Binary(_) => {
            let payload = around.payload.iter().find(|p| p.arch == facts.arch);
            match payload {
                Some(p) if (p.product, p.version) == (server.product, server.version) => return,
                Some(p) => program(p.product, p.version),
                // Another check refuses that.
                None => return,
            }
        }
        ServerSource::Package(_) => {
            let is = around
                .found
                .get(name)
                .and_then(|f| f.boot.as_ref().ok()?.of_package);
            if of_package(facts) && is == Some(server.version) {
                return;
            }
            match (&facts.package, is) {
                (Some(path), Some(is)) if of_package(facts) => {
                    format!("{path}, which is now {}", program(server.product, is))
                }
                (Some(path), None) if of_package(facts) => {
                    format!("{path}, whose version is unknown")
                }
                (package, _) => match package {
                    Some(path) => format!("{path}, another program"),
                    None => "the distribution's package, which is not installed".to_owned(),
                },
            }
        }
        ServerSource::Tarball { file, .. } => format!(
            "a program built from {}, whose version is unknown before the build",
            file.display()
        ),
    };
    let holds = facts.holder.as_ref().and_then(|h| h.program.as_deref());
    let is_package = matches!(around.inventory.server.source, ServerSource::Package(_));
    let way = match holds {
        Some(_) if of_package(facts) && is_package => {
            "restart it by its own means, so that it runs the installed program, and run this again"
                .to_owned()
        }
        Some(_) if of_package(facts) => {
            "`source = \"package\"` in [server]: that is the program that runs".to_owned()
        }
        Some(path) => format!(
            "copy {path} here and write, in [server]: source = \"binary\" and file = \"FILE\""
        ),
        None => "give [server] the program that runs, as `source = \"package\"` or `\"binary\"`"
            .to_owned(),
    };
    out.push(Refusal::new(
        Ground::Version,
        format!(
            "`{name}` runs {runs}, and `source` in [server] brings {brought}: `adopt` changes no version"
        ),
        way,
    ));
}

/// Whether the running program belongs to the distribution's package. On Debian, the server is a
/// link to the program of the same package that checks snapshots.
fn of_package(facts: &HostFacts) -> bool {
    let holds = facts.holder.as_ref().and_then(|h| h.program.as_deref());
    let (Some(package), Some(runs)) = (facts.package.as_deref(), holds) else {
        return false;
    };
    let apart = |path: &str| {
        path.rsplit_once('/')
            .map(|(f, n)| (f.to_owned(), n.to_owned()))
    };
    let (Some((folder, _)), Some((at, name))) = (apart(package), apart(runs)) else {
        return false;
    };
    package == runs || folder == at && name.contains("-check-")
}

/// Whether something exists at the paths of its new files.
fn taken(around: &AdoptInput<'_>, subject: Subject<'_>, facts: &HostFacts, out: &mut Vec<Refusal>) {
    let paths = Paths::of(around.inventory, subject.spec);
    let name = &subject.spec.name;
    let what = if facts.directories.contains_key(&paths.data()) {
        paths.data()
    } else if facts.unit.is_some() {
        format!("/etc/systemd/system/{}", paths.unit())
    } else {
        return;
    };
    out.push(Refusal::new(
        Ground::Host,
        format!(
            "{what} is there already on the host of `{name}`, where replctl would write its own"
        ),
        "if nothing needs it, move it away; or give [server] another `directory`",
    ));
}

/// Space for a second copy of its data, and for the snapshot that it saves when it ends.
fn room(
    around: &AdoptInput<'_>,
    subject: Subject<'_>,
    (facts, server): (&HostFacts, &Server),
    out: &mut Vec<Refusal>,
) {
    let name = &subject.spec.name;
    let Some(found) = around.found.get(name) else {
        return;
    };
    let snapshot = server.used_memory.unwrap_or(0);
    let data = found.data_bytes.unwrap_or(0).max(snapshot);
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    let directory = &around.inventory.server.directory;
    let need = data.saturating_add(ROOM);
    let lacks = |free: Option<u64>, need| free.filter(|free| *free < need);
    if let Some(free) = lacks(facts.free_bytes, need) {
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "the disk of `{name}` has {} MB free for {directory}, and a copy of its data needs {} MB",
                free >> 20,
                mb(need)
            ),
            "free some, or give [server] another `directory`",
        ));
    }
    let need = snapshot.saturating_add(ROOM);
    if let Some(free) = lacks(found.free_bytes, need) {
        let folder = found
            .live
            .get("dir")
            .map_or("its directory", String::as_str);
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "the disk of `{name}` has {} MB free for {folder}, and the snapshot that it saves needs up to {} MB",
                free >> 20,
                mb(need)
            ),
            "free some on that host",
        ));
    }
}

/// Its file gets the password of the inventory, so the server must have that password.
fn login(around: &AdoptInput<'_>, name: &NodeName, server: &Server, out: &mut Vec<Refusal>) {
    let mut refuse = |why: String, hint: &str| {
        out.push(Refusal::new(Ground::Secret, why, hint));
    };
    if !around.inventory.accounts.is_plain() {
        refuse(
            format!(
                "`[deployment]` of the inventory logs in to `{name}` as a user of an access list, and `adopt` writes no access lists"
            ),
            "leave it as it is: status, promote, move, detach, rejoin and repair work on it",
        );
        return;
    }
    let password = matches!(around.inventory.auth, Auth::Password(_));
    if password && server.has_password == Some(false) {
        refuse(
            format!(
                "`{name}` has no password, but the inventory has one, and `adopt` would write it into its file"
            ),
            "in [deployment], write `auth = \"none\"` instead of `password`; or set `requirepass` on the server",
        );
    }
    if !password && server.has_password == Some(true) {
        refuse(
            format!("`{name}` has a password, and the inventory has none"),
            "write it into [deployment]: password = { file = \"FILE\" }",
        );
    }
    if server.replica_auth == Some(ReplicaAuth::Wrong) {
        refuse(
            format!("the `masterauth` of `{name}` is not the password of the inventory"),
            "on its host, inside `redis-cli`: CONFIG SET masterauth PASSWORD",
        );
    }
}

/// A replica must be in sync, and a primary must have loaded its data.
fn state(around: &AdoptInput<'_>, subject: Subject<'_>, server: &Server, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let mut not_ready = |why: String| {
        out.push(Refusal::new(
            Ground::NotReady,
            why,
            "wait, and run this again; see: replctl status",
        ));
    };
    if server.loading.is_some() {
        not_ready(format!("`{name}` is still loading its data"));
    }
    if let Some(state) = &server.replication.failover {
        not_ready(format!("a failover is running on `{name}` ({state})"));
    }
    let Some(upstream) = subject.node.upstream() else {
        return;
    };
    if upstream.link == Link::Down || upstream.sync.is_some() {
        not_ready(format!("`{name}` is not in sync with {}", upstream.address));
    }
    if around.topology.upstream_of(subject.node).is_none() {
        out.push(Refusal::new(
            Ground::Topology,
            format!(
                "`{name}` replicates from {}, which is no node of the inventory",
                upstream.address
            ),
            "write that node into the inventory first: replctl init --from HOST --merge",
        ));
    }
    if !upstream.read_only {
        out.push(Refusal::new(
            Ground::Difference,
            format!("`{name}` accepts writes although it is a replica: the next sync would delete what only it has"),
            "on its host: redis-cli CONFIG SET replica-read-only yes",
        ));
    }
}

/// Whether the process that was found is the one that listens.
fn is_foreign(facts: &HostFacts) -> bool {
    matches!(facts.listener, Listener::Foreign(_))
}
