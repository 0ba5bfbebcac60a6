//! Talks to a server before and after its restart. Before: its role and its keys, and the command
//! to save and end. After: whether it has loaded its data, and has the same keys and settings.

mod keys;
mod own;
mod settings;

pub use keys::Keys;
pub(super) use own::{copy_data, start_again, stop_own};

use super::connections::Connections;
use super::replication::{Acted, CALM, ask, seen};
use super::resp::{Conn, REPLY};
use super::role::{LiveRole, parse};
use crate::actions::server::ServerAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::{Address, NodeName, TroubleKind};
use redis::{Value, cmd};
use std::time::{Duration, Instant};

/// How long a server that makes progress may take to load its data.
const LONGEST: Duration = Duration::from_hours(2);

/// Performs one of the checks after a restart.
pub async fn act(connections: &Connections, node: &NodeName, action: &ServerAction) -> Acted {
    match action {
        ServerAction::AwaitLoaded { within_ms } => {
            await_loaded(connections, node, *within_ms).await
        }
        ServerAction::CompareKeys => keys::compare(connections, node).await,
        ServerAction::SeeSettings { settings } => {
            settings::see_settings(connections, node, settings).await
        }
        ServerAction::ShutDown { .. }
        | ServerAction::PauseWrites { .. }
        | ServerAction::ResumeWrites
        | ServerAction::RequireReplicas { .. }
        | ServerAction::AwaitNear { .. }
        | ServerAction::AwaitCaughtUp { .. }
        | ServerAction::DrainOthers { .. }
        | ServerAction::CheckMostAdvanced { .. }
        | ServerAction::AwaitInSync { .. }
        | ServerAction::AwaitQuiet { .. }
        | ServerAction::AwaitAnswer { .. }
        | ServerAction::AwaitUnlisted { .. }
        | ServerAction::CountClients
        | ServerAction::KickClients
        | ServerAction::PersistRole
        | ServerAction::SetDirective { .. }
        | ServerAction::SetReplicaAuth
        | ServerAction::ProveWrite { .. } => Ok(Evidence::default()),
    }
}

/// Sends `SHUTDOWN SAVE`. A server that obeys closes the connection without an answer. A server
/// that cannot save answers with an error and continues. Only the host knows whether the process is
/// gone.
///
/// The same connection asks for the settings and for the role right before. The data is copied from
/// where the settings of the plan say, so a server that has other settings by now is not ended.
/// Writes are paused before that, so a replica that somebody promotes in between acknowledges no
/// write. The pause ends with the server, or by itself.
///
/// `is_upstream`: whether an address belongs to the node that it must follow.
pub async fn shut_down(
    connections: &Connections,
    node: &NodeName,
    action: &ServerAction,
    is_upstream: impl Fn(&Address) -> bool,
) -> Acted {
    let ServerAction::ShutDown {
        within_ms,
        pause_ms,
        follows,
        counts,
        runs_with,
    } = action
    else {
        return Ok(Evidence::default());
    };
    let conn = connections.fresh(node).await?;
    if let Some(ms) = pause_ms {
        ask(&conn, cmd("CLIENT").arg("PAUSE").arg(*ms).arg("WRITE")).await?;
    }
    let ended = async {
        if *counts {
            connections.keep_keys(node, keys::count(&conn).await?);
        }
        settings::unchanged(&conn, runs_with).await?;
        connections.keep_end(node, time(&conn).await?);
        let role = ask(&conn, &cmd("ROLE")).await?;
        is_as_planned(&role, follows.as_ref(), is_upstream).map_err(Failure::none)?;
        end(&conn, *within_ms).await
    };
    let ended = ended.await;
    connections.forget_one(node);
    if ended.is_err() && pause_ms.is_some() {
        let _ = conn.call(cmd("CLIENT").arg("UNPAUSE"), REPLY).await;
    }
    ended
}

/// The time of a file that is written at this moment: seconds since 1970, and microseconds. A file
/// gets the time of the last tick, which is up to 10 ms ago.
fn second_of_files((seconds, micros): (u64, u64)) -> u64 {
    if micros < 20_000 {
        return seconds.saturating_sub(1);
    }
    seconds
}

/// The earliest time that a file can have that is written from now on, by the clock of its host,
/// seconds since 1970.
async fn time(conn: &Conn) -> Result<u64, Failure> {
    let reply = ask(conn, &cmd("TIME")).await?;
    let told = redis::from_redis_value::<(u64, u64)>(reply);
    let told = told.map(second_of_files);
    told.map_err(|_| {
        Failure::none("replctl did not understand its answer to TIME: it was not stopped")
    })
}

