//! What a Sentinel is told of a deployment, and what is waited for until it has taken it in. Each
//! is safe to repeat.

use super::{look, reply};
use crate::actions::sentinel::SentinelAction;
use crate::config::sentinel::options;
use crate::engine::execute::Failure;
use crate::inventory::SentinelRules;
use crate::topology::sentinel::Sees;
use crate::topology::{Address, NodeName};
use crate::world::World;
use crate::world::observe::{SENTINELS, second_number};
use crate::world::replication::{Acted, doubtful, seen};
use crate::world::resp::{Conn, REPLY};
use redis::{Cmd, cmd};
use secrecy::ExposeSecret;
use std::time::{Duration, Instant};

/// Pause between looks.
const CALM: Duration = Duration::from_millis(100);

fn sentinel(words: &[&str]) -> Cmd {
    let mut command = cmd("SENTINEL");
    for word in words {
        command.arg(*word);
    }
    command
}

/// Sends one request; what became of one without an answer is not known.
async fn tell(conn: &Conn, command: &Cmd) -> Result<(), Failure> {
    let reply = conn.call(command, REPLY).await;
    reply.map(drop).map_err(|trouble| {
        if doubtful(&trouble) {
            Failure::unknown(trouble.detail)
        } else {
            Failure::none(trouble.detail)
        }
    })
}

