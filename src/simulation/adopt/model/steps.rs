//! What a step does to the hosts and servers of the model.

use super::{Adopting, FORMER_PID, Host, OWN_PID};
use crate::actions::Action;
use crate::actions::former::FormerAction;
use crate::actions::host::{HostAction as Do, Launch};
use crate::actions::own::{Answers, ReportedRole, may_stop};
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::execute::Failure;
use crate::plan::facts::Listener;
use crate::simulation::harness::not_simulated;
use crate::topology::{NodeName, PersistedRole};
use std::collections::BTreeMap;

impl Adopting {
    pub(super) fn on_host(&mut self, node: &NodeName, action: &Do) -> Result<(), Failure> {
        let host = self.hosts.get_mut(node).unwrap();
        match action {
            Do::Former(action) => return host.former(action),
            Do::StartServer(_) => {
                if host.runs_old() {
                    return Err(Failure::unknown("the port is in use"));
                }
                host.base.on_host(action);
                host.has = host.saved;
                host.closed.0 = host.closed.1;
                host.paused = false;
            }
            Do::StopServer(_) => {
                if host.runs_new() {
                    host.saved = host.has;
                    host.base.on_host(action);
                    host.closed.0 = false;
                }
            }
            Do::WriteConfig { text, .. } => {
                host.closed.1 = text.contains("min-replicas-to-write 1000");
                host.base.on_host(action);
            }
            Do::RemoveConfig { .. } => {
                host.closed.1 = false;
                host.base.on_host(action);
            }
            Do::RemoveTree { path, .. } => {
                if host.runs_new() {
                    return Err(Failure::unknown("a server works there"));
                }
                host.saved = 0;
                let facts = &mut host.base.facts;
                facts.directories.retain(|d, _| !d.starts_with(path));
                facts.config = None;
            }
            other => {
                let listener = host.base.facts.listener.clone();
                host.base.on_host(other);
                host.base.facts.listener = listener;
            }
        }
        Ok(())
    }

    pub(super) fn on_server(&mut self, node: &NodeName, action: &Action) -> Result<(), Failure> {
        if !self.hosts[node].runs() {
            return Err(Failure::none("connection refused"));
        }
        let above = self.hosts[node].base.of.clone().and_then(|a| self.at(&a));
        let others: BTreeMap<NodeName, u64> =
            self.hosts.iter().map(|(n, h)| (n.clone(), h.has)).collect();
        let runs: Vec<NodeName> = self
            .hosts
            .iter()
            .filter(|(_, h)| h.runs())
            .map(|(n, _)| n.clone())
            .collect();
        let live = self.live_now();
        let host = self.hosts.get_mut(node).unwrap();
        match action {
            Action::Server(action) => match action {
                ServerAction::PauseWrites { .. } => host.paused = true,
                ServerAction::ResumeWrites => host.paused = false,
                ServerAction::RequireReplicas { .. } => host.closed.0 = false,
                ServerAction::PersistRole => host.persist(),
                ServerAction::ShutDown {
                    follows, runs_with, ..
                } => host.ends((above.as_ref(), follows.as_ref()), runs_with, &live)?,
                ServerAction::AwaitInSync { with, .. } => {
                    if above.as_ref() != Some(with) || !runs.contains(with) {
                        return Err(Failure::none("it follows another"));
                    }
                }
                ServerAction::AwaitCaughtUp { with, .. } => {
                    if host.has != others[with] {
                        return Err(Failure::none("it is behind"));
                    }
                }
                ServerAction::AwaitNear { .. }
                | ServerAction::DrainOthers { .. }
                | ServerAction::AwaitAnswer { .. }
                | ServerAction::AwaitLoaded { .. }
                | ServerAction::CompareKeys
                | ServerAction::SeeSettings { .. } => {}
                other => return Err(not_simulated(other)),
            },
            Action::Role(action) => match action {
                RoleAction::CheckRoles { .. } => {}
                RoleAction::Demote { address, .. }
                | RoleAction::Follow { address, .. }
                | RoleAction::FollowAddress { address } => host.base.of = Some(address.clone()),
                RoleAction::CompareOffsets { with, .. } => {
                    if host.has != others[with] {
                        return Err(Failure::none("it has less"));
                    }
                }
                RoleAction::TakeOver { .. }
                | RoleAction::RestorePrimary { .. }
                | RoleAction::Promote => host.base.of = None,
            },
            other => return Err(not_simulated(other)),
        }
        Ok(())
    }
}

impl Adopting {
    /// Whether each server that runs would have its role after a boot, too.
    pub fn roles_are_written(&self) -> bool {
        self.hosts.values().all(Host::role_is_written)
    }

    /// Somebody starts each former server that does not run, unless its port is in use. Whether one
    /// was started.
    pub fn starts_formers(&mut self) -> bool {
        let mut any = false;
        for host in self.hosts.values_mut().filter(|host| !host.runs()) {
            any |= host.starts_former();
        }
        self.replicate();
        any
    }

    /// All hosts are shut down and boot again.
    pub fn reboot(&mut self) {
        for host in self.hosts.values_mut() {
            host.reboot();
        }
        self.replicate();
    }
}

