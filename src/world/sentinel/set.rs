//! The settings of a deployment at a Sentinel, and the waits until it has applied them. Each is
//! safe to repeat.

use super::{SentinelConnections, look, reply};
use crate::actions::sentinel::SentinelAction;
use crate::config::sentinel::options;
use crate::engine::execute::Failure;
use crate::inventory::SentinelRules;
use crate::topology::Address;
use crate::topology::sentinel::Sees;
use crate::world::login::ServerLogin;
use crate::world::replication::{Acted, seen};
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

/// Sends one request. Without an answer, its effect is not known.
async fn tell(conn: &Conn, command: &Cmd) -> Result<(), Failure> {
    let reply = conn.call(command, REPLY).await;
    reply.map(drop).map_err(|trouble| {
        if trouble.may_be_executed() {
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

/// Does one step that is about one Sentinel.
pub(super) async fn tell_sentinel(to: &SentinelConnections, action: &SentinelAction) -> Acted {
    match action {
        SentinelAction::Monitor {
            name,
            at,
            primary,
            rules,
        } => monitor(to, name, at, primary, rules).await,
        SentinelAction::Unmonitor { name, at } => unmonitor(to, at, name).await,
        SentinelAction::Set {
            name,
            at,
            option,
            value,
        } => set(to, at, name, (option, value)).await,
        SentinelAction::SetAuth { name, at } => set_auth(to, at, name).await,
        SentinelAction::AwaitHears {
            name,
            at,
            run_id,
            within_ms,
        } => await_hears(to, (at, name), run_id, *within_ms).await,
        SentinelAction::AwaitTogether {
            name,
            at,
            run_id,
            replicas,
            others,
            within_ms,
        } => await_together(to, (at, name), (run_id, *replicas, *others), *within_ms).await,
        SentinelAction::Reset { name, at } => reset(to, at, name).await,
        SentinelAction::AwaitRelearned {
            name,
            at,
            run_id,
            replicas,
            sentinels,
            gone,
            within_ms,
        } => {
            let all = (replicas.as_slice(), sentinels.as_slice());
            await_relearned(to, (at, name), (run_id, all, gone), *within_ms).await
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

async fn open(sentinels: &SentinelConnections, at: &Address) -> Result<Conn, Failure> {
    sentinels
        .open(at)
        .await
        .map_err(|t| Failure::none(t.detail))
}

async fn unmonitor(sentinels: &SentinelConnections, at: &Address, name: &str) -> Acted {
    let conn = open(sentinels, at).await?;
    if !watches(&conn, name).await? {
        return Ok(seen("it does not watch it"));
    }
    tell(&conn, &sentinel(&["REMOVE", name])).await?;
    Ok(seen("removed"))
}

async fn set(
    sentinels: &SentinelConnections,
    at: &Address,
    name: &str,
    (option, value): (&str, &str),
) -> Acted {
    let conn = open(sentinels, at).await?;
    tell(&conn, &sentinel(&["SET", name, option, value])).await?;
    Ok(seen(format!("{option} {value}")))
}

async fn set_auth(sentinels: &SentinelConnections, at: &Address, name: &str) -> Acted {
    let conn = open(sentinels, at).await?;
    log_in(&conn, name, sentinels.servers.logins.own.as_ref()).await?;
    Ok(seen("set"))
}

async fn reset(sentinels: &SentinelConnections, at: &Address, name: &str) -> Acted {
    let conn = open(sentinels, at).await?;
    tell(&conn, &sentinel(&["RESET", &exactly(name)])).await?;
    Ok(seen("it begins anew"))
}

/// Waits until it hears from the primary with that run id.
async fn await_hears(
    sentinels: &SentinelConnections,
    (at, name): (&Address, &str),
    run_id: &str,
    within_ms: u64,
) -> Acted {
    let hears = |sees: &Sees| (!sees.hears(Some(run_id))).then(|| sees.why_deaf());
    let sees = await_content(sentinels, at, name, within_ms, &hears).await?;
    let primary = sees.primary.map_or_else(String::new, |a| a.to_string());
    Ok(seen(format!("it hears from {primary}")))
}

/// Waits until it knows so many replicas and so many other Sentinels.
async fn await_together(
    sentinels: &SentinelConnections,
    (at, name): (&Address, &str),
    (run_id, replicas, others): (&str, u64, u64),
    within_ms: u64,
) -> Acted {
    let lacks = |sees: &Sees| sees.not_together(Some(run_id), replicas, others);
    let sees = await_content(sentinels, at, name, within_ms, &lacks).await?;
    Ok(seen(format!(
        "{} replicas, {} other Sentinels, quorum {}",
        sees.replicas.len(),
        sees.others,
        sees.quorum
    )))
}

/// Waits until it knows these again, and none that is gone.
async fn await_relearned(
    sentinels: &SentinelConnections,
    (at, name): (&Address, &str),
    (run_id, all, gone): (&str, (&[Address], &[Address]), &[Address]),
    within_ms: u64,
) -> Acted {
    let lacks = |sees: &Sees| sees.not_relearned(run_id, all, gone);
    await_content(sentinels, at, name, within_ms, &lacks).await?;
    Ok(seen(format!(
        "it knows {} replicas and {} other Sentinels",
        all.0.len(),
        all.1.len()
    )))
}

async fn monitor(
    sentinels: &SentinelConnections,
    name: &str,
    at: &Address,
    primary: &Address,
    rules: &SentinelRules,
) -> Acted {
    let own = sentinels.servers.logins.own.as_ref();
    let conn = open(sentinels, at).await?;
    let (port, quorum) = (primary.port.to_string(), rules.quorum.to_string());
    if !watches(&conn, name).await? {
        let words = ["MONITOR", name, &primary.host, &port, &quorum];
        tell(&conn, &sentinel(&words)).await?;
    }
    log_in(&conn, name, own).await?;
    for (option, value) in options(rules) {
        let value = value.to_string();
        tell(&conn, &sentinel(&["SET", name, option, &value])).await?;
    }
    Ok(seen(format!("it watches {primary}")))
}

/// Gives it the deployment's password. Its words are not repeated where it refuses: the
/// password may stand in them.
async fn log_in(conn: &Conn, name: &str, own: Option<&ServerLogin>) -> Result<(), Failure> {
    let Some(login) = own else {
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

/// Looks again and again until `lacks` finds nothing missing.
async fn await_content(
    sentinels: &SentinelConnections,
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
            None => sentinels.open(at).await,
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