/// A name as a pattern that means this name alone.
fn exactly(name: &str) -> String {
    let mut pattern = String::new();
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Whether it watches a deployment of that name.
async fn watches(conn: &Conn, name: &str) -> Result<bool, Failure> {
    let said = conn.call(&sentinel(&["MASTERS"]), REPLY).await;
    let said = said.map_err(|t| Failure::none(t.detail))?;
    let names = reply::names(&said).ok_or_else(|| Failure::none("it is no Sentinel"))?;
    Ok(names.iter().any(|n| n == name))
}

impl World {
    /// Does one step that is about one Sentinel.
    pub(super) async fn tell_sentinel(&self, action: &SentinelAction) -> Acted {
        match action {
            SentinelAction::Monitor {
                name,
                at,
                primary,
                rules,
            } => self.monitor(name, at, primary, rules).await,
            SentinelAction::Unmonitor { name, at } => {
                let conn = self.to(at).await?;
                if !watches(&conn, name).await? {
                    return Ok(seen("it does not watch it"));
                }
                tell(&conn, &sentinel(&["REMOVE", name])).await?;
                Ok(seen("removed"))
            }
            SentinelAction::Set {
                name,
                at,
                option,
                value,
            } => {
                let conn = self.to(at).await?;
                tell(&conn, &sentinel(&["SET", name, option, value])).await?;
                Ok(seen(format!("{option} {value}")))
            }
            SentinelAction::SetAuth { name, at } => {
                let conn = self.to(at).await?;
                self.log_in(&conn, name).await?;
                Ok(seen("set"))
            }
            SentinelAction::AwaitHears {
                name,
                at,
                run_id,
                within_ms,
            } => {
                let hears = |sees: &Sees| (!sees.hears(Some(run_id))).then(|| sees.why_deaf());
                let sees = self.await_content(at, name, *within_ms, &hears).await?;
                let primary = sees.primary.map_or_else(String::new, |a| a.to_string());
                Ok(seen(format!("it hears from {primary}")))
            }
            SentinelAction::AwaitTogether {
                name,
                at,
                run_id,
                replicas,
                others,
                within_ms,
            } => {
                let lacks = |sees: &Sees| sees.not_together(Some(run_id), *replicas, *others);
                let sees = self.await_content(at, name, *within_ms, &lacks).await?;
                Ok(seen(format!(
                    "{} replicas, {} other Sentinels, quorum {}",
                    sees.replicas.len(),
                    sees.others,
                    sees.quorum
                )))
            }
            SentinelAction::Reset { name, at } => {
                let conn = self.to(at).await?;
                tell(&conn, &sentinel(&["RESET", &exactly(name)])).await?;
                Ok(seen("it begins anew"))
            }
            SentinelAction::AwaitRelearned {
                name,
                at,
                run_id,
                replicas,
                sentinels,
                gone,
                within_ms,
            } => {
                let lacks = |sees: &Sees| {
                    let all = (replicas.as_slice(), sentinels.as_slice());
                    sees.not_relearned(run_id, all, gone)
                };
                self.await_content(at, name, *within_ms, &lacks).await?;
                Ok(seen(format!(
                    "it knows {} replicas and {} other Sentinels",
                    replicas.len(),
                    sentinels.len()
                )))
            }
            other @ (SentinelAction::AwaitPriority { .. }
            | SentinelAction::SetInfoPeriod { .. }
            | SentinelAction::RestoreInfoPeriod { .. }
            | SentinelAction::AwaitTurn { .. }
            | SentinelAction::FailOver { .. }
            | SentinelAction::AwaitAgreed { .. }
            | SentinelAction::AwaitUnwatched { .. }) => {
                Err(Failure::none(format!("it is not about one: {other}")))
            }
        }
    }

    /// Waits until Sentinels have left a node.
    pub(super) async fn await_unwatched(
        &self,
        node: &NodeName,
        at_most: u64,
        within_ms: u64,
    ) -> Acted {
        let end = Instant::now() + Duration::from_millis(within_ms);
        loop {
            let conn = self.connections.get(node).await?;
            let mut ask = cmd("PUBSUB");
            ask.arg("NUMSUB").arg(SENTINELS);
            let said = conn.call(&ask, REPLY).await;
            let said = said.map_err(|t| Failure::none(t.detail))?;
            let count = second_number(&said).unwrap_or(0);
            if count <= at_most {
                return Ok(seen(format!("{count} Sentinels listen")));
            }
            if Instant::now() >= end {
                return Err(Failure::none(format!(
                    "after {} s {count} Sentinels still listen",
                    within_ms / 1000
                )));
            }
            tokio::time::sleep(CALM).await;
        }
    }

    async fn to(&self, at: &Address) -> Result<Conn, Failure> {
        self.sentinel(at).await.map_err(|t| Failure::none(t.detail))
    }

    async fn monitor(
        &self,
        name: &str,
        at: &Address,
        primary: &Address,
        rules: &SentinelRules,
    ) -> Acted {
        let conn = self.to(at).await?;
        let (port, quorum) = (primary.port.to_string(), rules.quorum.to_string());
        if !watches(&conn, name).await? {
            let words = ["MONITOR", name, &primary.host, &port, &quorum];
            tell(&conn, &sentinel(&words)).await?;
        }
        self.log_in(&conn, name).await?;
        for (option, value) in options(rules) {
            let value = value.to_string();
            tell(&conn, &sentinel(&["SET", name, option, &value])).await?;
        }
        Ok(seen(format!("it watches {primary}")))
    }

    /// Gives it the deployment's password. Its words are not repeated where it refuses: the
    /// password may stand in them.
    async fn log_in(&self, conn: &Conn, name: &str) -> Result<(), Failure> {
        let Some(login) = &self.logins.own else {
            return Ok(());
        };
        let password = login.password.expose_secret();
        let command = sentinel(&["SET", name, "auth-pass", password]);
        let told = tell(conn, &command).await;
        told.map_err(|failure| Failure {
            why: "it did not take the password (auth-pass)".to_owned(),
            ..failure
        })
    }

    /// Looks again and again until nothing is lacking. `lacks` says what is.
    async fn await_content(
        &self,
        at: &Address,
        name: &str,
        within_ms: u64,
        lacks: &(dyn Fn(&Sees) -> Option<String> + Sync),
    ) -> Result<Sees, Failure> {
        let end = Instant::now() + Duration::from_millis(within_ms);
        let mut kept: Option<Conn> = None;
        loop {
            let open = match kept.take() {
                Some(conn) => Ok(conn),
                None => self.sentinel(at).await,
            };
            let why = match open {
                Ok(conn) => match look(&conn, name).await {
                    Ok(sees) => {
                        kept = Some(conn);
                        match lacks(&sees) {
                            None => return Ok(sees),
                            Some(why) => why,
                        }
                    }
                    Err(trouble) => trouble.detail,
                },
                Err(trouble) => trouble.detail,
            };
            if Instant::now() >= end {
                return Err(Failure::none(format!(
                    "after {} s: {why}",
                    within_ms / 1000
                )));
            }
            tokio::time::sleep(CALM).await;
        }
    }
}
