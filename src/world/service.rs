//! Looks at a server as it is run, over SSH from its host: its process, what starts it, the files
//! that its next start reads. It changes nothing.
//!
//! One round trip, and another for each level of includes. Files are read with the rights of the
//! server's user, never with more.

mod boot;
mod script_output;
mod whole;

pub(super) use boot::{Subject as BootSubject, at_boot};
pub(super) use whole::{stored, users_in, whole};

use super::host::Shell;
use super::host::owner::{OWNER, SOCKETS, without_comments};
use super::host::script_output::{SAID, reader};
use super::hosts::{Hosts, Sessions};
use super::ssh::{Host, nonce};
use crate::config::Paths;
use crate::inventory::{Inventory, NodeSpec};
use crate::topology::service::Service;
use crate::topology::service::answer::{Answer, Subject};
use crate::topology::service::chain::Ask;
use crate::topology::service::resolve::resolve;
use crate::topology::{Node, NodeName, PersistedRole, Product, Server, Topology};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;

/// Lets a command run as the server's user.
const AS: &str = include_str!("service/as.sh");
/// The look at the host.
const FACTS: &str = include_str!("service/facts.sh");
/// How long one look may take.
const ONE: Duration = Duration::from_secs(10);
/// Levels of includes that are followed.
const ROUNDS: usize = 10;
/// Of a host that does not answer in time.
pub(super) const SILENT: &str = "its host does not answer over SSH";

/// How all servers are run, and what role their next start gives them.
pub(super) async fn look_at_services(
    hosts: &Hosts,
    topology: &mut Topology,
    (sessions, unwritten): (&Sessions, &[NodeName]),
) {
    let looks = topology.nodes.iter_mut().map(|node| async {
        let Some(host) = sessions.get(&node.name) else {
            return;
        };
        let host = host.clone().map_err(|e| e.brief());
        let service = service_within(hosts, &node.name, &host, node.server()).await;
        note(node, service, unwritten);
    });
    futures::stream::iter(looks)
        .buffer_unordered(hosts.concurrency)
        .collect::<()>()
        .await;
}

/// How the server of a node is run, looked up anew. `server`: what it says of itself, where it
/// answers.
pub(super) async fn service(hosts: &Hosts, node: &NodeName, server: Option<&Server>) -> Service {
    let host = hosts.session_within(node, hosts.patience).await;
    let host = host.map_err(|e| e.brief());
    service_within(hosts, node, &host, server).await
}

pub(super) async fn service_within(
    hosts: &Hosts,
    node: &NodeName,
    host: &Result<Arc<Host>, String>,
    server: Option<&Server>,
) -> Service {
    let unseen = |why: String| Service::unseen(server.and_then(|s| s.config_file.clone()), why);
    let (Some(spec), Ok(host)) = (hosts.inventory.get(node), host) else {
        let why = host.as_ref().err().cloned();
        return unseen(why.unwrap_or_else(|| format!("the inventory has no node `{node}`")));
    };
    let asking = match Asking::new(&hosts.inventory, spec, server) {
        Ok(asking) => asking,
        Err(why) => return unseen(why),
    };
    match tokio::time::timeout(hosts.patience, asking.look(host)).await {
        Ok(Ok(service)) => service,
        Ok(Err(why)) => unseen(why),
        Err(_) => unseen(SILENT.to_owned()),
    }
}

/// Notes how a server is run, and the role of its next start.
pub(super) fn note(node: &mut Node, service: Service, unwritten: &[NodeName]) {
    let mut role = service.next_role();
    if matches!(role, PersistedRole::Unknown(_)) && unwritten.contains(&node.name) {
        role = PersistedRole::Unwritten;
    }
    node.persisted = Some(role);
    node.service = Some(Box::new(service));
}

