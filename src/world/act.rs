//! The executor's interface to the world: it does each action of a plan.

use super::act_host::{self, HostSteps};
use super::backup::Backup;
use super::replication as r;
use super::sentinel::SentinelSteps;
use super::{World, act_local, check_roles, clients, directive, log, observe, persisted, prove};
use super::{rejoin, replay, restarted, role_change, stopped};
use crate::actions::Action;
use crate::actions::former::FormerAction;
use crate::actions::host::HostAction;
use crate::actions::rescue::RescueAction;
use crate::actions::role::RoleAction;
use crate::actions::sentinel::SentinelAction;
use crate::actions::server::ServerAction;
use crate::engine::execute::{Act, Failure};
use crate::engine::journal::Evidence;
use crate::topology::tls::could_not_follow;
use crate::topology::{Address, Link, Node, NodeName, ReplicaAuth, Server};

impl Act for World {
    /// Replies go to the journal and to the terminal, so no secret may be in them.
    async fn act(&self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        let told = matches!(
            action,
            Action::Sentinel(SentinelAction::SetInfoPeriod { .. })
        );
        if (told || action.changes_something())
            && let Some(claim) = self.claims.current()
        {
            claim.settled().await;
        }
        match self.perform(node, action).await {
            Ok(seen) => Ok(Evidence {
                text: self
                    .servers
                    .routes
                    .entrances
                    .hide(&self.secrets.hide(&seen.text)),
                ..seen
            }),
            Err(failure) => Err(Failure {
                why: self
                    .servers
                    .routes
                    .entrances
                    .hide(&self.secrets.hide(&failure.why)),
                ..failure
            }),
        }
    }

    fn lost(&self) -> Option<String> {
        let holder = self.claims.current()?.lost()?;
        Some(format!("another operator has taken over: {holder}"))
    }
}

impl World {
    async fn perform(&self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        match action {
            Action::Server(action) => self.act_on_server(node, action).await,
            Action::Role(action) => self.change_role(node, action).await,
            Action::Rescue(action) => self.rescue(node, action).await,
            Action::Service(action) => act_host::act_on_service(&self.hosts, node, action).await,
            Action::Local(action) => act_local::act_here(&self.store, node, action),
            Action::Password(action) => self.passwords.act(node, action).await,
            Action::Sentinel(action) => self.sentinel_steps().act(node, action).await,
            Action::Hook(hook) => self.hooks.run(hook, None).await,
            Action::Host(HostAction::Former(FormerAction::Start(former))) => {
                restarted::start_again(self, node, former).await
            }
            Action::Host(HostAction::Former(FormerAction::StopOwn { launch, fenced })) => {
                restarted::stop_own(self, node, launch, *fenced).await
            }
            Action::Host(HostAction::Former(FormerAction::CopyData(copy))) => {
                restarted::copy_data(self, node, copy).await
            }
            Action::Host(action) => {
                let done = self.host_steps().act(node, action).await;
                if action.restarts() {
                    self.connections.forget_one(node);
                }
                done
            }
        }
    }

    async fn act_on_server(
        &self,
        node: &NodeName,
        action: &ServerAction,
    ) -> Result<Evidence, Failure> {
        let to = &self.connections;
        match action {
            ServerAction::PauseWrites { ms } => stopped::pause_writes(to, node, *ms).await,
            ServerAction::ResumeWrites => stopped::resume_writes(to, node).await,
            ServerAction::RequireReplicas { to_write, max_lag } => {
                self.require_replicas(node, *to_write, *max_lag, action.fences())
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
                stopped::await_caught_up(to, node, with, *within_ms).await
            }
            ServerAction::DrainOthers {
                replicas,
                within_ms,
            } => stopped::drain_others(to, node, replicas, *within_ms).await,
            ServerAction::CheckMostAdvanced { others } => {
                self.check_most_advanced(node, others).await
            }
            ServerAction::AwaitInSync { with, within_ms } => {
                self.await_in_sync(node, with, *within_ms).await
            }
            ServerAction::PersistRole => persisted::persist(&self.hosts, to, node).await,
            ServerAction::AwaitQuiet { within_ms } => {
                r::await_quiet(&*to.get(node).await?, *within_ms).await
            }
            ServerAction::SetDirective { name, value } => {
                directive::set_directive(to, node, name, value).await
            }
            ServerAction::SetReplicaAuth => {
                let conn = to.get(node).await?;
                r::set_replica_auth(&conn, &self.logins.replicas).await
            }
            ServerAction::ProveWrite { replicas } => prove::write(to, node, replicas).await,
            ServerAction::ShutDown { follows, .. } => {
                self.shut_down(node, action, follows.as_ref()).await
            }
            ServerAction::AwaitLoaded { .. }
            | ServerAction::CompareKeys
            | ServerAction::SeeSettings { .. } => restarted::act(to, node, action).await,
            ServerAction::CountClients => Ok(clients::count_clients(to, node).await),
            ServerAction::KickClients => clients::kick_clients(to, node).await,
            ServerAction::AwaitUnlisted {
                addresses,
                within_ms,
                optional,
                ..
            } => r::await_unlisted(&*to.get(node).await?, addresses, *within_ms, *optional).await,
            ServerAction::AwaitAnswer { within_ms } => prove::answer(to, node, *within_ms).await,
        }
    }

