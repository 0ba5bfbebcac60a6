//! The way back from an adoption. The node's own server is stopped only if no write is lost by
//! that. The former server counts as running only when it answers.

use crate::actions::former::{DataCopy, Former, FormerAction};
use crate::actions::host::{HostAction, Launch};
use crate::actions::own::{Answers, ReportedRole, may_stop};
use crate::engine::execute::Failure;
use crate::topology::NodeName;
use crate::world::World;
use crate::world::replication::{Acted, CALM};
use crate::world::resp::{Conn, REPLY};
use crate::world::role::{LiveRole, parse};
use redis::{Value, cmd};
use std::time::{Duration, Instant};

/// How long a server that was told to end may save its data. It does not answer meanwhile.
const ANSWERS: Duration = Duration::from_mins(10);

/// How long writes are paused at most while the server is stopped, ms. The host may take less for
/// that.
const PAUSE_MS: u64 = 150_000;

/// The number of replicas that the fence of a restarted server requires.
const NOBODY_HAS: &str = "1000";

/// Starts the former server and waits until it answers. A server that listens may be about to end:
/// it was told to, and saves its data.
pub async fn start_again(world: &World, node: &NodeName, former: &Former) -> Acted {
    let action = HostAction::Former(FormerAction::Start(former.clone()));
    let begun = Instant::now();
    loop {
        let started = world.host_steps().act(node, &action).await;
        world.connections.forget_one(node);
        let started = started?;
        let why = match world.connections.fresh(node).await {
            Ok(conn) => match goes_on(&conn).await {
                Ok(()) => return Ok(started),
                Err(why) => why,
            },
            Err(failure) => failure.why,
        };
        if begun.elapsed() >= ANSWERS {
            return Err(Failure::unknown(format!(
                "it was started, and does not answer: {why}"
            )));
        }
        tokio::time::sleep(CALM).await;
    }
}

/// Whether it answers, and is not about to end. From 7.0 on, a server that waits for its replicas
/// before it ends still answers. Older servers do not know the first command.
async fn goes_on(conn: &Conn) -> Result<(), String> {
    let mut questions = redis::pipe();
    questions.cmd("SHUTDOWN").arg("ABORT");
    questions.cmd("PING");
    let answered = conn.exchange(&questions, REPLY).await;
    answered.map(drop).map_err(|trouble| trouble.detail)
}

/// Copies the data of the former server. A server that is killed closes its connections, too. So a
/// snapshot that is older than the command to end is not copied.
pub async fn copy_data(world: &World, node: &NodeName, copy: &DataCopy) -> Acted {
    let Some(since) = world.connections.told_to_end(node) else {
        return Err(Failure::none(
            "its data was not copied: this run has not told its server to save and end",
        ));
    };
    world.host_steps().copy_data(node, copy, since).await
}

/// Stops the node's own server. A replica loses no write by that. A primary may have accepted
/// writes, so it is stopped only if it still refuses them.
///
/// The former server may run and answer on the port. So the host says first whether a process works
/// in the node's own directory, and only the role of that process counts.
pub async fn stop_own(world: &World, node: &NodeName, launch: &Launch, fenced: bool) -> Acted {
    let steps = world.host_steps();
    let works = steps.own_process(node, launch).await?;
    let conn = match works {
        // The host says whether it has ended meanwhile.
        Some(_) => world.connections.fresh(node).await.ok(),
        None => None,
    };
    let answers = match &conn {
        Some(conn) => Some(pause_and_ask(conn).await.map_err(Failure::unknown)?),
        None => None,
    };
    let judged = may_stop(works, answers.as_ref(), fenced);
    let confirmed = matches!(judged, Ok(Some(_)));
    let stopped = match judged {
        Ok(process) => steps.stop_own(node, launch, (fenced, process)).await,
        Err(why) => Err(Failure::unknown(why)),
    };
    // It goes on, or another server has answered.
    if let (true, Some(conn)) = (stopped.is_err() || !confirmed, &conn) {
        let _ = conn.call(cmd("CLIENT").arg("UNPAUSE"), REPLY).await;
    }
    world.connections.forget_one(node);
    stopped
}

/// Writes are paused before the role is read. From 6.2 on, a replica that is promoted in between
/// acknowledges no write.
async fn pause_and_ask(conn: &Conn) -> Result<Answers, String> {
    let mut questions = redis::pipe();
    let pause = questions.cmd("CLIENT").arg("PAUSE");
    pause.arg(PAUSE_MS).arg("WRITE");
    questions.cmd("INFO").arg("server");
    questions.cmd("ROLE");
    let fence = questions.cmd("CONFIG").arg("GET");
    fence.arg("min-replicas-to-write");
    let replies = conn.exchange(&questions, REPLY).await;
    let replies = replies.map_err(|trouble| {
        format!(
            "its role cannot be read, so it was not stopped: {}",
            trouble.detail
        )
    })?;
    match &replies[..] {
        [_, info, role, fence] => Ok(read(info, role, fence)),
        _ => Err("its role cannot be read, so it was not stopped".to_owned()),
    }
}

fn read(info: &Value, role: &Value, fence: &Value) -> Answers {
    let text = redis::from_redis_value::<Vec<u8>>(info.clone()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let process = super::field(&text, "process_id").and_then(|pid| pid.parse().ok());
    let refuses = super::settings::value(fence).is_some_and(|value| value == NOBODY_HAS);
    let loading = matches!(role, Value::ServerError(error) if error.code() == "LOADING");
    let role = match parse(role) {
        _ if loading => ReportedRole::Loading,
        Some(LiveRole::Primary { .. }) => ReportedRole::Primary { refuses },
        Some(LiveRole::Replica { upstream, .. }) => ReportedRole::Replica(upstream.to_string()),
        Some(LiveRole::Sentinel) | None => ReportedRole::Unknown,
    };
    Answers { process, role }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &[&str]) -> Value {
        let text = |word: &&str| Value::BulkString(word.as_bytes().to_vec());
        Value::Array(words.iter().map(text).collect())
    }

    #[test]
    fn what_the_server_on_the_port_says_of_itself_is_read() {
        let info = Value::BulkString(b"# Server\r\nprocess_id:812\r\nrun_id:x\r\n".to_vec());
        let primary = all(&["master", "100"]);
        let replica = all(&["slave", "10.0.0.1", "6379", "connected", "100"]);
        let closed = all(&["min-replicas-to-write", "1000"]);
        let open = all(&["min-replicas-to-write", "0"]);
        let role = |role: &Value, fence: &Value| read(&info, role, fence).role;
        assert_eq!(read(&info, &primary, &open).process, Some(812));
        assert_eq!(read(&Value::Nil, &primary, &open).process, None);
        assert_eq!(
            role(&primary, &closed),
            ReportedRole::Primary { refuses: true }
        );
        assert_eq!(
            role(&primary, &open),
            ReportedRole::Primary { refuses: false }
        );
        assert_eq!(
            role(&primary, &Value::Nil),
            ReportedRole::Primary { refuses: false }
        );
        assert_eq!(
            role(&replica, &open),
            ReportedRole::Replica("10.0.0.1:6379".to_owned())
        );
        assert_eq!(role(&Value::Nil, &closed), ReportedRole::Unknown);
    }
}
