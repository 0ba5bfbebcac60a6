//! The look of `setup`: servers, how they are run, hosts, and the passwords in files, with one
//! command on each host.

use super::busy::patience;
use super::host::{self, Further};
use super::hosts::{Hosts, Sessions};
use super::names;
use super::password::FilesRead;
use super::servers::Servers;
use super::service::{self, Asking};
use crate::actions::password::written::Passwords;
use crate::inventory::NodeSpec;
use crate::plan::facts::{HostFacts, Unseen};
use crate::topology::service::Service;
use crate::topology::{Node, NodeName, Topology};
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of hosts, or why it is not.
pub(super) type Facts = BTreeMap<NodeName, Result<HostFacts, Unseen>>;

/// What the look of `setup` works with.
pub(super) struct SetupLook<'a> {
    pub servers: &'a Servers,
    pub hosts: &'a Hosts,
    /// Where the passwords in files are kept until they are asked for.
    pub files_read: &'a FilesRead,
    /// The nodes whose role could not be written into their files.
    pub unwritten: &'a [NodeName],
}

impl SetupLook<'_> {
    /// All servers and how they are run, and the hosts of these nodes. The passwords in their files
    /// are read beside that.
    pub async fn look(&self, nodes: &[NodeName]) -> (Topology, Facts) {
        let sessions = self.hosts.sessions_within(patience(self.hosts.patience));
        let (mut topology, sessions) = futures::future::join(self.servers.look(), sessions).await;
        let asked: BTreeSet<&NodeName> = nodes.iter().collect();
        let looks = topology.nodes.iter_mut().map(|node| async {
            let wanted = asked.contains(&node.name);
            let (service, facts) = self.look_at_node(node, &sessions, wanted).await;
            service::note(node, service, self.unwritten);
            facts.map(|facts| (node.name.clone(), facts))
        });
        let seen: Vec<_> = futures::stream::iter(looks)
            .buffer_unordered(self.hosts.concurrency)
            .collect()
            .await;
        let mut seen: Facts = seen.into_iter().flatten().collect();
        // Nodes that the inventory lacks are reported as such.
        let left: Vec<NodeName> = nodes
            .iter()
            .filter(|n| !seen.contains_key(n))
            .cloned()
            .collect();
        seen.extend(self.hosts.facts(&left).await);
        self.hosts.remember(&seen);
        names::look_names_up(self.hosts, &mut topology).await;
        (topology, seen)
    }

    /// One node and, where it is `wanted`, its host.
    async fn look_at_node(
        &self,
        node: &Node,
        sessions: &Sessions,
        wanted: bool,
    ) -> (Service, Option<Result<HostFacts, Unseen>>) {
        let server = node.server();
        let spec = self.hosts.inventory.get(&node.name).filter(|_| wanted);
        let reached = sessions.get(&node.name);
        let (Some(spec), Some(Ok(host))) = (spec, reached) else {
            let host = match reached {
                Some(host) => host.clone().map_err(|e| e.brief()),
                None => Err(service::SILENT.to_owned()),
            };
            let service = service::service_within(self.hosts, &node.name, &host, server).await;
            let refused = reached.and_then(|r| r.as_ref().err()).filter(|_| wanted);
            let refused = refused.map(|e| Unseen {
                why: e.brief(),
                hint: e.problem().hint,
            });
            return (service, refused.map(Err));
        };
        let unseen = |why: String| Service::unseen(server.and_then(|s| s.config_file.clone()), why);
        let asking = match Asking::new(&self.hosts.inventory, spec, server) {
            Ok(asking) => asking,
            Err(why) => {
                let facts = host::facts(host.as_ref(), &self.hosts.inventory, spec).await;
                return (unseen(why), Some(self.with_certificates(spec, facts)));
            }
        };
        let further = Further {
            text: &asking.script.text,
            words: &asking.script.words,
            process: server.and_then(|s| s.process_id),
        };
        let told = host::together(host.as_ref(), &self.hosts.inventory, spec, &further).await;
        let told = match told {
            Ok(told) => told,
            Err(why) => return (unseen(why.clone()), Some(Err(Unseen::from(why)))),
        };
        let passwords = told.passwords;
        let passwords = passwords.map(|text| text.map(|text| Passwords::of_file(&text)));
        self.files_read.keep(&node.name, passwords);
        // The files that its configuration includes are asked for by commands of their own.
        let time = patience(self.hosts.patience);
        let service = tokio::time::timeout(time, asking.known(host, &told.further)).await;
        let service = service.unwrap_or_else(|_| Err(service::SILENT.to_owned()));
        (
            service.unwrap_or_else(unseen),
            Some(self.with_certificates(spec, told.facts)),
        )
    }

    fn with_certificates(
        &self,
        spec: &NodeSpec,
        facts: Result<HostFacts, String>,
    ) -> Result<HostFacts, Unseen> {
        let mut facts = facts.map_err(Unseen::from)?;
        super::tls::files::for_host(&self.hosts.inventory, spec, &mut facts);
        Ok(facts)
    }
}
