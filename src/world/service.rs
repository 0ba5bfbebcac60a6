//! Looks at a server as it is run, over SSH from its host: its process, what starts it, the files
//! that its next start reads. It changes nothing.
//!
//! One round trip, and another for each level of includes. Files are read with the rights of the
//! server's user, never with more.

mod said;

use super::World;
use super::deployment::short;
use super::host::owner::OWNER;
use super::ssh::Host;
use crate::config::Paths;
use crate::inventory::NodeSpec;
use crate::topology::service::Service;
use crate::topology::service::answer::{Answer, Subject};
use crate::topology::service::chain::Ask;
use crate::topology::service::resolve::resolve;
use crate::topology::{NodeName, PersistedRole, Product, Server, Topology};
use futures::StreamExt;
use shlex::try_quote;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Lets a command run as the server's user.
const AS: &str = include_str!("service/as.sh");
/// The look at the host.
const FACTS: &str = include_str!("service/facts.sh");
/// Reads files.
const READ: &str = include_str!("service/read.sh");
/// Levels of includes that are followed.
const ROUNDS: usize = 10;
/// Of a host that does not answer in time.
const SILENT: &str = "its host does not answer over SSH";

/// The hosts of nodes, or why there is no session with them.
pub(super) type Hosts = BTreeMap<NodeName, Result<Arc<Host>, String>>;

impl World {
    /// The sessions with all hosts, as far as they can be had in time.
    pub(super) async fn hosts(&self) -> Hosts {
        let looks = self.inventory.nodes.iter().map(|spec| async {
            let look = tokio::time::timeout(self.host_look(), self.host(&spec.name)).await;
            let host = look
                .map_err(|_| SILENT.to_owned())
                .and_then(|host| host.map_err(|e| e.brief()));
            (spec.name.clone(), host)
        });
        futures::stream::iter(looks)
            .buffer_unordered(self.concurrency())
            .collect()
            .await
    }

    /// How all servers are run, and what role their next start gives them.
    pub(super) async fn look_at_services(&self, topology: &mut Topology, hosts: &Hosts) {
        let unwritten = self.store.unwritten();
        let looks = topology.nodes.iter_mut().map(|node| async {
            let Some(host) = hosts.get(&node.name) else {
                return;
            };
            let service = self.service_within(&node.name, host, node.server()).await;
            let mut role = service.next_role();
            if matches!(role, PersistedRole::Unknown(_)) && unwritten.contains(&node.name) {
                role = PersistedRole::Unwritten;
            }
            node.persisted = Some(role);
            node.service = Some(Box::new(service));
        });
        futures::stream::iter(looks)
            .buffer_unordered(self.concurrency())
            .collect::<()>()
            .await;
    }

    /// How the server of a node is run, looked up anew. `server`: what it says of itself, where it
    /// answers.
    pub(super) async fn service(&self, node: &NodeName, server: Option<&Server>) -> Service {
        let look = tokio::time::timeout(self.host_look(), self.host(node)).await;
        let host = look
            .map_err(|_| SILENT.to_owned())
            .and_then(|host| host.map_err(|e| e.brief()));
        self.service_within(node, &host, server).await
    }

    async fn service_within(
        &self,
        node: &NodeName,
        host: &Result<Arc<Host>, String>,
        server: Option<&Server>,
    ) -> Service {
        let unseen = |why: String| Service::unseen(server.and_then(|s| s.config_file.clone()), why);
        let (Some(spec), Ok(host)) = (self.inventory.get(node), host) else {
            let why = host.as_ref().err().cloned();
            return unseen(why.unwrap_or_else(|| format!("the inventory has no node `{node}`")));
        };
        let subject = subject(self, spec, server);
        let user = &self.inventory.server.user;
        match tokio::time::timeout(self.host_look(), look(host, &subject, user)).await {
            Ok(Ok(service)) => service,
            Ok(Err(why)) => unseen(why),
            Err(_) => unseen(SILENT.to_owned()),
        }
    }
}