/// Whether it has the role that the plan expects at its end.
fn is_as_planned(
    role: &Value,
    follows: Option<&NodeName>,
    is_upstream: impl Fn(&Address) -> bool,
) -> Result<(), String> {
    match (parse(role), follows) {
        (Some(LiveRole::Primary { .. }), None) => Ok(()),
        (Some(LiveRole::Replica { upstream, .. }), Some(_)) if is_upstream(&upstream) => Ok(()),
        (Some(LiveRole::Primary { .. }), Some(wanted)) => Err(format!(
            "it is now a primary, and should follow `{wanted}`: it was not stopped"
        )),
        (Some(LiveRole::Replica { upstream, .. }), _) => Err(format!(
            "it now follows {upstream}, which the plan did not expect: it was not stopped"
        )),
        (Some(LiveRole::Sentinel) | None, _) => {
            Err("replctl did not understand its answer to ROLE: it was not stopped".to_owned())
        }
    }
}

async fn end(conn: &Conn, within_ms: u64) -> Acted {
    let (begun, within) = (Instant::now(), Duration::from_millis(within_ms));
    let mut question = redis::pipe();
    question.cmd("SHUTDOWN").arg("SAVE");
    match conn.exchange(&question, within).await {
        Ok(replies) => {
            let reply = replies.into_iter().next();
            let why = match reply {
                Some(Value::ServerError(error)) => {
                    let details = error.details().unwrap_or_default();
                    format!("{} {details}", error.code())
                }
                Some(_) | None => "it answered and did not end".to_owned(),
            };
            Err(Failure::none(format!("it still runs: {}", why.trim())))
        }
        Err(trouble) if trouble.kind == TroubleKind::Frozen => Err(Failure::unknown(format!(
            "it has not ended after {} s",
            within.as_secs()
        ))),
        Err(_) => {
            let took = begun.elapsed().as_secs_f64();
            Ok(seen(format!("it closed the connection after {took:.1} s")))
        }
    }
}

/// Waits until the server has loaded its data. It keeps waiting while the number of loaded bytes
/// grows.
async fn await_loaded(connections: &Connections, node: &NodeName, within_ms: u64) -> Acted {
    let begun = Instant::now();
    let (mut moved, mut loaded) = (begun, None);
    loop {
        let last = match connections.get(node).await {
            Ok(conn) => match conn.call(cmd("INFO").arg("persistence"), REPLY).await {
                Ok(reply) => {
                    let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
                    let text = String::from_utf8_lossy(&text).into_owned();
                    match field(&text, "loading") {
                        Some("0") => {
                            let took = begun.elapsed().as_secs_f64();
                            return Ok(seen(format!("loaded after {took:.1} s")));
                        }
                        Some(_) => {
                            let now = field(&text, "loading_loaded_bytes").map(str::to_owned);
                            if now != loaded {
                                (moved, loaded) = (Instant::now(), now);
                            }
                            let bytes = loaded.as_deref().unwrap_or("an unknown number of");
                            format!("it has loaded {bytes} bytes")
                        }
                        None => "INFO does not say whether it is loading".to_owned(),
                    }
                }
                Err(trouble) => {
                    connections.forget_one(node);
                    trouble.detail
                }
            },
            Err(failure) => failure.why,
        };
        if moved.elapsed() >= Duration::from_millis(within_ms) || begun.elapsed() >= LONGEST {
            let seconds = begun.elapsed().as_secs();
            return Err(Failure::none(format!(
                "it has not loaded its data after {seconds} s: {last}"
            )));
        }
        tokio::time::sleep(CALM).await;
    }
}

/// A field of INFO.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines().filter_map(|line| line.trim().split_once(':'));
    lines.find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(words: &[&str]) -> Value {
        let text = |word: &&str| Value::BulkString(word.as_bytes().to_vec());
        Value::Array(words.iter().map(text).collect())
    }

    #[test]
    fn a_server_whose_role_has_changed_is_not_ended() {
        let n1 = NodeName::from("n1");
        let primary = role(&["master", "100"]);
        let replica = role(&["slave", "10.0.0.1", "6379", "connected", "100"]);
        let planned = |role: &Value, follows: Option<&NodeName>, host: &str| {
            is_as_planned(role, follows, |at| at.host == host)
        };
        assert_eq!(planned(&primary, None, ""), Ok(()));
        assert_eq!(planned(&replica, Some(&n1), "10.0.0.1"), Ok(()));
        assert!(planned(&primary, Some(&n1), "10.0.0.1").is_err());
        assert!(planned(&replica, Some(&n1), "10.0.0.2").is_err());
        assert!(planned(&replica, None, "10.0.0.1").is_err());
        assert!(planned(&Value::Nil, None, "").is_err());
    }

    #[test]
    fn a_file_that_is_written_now_may_have_the_second_before() {
        assert_eq!(second_of_files((100, 3_000)), 99);
        assert_eq!(second_of_files((100, 20_000)), 100);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let info = "loading_start_time:3\r\nasync_loading:1\r\nloading:0\r\n";
        assert_eq!(field(info, "loading"), Some("0"));
        assert_eq!(field(info, "load"), None);
    }
}