impl Host {
    fn role_is_written(&self) -> bool {
        if let Some(old) = self.old.as_ref().filter(|old| old.runs) {
            return old.role == self.base.of;
        }
        let config = self.base.facts.config.as_ref();
        !self.runs_new()
            || config.is_some_and(|config| match &config.role {
                PersistedRole::ReplicaOf(at) => self.base.of.as_ref() == Some(at),
                PersistedRole::Primary | PersistedRole::Unknown(_) | PersistedRole::Unwritten => {
                    self.base.of.is_none()
                }
            })
    }

    fn reboot(&mut self) {
        self.paused = false;
        if self.runs_new() {
            self.saved = self.has;
        }
        if let Some(old) = &mut self.old {
            if old.runs {
                old.saved = self.has;
            }
            old.held = false;
            old.runs = old.enabled;
            if old.runs {
                self.has = old.saved;
                self.base.of.clone_from(&old.role);
                self.base.facts.listener = Listener::Foreign("redis-server".to_owned());
                return;
            }
        }
        self.base.facts.listener = Listener::Nobody;
        if let (true, Some(config)) = (self.base.facts.unit_enabled, &self.base.facts.config) {
            self.base.of = if let PersistedRole::ReplicaOf(at) = &config.role {
                Some(at.clone())
            } else {
                None
            };
            self.base.facts.listener = Listener::Ours;
            self.has = self.saved;
            self.closed.0 = self.closed.1;
        }
    }

    /// CONFIG REWRITE.
    fn persist(&mut self) {
        let role = self.base.of.clone();
        if let Some(old) = self.old.as_mut().filter(|old| old.runs) {
            old.role = role;
            return;
        }
        self.closed.1 = self.closed.0;
        if let Some(config) = &mut self.base.facts.config {
            config.role = role.map_or(PersistedRole::Primary, PersistedRole::ReplicaOf);
        }
    }

    /// It ends if it follows the planned node, `now` and `planned`, with the planned settings.
    fn ends(
        &mut self,
        (now, planned): (Option<&NodeName>, Option<&NodeName>),
        runs_with: &[(String, String)],
        live: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let other = |(name, value): &(String, String)| live.get(name) != Some(value);
        if runs_with.is_empty() || runs_with.iter().any(other) {
            return Err(Failure::none("its settings have changed"));
        }
        if now != planned {
            return Err(Failure::none("its role is another one"));
        }
        self.shut_down();
        Ok(())
    }

    fn shut_down(&mut self) {
        self.paused = false;
        if let Some(old) = self.old.as_mut().filter(|old| old.runs) {
            old.saved = self.has;
            // Its unit would start it again at once.
            old.runs = old.unit && !old.held;
        }
        if !self.runs_old() {
            self.base.facts.listener = Listener::Nobody;
        }
    }

    fn starts_former(&mut self) -> bool {
        let Some(old) = &mut self.old else {
            return false;
        };
        (old.runs, old.touched) = (true, true);
        self.has = old.saved;
        self.base.of.clone_from(&old.role);
        self.base.facts.listener = Listener::Foreign("redis-server".to_owned());
        true
    }

    /// What the server that listens on the port says of itself.
    fn answers(&self) -> Option<Answers> {
        let role = self.base.of.as_ref().map_or(
            ReportedRole::Primary {
                refuses: self.closed.0,
            },
            |at| ReportedRole::Replica(at.to_string()),
        );
        self.runs().then(|| Answers {
            process: Some(if self.runs_old() { FORMER_PID } else { OWN_PID }),
            role,
        })
    }

    fn stop_own(&mut self, launch: &Launch, fenced: bool) -> Result<(), Failure> {
        let works = self.runs_new().then_some(OWN_PID);
        let confirmed = may_stop(works, self.answers().as_ref(), fenced);
        let confirmed = confirmed.map_err(Failure::unknown)?;
        if works != confirmed {
            return Err(Failure::unknown("a process works there"));
        }
        if works.is_some() {
            self.saved = self.has;
            self.base.on_host(&Do::StopServer(launch.clone()));
            self.closed.0 = false;
        }
        Ok(())
    }

    fn former(&mut self, action: &FormerAction) -> Result<(), Failure> {
        if let FormerAction::StopOwn { launch, fenced } = action {
            return self.stop_own(launch, *fenced);
        }
        let runs_new = self.runs_new();
        let old = self.old.as_mut().unwrap();
        match action {
            FormerAction::Hold { .. } => old.held = true,
            FormerAction::Release { .. } => old.held = false,
            FormerAction::Disable { .. } => old.enabled = false,
            FormerAction::Enable { .. } => old.enabled = true,
            FormerAction::SeeStopped(_) => {
                if old.runs || runs_new {
                    return Err(Failure::none("the port is listened on"));
                }
            }
            FormerAction::Start(_) => {
                if runs_new {
                    return Err(Failure::unknown("the port is in use"));
                }
                if !old.runs {
                    self.starts_former();
                }
            }
            FormerAction::StopOwn { .. } => {}
            FormerAction::CopyData(_) => {
                if old.runs {
                    return Err(Failure::none("it runs"));
                }
                old.touched = false;
                self.saved = old.saved;
            }
            FormerAction::SeeCopied(_) => {
                if old.touched {
                    return Err(Failure::none("its data has changed since the copy"));
                }
            }
        }
        Ok(())
    }
}