fn subject(world: &World, spec: &NodeSpec, server: Option<&Server>) -> Subject {
    let paths = Paths::of(&world.inventory, spec);
    let number = |server: &Server, name: &str| server.config.get(name)?.parse().ok();
    let tls = spec.tls.is_some();
    Subject {
        port: spec.address.port,
        running: server.is_some(),
        own_port: server.and_then(|s| number(s, if tls { "tls-port" } else { "port" })),
        config_file: server.and_then(|s| s.config_file.clone()),
        process: server.and_then(|s| s.process_id),
        patterns: server.is_none_or(|s| s.product == Product::Valkey || s.version.major >= 7),
        unit: spec.service.unit.clone(),
        wanted_file: spec.service.config_file.clone(),
        managed: spec.service.managed,
        own_unit: paths.unit(),
        own_file: paths.config(),
    }
}

/// Asks until it is known.
async fn look(host: &Host, subject: &Subject, user: &str) -> Result<Service, String> {
    let first = first(subject, user)?;
    let mut answer = Answer::default();
    said::read(&run(host, &first).await?, &mut answer)?;
    for _ in 0..ROUNDS {
        match resolve(&answer, subject) {
            Ok(service) => return Ok(service),
            Err(ask) => more(host, &ask, &mut answer).await?,
        }
    }
    Err("its configuration includes too many levels of files".to_owned())
}

async fn run(host: &Host, script: &str) -> Result<String, String> {
    let output = host.run(script, short(host.can_root())).await;
    let output = output.map_err(|e| e.brief())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The script of the first round trip.
fn first(subject: &Subject, user: &str) -> Result<String, String> {
    let mut items = Vec::new();
    let named = [&subject.config_file, &subject.wanted_file];
    let mut files: Vec<&String> = named.into_iter().flatten().collect();
    if !subject.running {
        files.push(&subject.own_file);
    }
    items.extend(files.iter().map(|f| format!("f:{f}")));
    items.extend(subject.config_file.iter().map(|f| format!("w:{f}")));
    let port = subject.port.to_string();
    let told = subject.process.map_or_else(String::new, |p| p.to_string());
    let mut words = vec![
        port.as_str(),
        told.as_str(),
        subject.unit.as_deref().unwrap_or_default(),
        &subject.own_unit,
        user,
        READ,
    ];
    words.extend(items.iter().map(String::as_str));
    script(&format!("{OWNER}{AS}{FACTS}"), &words)
}

/// Reads what is still open.
async fn more(host: &Host, ask: &Ask, answer: &mut Answer) -> Result<(), String> {
    let Some((uid, gid, groups)) = &answer.reader else {
        return Err("files cannot be read there as the user of the server".to_owned());
    };
    let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
    let files = ask.files.iter().map(|f| format!("f:{f}"));
    let items: Vec<String> = files
        .chain(ask.patterns.iter().map(|p| format!("p:{p}")))
        .collect();
    let (uid, gid, groups) = (uid.to_string(), gid.to_string(), groups.join(","));
    let mut words = vec![uid.as_str(), &gid, &groups, "sh", "-c", READ, "replctl"];
    words.extend(items.iter().map(String::as_str));
    let text = run(host, &script(&format!("{OWNER}{AS}as \"$@\"\n"), &words)?).await?;
    let before = answer.files.clone();
    said::read_files(&text, answer);
    if answer.files == before {
        return Err("files cannot be read there as the user of the server".to_owned());
    }
    Ok(())
}

/// A command line that runs `text` with these words, whatever is in them.
fn script(text: &str, words: &[&str]) -> Result<String, String> {
    let quote = |word: &str| {
        // A line of the answer is one path.
        if word.starts_with("f:") && word.contains(['\n', '\r']) {
            return Err("its configuration file has a line break in its name".to_owned());
        }
        try_quote(word)
            .map(std::borrow::Cow::into_owned)
            .map_err(|e| e.to_string())
    };
    let mut out = format!("sh -c {} replctl", quote(text)?);
    for word in words {
        let _ = write!(out, " {}", quote(word)?);
    }
    Ok(out)
}
