//! The seam of the executor: each action of a plan, done in this world.

use super::replication as r;
use super::{World, observe, role_change};
use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::role::RoleAction;
use crate::actions::sentinel::SentinelAction;
use crate::actions::server::ServerAction;
use crate::engine::execute::{Act, Failure};
use crate::engine::journal::Seen;
use crate::topology::tls::could_not_follow;
use crate::topology::{Address, Link, Node, NodeName, ReplicaAuth, Server};

impl Act for World {
    /// What is heard goes to the journal and to the terminal: no secret may be in it.
    async fn act(&self, node: &NodeName, action: &Action) -> Result<Seen, Failure> {
        let told = matches!(
            action,
            Action::Sentinel(SentinelAction::SetInfoPeriod { .. })
        );
        if (told || action.changes_something())
            && let Some(claim) = self.claim_state()
        {
            claim.settled().await;
        }
        match self.perform(node, action).await {
            Ok(seen) => Ok(Seen {
                text: self.entrances.hide(&self.secrets.hide(&seen.text)),
                ..seen
            }),
            Err(failure) => Err(Failure {
                why: self.entrances.hide(&self.secrets.hide(&failure.why)),
                ..failure
            }),
        }
    }

    fn lost(&self) -> Option<String> {
        let holder = self.claim_state()?.lost()?;
        Some(format!("another operator has taken over: {holder}"))
    }
}

impl World {
    async fn perform(&self, node: &NodeName, action: &Action) -> Result<Seen, Failure> {
        match action {
            Action::Server(action) => self.act_on_server(node, action).await,
            Action::Role(action) => self.change_role(node, action).await,
            Action::Rescue(action) => self.rescue(node, action).await,
            Action::Service(action) => self.act_on_service(node, action).await,
            Action::Local(action) => self.act_here(node, action),
            Action::Password(action) => self.act_on_password(node, action).await,
            Action::Sentinel(action) => self.act_through_sentinel(node, action).await,
            Action::Hook(hook) => self.run_hook(hook, None).await,
            Action::Host(action) => self.act_on_host(node, action).await,
        }
    }

    async fn act_on_server(&self, node: &NodeName, action: &ServerAction) -> Result<Seen, Failure> {
        match action {
            ServerAction::PauseWrites { ms } => self.pause_writes(node, *ms).await,
            ServerAction::ResumeWrites => self.resume_writes(node).await,
            ServerAction::RequireReplicas { to_write, max_lag } => {
                let raised = action.fences();
                self.require_replicas(node, *to_write, *max_lag, raised)
                    .await
            }
            ServerAction::AwaitNear {
                with,
                bytes,
                within_ms,
                optional,
            } => {
                self.await_near(node, with, *bytes, *within_ms, *optional)
                    .await
            }
            ServerAction::AwaitCaughtUp { with, within_ms } => {
                self.await_caught_up(node, with, *within_ms).await
            }
            ServerAction::DrainOthers {
                replicas,
                within_ms,
            } => self.drain_others(node, replicas, *within_ms).await,
            ServerAction::CheckMostAdvanced { others } => {
                self.check_most_advanced(node, others).await
            }
            ServerAction::AwaitInSync { with, within_ms } => {
                self.await_in_sync(node, with, *within_ms).await
            }
            ServerAction::PersistRole => super::persisted::persist(self, node).await,
            ServerAction::AwaitQuiet { within_ms } => {
                r::await_quiet(&*self.connections.get(node).await?, *within_ms).await
            }
            ServerAction::SetDirective { name, value } => {
                self.set_directive(node, name, value).await
            }
            ServerAction::SetReplicaAuth => {
                let conn = self.connections.get(node).await?;
                r::set_replica_auth(&conn, &self.logins.replicas).await
            }
            ServerAction::ProveWrite { replicas } => {
                super::prove::write(&self.connections, node, replicas).await
            }
            ServerAction::CountClients => Ok(self.count_clients(node).await),
            ServerAction::KickClients => self.kick_clients(node).await,
            ServerAction::AwaitUnlisted {
                addresses,
                within_ms,
                optional,
                ..
            } => {
                let conn = self.connections.get(node).await?;
                r::await_unlisted(&conn, addresses, *within_ms, *optional).await
            }
            ServerAction::AwaitAnswer { within_ms } => {
                super::prove::answer(&self.connections, node, *within_ms).await
            }
        }
    }

    async fn check_most_advanced(
        &self,
        node: &NodeName,
        others: &[NodeName],
    ) -> Result<Seen, Failure> {
        let conns = self.connections.several(others).await;
        if let Some(missing) = others.iter().find(|o| !conns.iter().any(|(n, _)| n == *o)) {
            return Err(Failure::none(format!(
                "`{missing}` no longer answers, so it cannot be compared"
            )));
        }
        r::check_most_advanced(&*self.connections.get(node).await?, &conns).await
    }

    /// The fence of servers before 6.2, or its end.
    async fn require_replicas(
        &self,
        node: &NodeName,
        to_write: u64,
        max_lag: u64,
        raised: bool,
    ) -> Result<Seen, Failure> {
        let conn = self.connections.get(node).await?;
        if raised {
            self.fence_stands(node).await;
            return r::require_replicas(&conn, to_write, max_lag).await;
        }
        let lifted = r::require_replicas(&conn, to_write, max_lag).await?;
        self.fence_gone(node).await;
        Ok(lifted)
    }