fn subject(inventory: &Inventory, spec: &NodeSpec, server: Option<&Server>) -> Subject {
    let paths = Paths::of(inventory, spec);
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

/// What is asked about one server, of its host.
pub(super) struct Asking {
    subject: Subject,
    /// The first round trip.
    pub script: Script,
}

impl Asking {
    pub fn new(
        inventory: &Inventory,
        spec: &NodeSpec,
        server: Option<&Server>,
    ) -> Result<Self, String> {
        let subject = subject(inventory, spec, server);
        let script = first(&subject, &inventory.server.user)?;
        Ok(Self { subject, script })
    }

    /// Asks until it is known.
    async fn look(mut self, host: &Host) -> Result<Service, String> {
        let mark = nonce();
        self.script.text = alone(&self.script.text, &mark);
        let told = run(host, &self.script).await?;
        let parts: Vec<&str> = told.split(&mark).collect();
        let [seen, of_files, _] = parts[..] else {
            return Err(script_output::CUT.to_owned());
        };
        self.known(
            host,
            &format!("{seen}{}", script_output::of_files(of_files)),
        )
        .await
    }

    /// Goes on asking from what the first round trip has told.
    pub async fn known(&self, host: &Host, told: &str) -> Result<Service, String> {
        let mut answer = Answer::default();
        script_output::read(told, &mut answer)?;
        for _ in 0..ROUNDS {
            match resolve(&answer, &self.subject) {
                Ok(service) => return Ok(service),
                Err(ask) => more(host, &ask, &mut answer).await?,
            }
        }
        Err("its configuration includes too many levels of files".to_owned())
    }
}

async fn run(host: &Host, script: &Script) -> Result<String, String> {
    let words: Vec<&str> = script.words.iter().map(String::as_str).collect();
    let ran = host
        .run_script(&script.text, &words, Vec::new(), host.can_root(), ONE)
        .await?;
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

/// A script and its arguments.
pub(super) struct Script {
    pub text: String,
    pub words: Vec<String>,
}

/// What the first round trip asks, to be put behind [`owner.sh`](OWNER),
/// [`sockets.sh`](SOCKETS) and [`said.sh`](SAID).
fn first(subject: &Subject, user: &str) -> Result<Script, String> {
    let mut items = Vec::new();
    let named = [&subject.config_file, &subject.wanted_file];
    let mut files: Vec<&String> = named.into_iter().flatten().collect();
    if !subject.running {
        files.push(&subject.own_file);
    }
    for file in files {
        let item = format!("f:{file}");
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items.extend(subject.config_file.iter().map(|f| format!("w:{f}")));
    let mut words = vec![
        subject.port.to_string(),
        subject.process.map_or_else(String::new, |p| p.to_string()),
        subject.unit.clone().unwrap_or_default(),
        subject.own_unit.clone(),
        user.to_owned(),
    ];
    words.extend(items);
    Ok(Script {
        text: look(),
        words: one_line(words)?,
    })
}

/// Defines `service`, the look at how a server is run.
pub(super) fn look() -> String {
    let (before, facts) = (without_comments(&[AS]), without_comments(&[FACTS]));
    format!("{before}service() {{\n{facts}}}\n")
}

/// The look and nothing else, with what is read of files behind `mark`, and that at its end.
pub(super) fn alone(look: &str, mark: &str) -> String {
    format!(
        "{}{}{look}service \"$@\"\nprintf %s {mark}\n\
         if [ -n \"$its_reads\" ]; then become \"$its_uid\" \"$its_gid\" \"$its_groups\"; read_as \"$its_reads\"; fi\nprintf %s {mark}\n",
        without_comments(&[OWNER, SOCKETS, SAID]),
        reader(),
    )
}

/// A line of the answer is one path.
fn one_line(words: Vec<String>) -> Result<Vec<String>, String> {
    let broken = |w: &String| w.starts_with("f:") && w.contains(['\n', '\r']);
    if words.iter().any(broken) {
        return Err("its configuration file has a line break in its name".to_owned());
    }
    Ok(words)
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
    let mut words = vec![uid.to_string(), gid.to_string(), groups.join(",")];
    words.extend(items);
    let script = Script {
        text: format!(
            "{}{}become \"$1\" \"$2\" \"$3\"; shift 3\nact sh -c \"$reader\" replctl \"$@\" </dev/null\n",
            without_comments(&[OWNER, SAID, AS]),
            reader()
        ),
        words: one_line(words)?,
    };
    let text = run(host, &script).await?;
    let before = answer.files.clone();
    script_output::read_files(&text, answer);
    if answer.files == before {
        return Err("files cannot be read there as the user of the server".to_owned());
    }
    Ok(())
}
