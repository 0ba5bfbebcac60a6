//! The look of `setup`: servers, how they are run, hosts, and the passwords in files, with one
//! command on each host.

use super::World;
use super::busy::patience;
use super::host::{self, Further};
use super::service::Asking;
use super::ssh::{Host, SshError, SshErrorKind};
use crate::actions::password::written::Passwords;
use crate::inventory::NodeSpec;
use crate::plan::facts::{HostFacts, Unseen};
use crate::topology::detached::Observed;
use crate::topology::service::Service;
use crate::topology::{Node, NodeName};
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// The sessions with hosts.
type Hosts = BTreeMap<NodeName, Result<Arc<Host>, SshError>>;
/// What is known of hosts, or why it is not.
type Facts = BTreeMap<NodeName, Result<HostFacts, Unseen>>;

impl World {
    /// [`World::observe`] and [`World::facts`] of these nodes. The passwords in their files are
    /// read beside that, for [`World::held`].
    pub async fn observe_with_facts(&self, nodes: &[NodeName]) -> (Observed, Facts) {
        // All hosts are logged in to beside each other, which alone takes its time where there are
        // many.
        let time = patience(self.host_look());
        let looks = self.inventory.nodes.iter().map(|spec| async move {
            let host = tokio::time::timeout(time, self.host(&spec.name)).await;
            let host = host.unwrap_or_else(|_| {
                Err(SshError::new(
                    SshErrorKind::NoAnswer,
                    super::service::SILENT,
                ))
            });
            (spec.name.clone(), host)
        });
        let hosts = futures::stream::iter(looks)
            .buffer_unordered(self.concurrency())
            .collect::<Hosts>();
        let (mut topology, hosts) = futures::future::join(self.servers(), hosts).await;
        let unwritten = self.store.unwritten();
        let asked: BTreeSet<&NodeName> = nodes.iter().collect();
        let looks = topology.nodes.iter_mut().map(|node| async {
            let wanted = asked.contains(&node.name);
            let (service, facts) = self.look_at_node(node, &hosts, wanted).await;
            super::service::note(node, service, &unwritten);
            facts.map(|facts| (node.name.clone(), facts))
        });
        let seen: Vec<_> = futures::stream::iter(looks)
            .buffer_unordered(self.concurrency())
            .collect()
            .await;
        let mut seen: Facts = seen.into_iter().flatten().collect();
        // Nodes that the inventory lacks are told as that.
        let left: Vec<NodeName> = nodes
            .iter()
            .filter(|n| !seen.contains_key(n))
            .cloned()
            .collect();
        seen.extend(self.facts(&left).await);
        self.remember_facts(&seen);
        self.look_names_up(&mut topology).await;
        (self.observed_and_remembered(topology), seen)
    }

    /// One node and, where it is `wanted`, its host.
    async fn look_at_node(
        &self,
        node: &Node,
        hosts: &Hosts,
        wanted: bool,
    ) -> (Service, Option<Result<HostFacts, Unseen>>) {
        let server = node.server();
        let spec = self.inventory.get(&node.name).filter(|_| wanted);
        let reached = hosts.get(&node.name);
        let (Some(spec), Some(Ok(host))) = (spec, reached) else {
            let host = match reached {
                Some(host) => host.clone().map_err(|e| e.brief()),
                None => Err(super::service::SILENT.to_owned()),
            };
            let service = self.service_within(&node.name, &host, server).await;
            let refused = reached.and_then(|r| r.as_ref().err()).filter(|_| wanted);
            let refused = refused.map(|e| Unseen {
                why: e.brief(),
                hint: e.problem().hint,
            });
            return (service, refused.map(Err));
        };
        let unseen = |why: String| Service::unseen(server.and_then(|s| s.config_file.clone()), why);
        let asking = match Asking::new(self, spec, server) {
            Ok(asking) => asking,
            Err(why) => {
                let facts = host::facts(host.as_ref(), &self.inventory, spec).await;
                return (unseen(why), Some(self.with_certificates(spec, facts)));
            }
        };
        let further = Further {
            text: &asking.script.text,
            words: &asking.script.words,
            process: server.and_then(|s| s.process_id),
        };
        let told = host::together(host.as_ref(), &self.inventory, spec, &further).await;
        let told = match told {
            Ok(told) => told,
            Err(why) => return (unseen(why.clone()), Some(Err(Unseen::from(why)))),
        };
        let passwords = told.passwords;
        let passwords = passwords.map(|text| text.map(|text| Passwords::of_file(&text)));
        self.files_read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(node.name.clone(), passwords);
        // The files that its configuration includes are asked for by commands of their own.
        let time = patience(self.host_look());
        let service = tokio::time::timeout(time, asking.known(host, &told.further)).await;
        let service = service.unwrap_or_else(|_| Err(super::service::SILENT.to_owned()));
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
        super::tls::files::for_host(&self.inventory, spec, &mut facts);
        Ok(facts)
    }
}