    /// Role changes, and the looks that belong to them.
    async fn change_role(&self, node: &NodeName, action: &RoleAction) -> Result<Seen, Failure> {
        let connections = &self.connections;
        match action {
            RoleAction::Follow { address, .. } | RoleAction::FollowAddress { address } => {
                let is_replica = self.took_for_replica(node);
                role_change::follow(connections, node, address, is_replica).await
            }
            RoleAction::CheckRoles { roles } => self.check_roles(roles).await,
            RoleAction::Demote {
                address, others, ..
            } => role_change::demote(connections, node, address, others).await,
            RoleAction::CompareOffsets {
                with,
                others,
                within_ms,
            } => self.compare_offsets(node, with, others, *within_ms).await,
            RoleAction::TakeOver { from, hold_ms } => {
                role_change::take_over(connections, node, from, *hold_ms).await
            }
            RoleAction::RestorePrimary { others } => {
                role_change::restore_primary(connections, node, others).await
            }
            RoleAction::Promote => role_change::promote(connections, node).await,
        }
    }

    /// What is done about an old primary and what only it has.
    async fn rescue(&self, node: &NodeName, action: &RescueAction) -> Result<Seen, Failure> {
        match action {
            RescueAction::BackUp {
                primary,
                folder,
                fence_ms,
            } => self.back_up(node, primary, folder, *fence_ms).await,
            RescueAction::BackUpFiles { primary, folder } => {
                self.back_up_files(node, primary, folder).await
            }
            RescueAction::GiveUp {
                address, covered, ..
            } => self.give_up(node, address, covered).await,
            RescueAction::Replay {
                of,
                source,
                conflicts,
                ..
            } => self.replay(node, of, source, *conflicts).await,
        }
    }

    /// The comparison after a demotion; beside it, in the same time, no other node may have become
    /// a primary.
    async fn compare_offsets(
        &self,
        node: &NodeName,
        with: &NodeName,
        others: &[NodeName],
        within_ms: u64,
    ) -> Result<Seen, Failure> {
        if let Some(seen) = self.seen_beside_demotion(node, with)? {
            return Ok(seen);
        }
        let (mine, theirs) = (
            self.connections.get(node).await?,
            self.connections.get(with).await?,
        );
        let exactly = r::await_exactly(&mine, &theirs, with, within_ms);
        let others = role_change::primary_of(&self.connections, others, r::FENCED);
        let (seen, other) = futures::future::join(exactly, others).await;
        match other {
            Some(other) => Err(Failure::none(format!(
                "`{other}` is a primary now: somebody else has made it one"
            ))),
            None => seen,
        }
    }

    async fn await_near(
        &self,
        node: &NodeName,
        with: &NodeName,
        bytes: u64,
        within_ms: u64,
        optional: bool,
    ) -> Result<Seen, Failure> {
        let (mine, theirs) = (
            self.connections.get(node).await?,
            self.connections.get(with).await?,
        );
        r::await_near(&mine, &theirs, bytes, within_ms, optional).await
    }

    async fn await_in_sync(
        &self,
        node: &NodeName,
        with: &NodeName,
        within_ms: u64,
    ) -> Result<Seen, Failure> {
        let (mine, theirs) = (
            self.connections.get(node).await?,
            self.connections.get(with).await?,
        );
        let node_like = self.seen_or_told(with).await?;
        let is_with = |a: &Address| node_like.answers_to(a);
        let watched = super::watch_sync::await_in_sync(
            &mine,
            &theirs,
            with,
            is_with,
            within_ms,
            self.connections.before(node),
        );
        match watched.await {
            Ok(seen) => Ok(seen),
            Err(mut failure) => {
                // The server says why its link is down nowhere but in its log; the most frequent
                // cause can be seen from here.
                if let Ok(looked) = observe::server(&mine, &self.logins.replicas).await {
                    if let Some(why) = refused_login(&looked) {
                        failure.why = format!(
                            "{}: {why}; repair it with: replctl setup {node}",
                            failure.why
                        );
                    } else if let Some(why) = could_not_follow(&looked, &node_like) {
                        failure.why = format!("{}: {why}", failure.why);
                    }
                }
                for said in self.logs_of(node, with).await {
                    failure.why = format!("{}; {said}", failure.why);
                }
                Err(failure)
            }
        }
    }

    /// A node as it was seen last, so that all its names are known; else as the inventory has it.
    pub(super) async fn seen_or_told(&self, name: &NodeName) -> Result<Node, Failure> {
        if let Some(seen) = self.seen_last().and_then(|t| t.all().get(name).cloned()) {
            return Ok(seen);
        }
        let spec = self.inventory.get(name);
        let spec =
            spec.ok_or_else(|| Failure::none(format!("the inventory has no node `{name}`")))?;
        Ok(observe::unseen(spec).await)
    }
}

/// What keeps a replica whose link is down from logging in at its primary, if it is that.
fn refused_login(server: &Server) -> Option<&'static str> {
    let down = r::upstream(server).is_some_and(|up| up.link == Link::Down);
    match server.replica_auth.filter(|_| down)? {
        ReplicaAuth::Unset if server.has_password == Some(true) => Some("it has no masterauth"),
        ReplicaAuth::Wrong => Some("its masterauth is not what the inventory says"),
        ReplicaAuth::Unset | ReplicaAuth::Right => None,
    }
}