    /// Ends a server that follows this node, or a primary.
    async fn shut_down(
        &self,
        node: &NodeName,
        action: &ServerAction,
        follows: Option<&NodeName>,
    ) -> Result<Evidence, Failure> {
        let upstream = match follows {
            Some(upstream) => Some(self.like(upstream).await?),
            None => None,
        };
        let is_upstream = |at: &Address| upstream.as_ref().is_some_and(|n| n.answers_to(at));
        restarted::shut_down(&self.connections, node, action, is_upstream).await
    }

    async fn check_most_advanced(
        &self,
        node: &NodeName,
        others: &[NodeName],
    ) -> Result<Evidence, Failure> {
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
    ) -> Result<Evidence, Failure> {
        let conn = self.connections.get(node).await?;
        if raised {
            self.guards.stands(node).await;
            return r::require_replicas(&conn, to_write, max_lag).await;
        }
        let lifted = r::require_replicas(&conn, to_write, max_lag).await?;
        self.guards.gone(node).await;
        Ok(lifted)
    }

    /// Role changes, and the looks that belong to them.
    async fn change_role(&self, node: &NodeName, action: &RoleAction) -> Result<Evidence, Failure> {
        let connections = &self.connections;
        match action {
            RoleAction::Follow { address, .. } | RoleAction::FollowAddress { address } => {
                let is_replica = self.took_for_replica(node);
                role_change::follow(connections, node, address, is_replica).await
            }
            RoleAction::CheckRoles { roles } => {
                check_roles::check_roles(&self.connections, roles).await
            }
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

    /// The steps on an old primary and on the data that only it has.
    async fn rescue(&self, node: &NodeName, action: &RescueAction) -> Result<Evidence, Failure> {
        match action {
            RescueAction::BackUp {
                primary,
                folder,
                fence_ms,
            } => {
                self.backup()
                    .back_up(node, primary, folder, *fence_ms)
                    .await
            }
            RescueAction::BackUpFiles { primary, folder } => {
                self.backup().back_up_files(node, primary, folder).await
            }
            RescueAction::GiveUp {
                address, covered, ..
            } => rejoin::give_up(&self.streams, node, address, covered).await,
            RescueAction::Replay {
                of,
                source,
                conflicts,
                ..
            } => replay::replay(&self.streams, node, of, source, *conflicts).await,
        }
    }

    /// Whether the node was a replica for the running operation: in its plan, or at its last look.
    fn took_for_replica(&self, node: &NodeName) -> bool {
        let was = self.last_seen.node(node);
        self.running.planned_as_replica(node) || was.is_some_and(|n| n.upstream().is_some())
    }

    pub(super) fn host_steps(&self) -> HostSteps<'_> {
        HostSteps {
            hosts: &self.hosts,
            logins: &self.logins,
            transfers: &self.transfers,
        }
    }

    fn sentinel_steps(&self) -> SentinelSteps<'_> {
        SentinelSteps {
            sentinels: &self.sentinels.connections,
            connections: &self.connections,
            last_seen: &self.last_seen,
        }
    }

    fn backup(&self) -> Backup<'_> {
        Backup {
            streams: &self.streams,
            hosts: &self.hosts,
            guards: &self.guards,
            transfers: &self.transfers,
            secrets: &self.secrets,
        }
    }

    /// The comparison after a demotion. At the same time, it checks that no other node has become a
    /// primary.
    async fn compare_offsets(
        &self,
        node: &NodeName,
        with: &NodeName,
        others: &[NodeName],
        within_ms: u64,
    ) -> Result<Evidence, Failure> {
        if let Some(seen) = stopped::seen_beside_demotion(&self.connections, node, with)? {
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
    ) -> Result<Evidence, Failure> {
        let (mine, theirs) = (
            self.connections.get(node).await?,
            self.connections.get(with).await?,
        );
        r::await_near(&mine, &theirs, bytes, within_ms, optional).await
    }

    /// A node with all its addresses, as it was seen last.
    async fn like(&self, node: &NodeName) -> Result<Node, Failure> {
        self.last_seen.node_or_unseen(node, &self.inventory).await
    }

    async fn await_in_sync(
        &self,
        node: &NodeName,
        with: &NodeName,
        within_ms: u64,
    ) -> Result<Evidence, Failure> {
        let (mine, theirs) = (
            self.connections.get(node).await?,
            self.connections.get(with).await?,
        );
        let node_like = self.like(with).await?;
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
                // Only the server's log says why its link is down. The most frequent cause can be
                // seen from here.
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
                for said in log::logs_of((&self.hosts, &self.connections), node, with).await {
                    failure.why = format!("{}; {said}", failure.why);
                }
                Err(failure)
            }
        }
    }
}

/// Why a replica whose link is down cannot log in at its primary, if that is the cause.
fn refused_login(server: &Server) -> Option<&'static str> {
    let down = r::upstream(server).is_some_and(|up| up.link == Link::Down);
    match server.replica_auth.filter(|_| down)? {
        ReplicaAuth::Unset if server.has_password == Some(true) => Some("it has no masterauth"),
        ReplicaAuth::Wrong => Some("its masterauth is not what the inventory says"),
        ReplicaAuth::Unset | ReplicaAuth::Right => None,
    }
}
