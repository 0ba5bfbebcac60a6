//! The way back from an adoption. The node's own server is stopped only if no write is lost by
//! that. The former server counts as running only when it answers.

use crate::actions::former::{Former, FormerAction};
use crate::actions::host::{HostAction, Launch};
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

/// How long writes are paused at most while the server is stopped, ms.
const PAUSE_MS: u64 = 5_000;

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

/// Stops the node's own server. A replica loses no write by that. A primary may have accepted
/// writes, so it is stopped only if it still refuses them.
pub async fn stop_own(world: &World, node: &NodeName, launch: &Launch, fenced: bool) -> Acted {
    let asked = match world.connections.fresh(node).await {
        Ok(conn) => {
            may_stop(&conn, fenced).await.map_err(Failure::unknown)?;
            true
        }
        // The host says whether it runs.
        Err(_) => false,
    };
    let steps = world.host_steps();
    let stopped = steps.stop_own(node, launch, (fenced, asked)).await;
    world.connections.forget_one(node);
    stopped
}

/// Whether it may be stopped. Writes are paused before the role is read. From 6.2 on, a replica
/// that is promoted in between acknowledges no write.
async fn may_stop(conn: &Conn, fenced: bool) -> Result<(), String> {
    let mut questions = redis::pipe();
    let pause = questions.cmd("CLIENT").arg("PAUSE");
    pause.arg(PAUSE_MS).arg("WRITE");
    questions.cmd("ROLE");
    questions
        .cmd("CONFIG")
        .arg("GET")
        .arg("min-replicas-to-write");
    let replies = conn.exchange(&questions, REPLY).await;
    let replies = replies.map_err(|trouble| {
        format!(
            "its role cannot be read, so it was not stopped: {}",
            trouble.detail
        )
    })?;
    let judged = match &replies[..] {
        [_, role, fence] => judge(role, fence, fenced),
        _ => Err("its role cannot be read, so it was not stopped".to_owned()),
    };
    if judged.is_err() {
        let _ = conn.call(cmd("CLIENT").arg("UNPAUSE"), REPLY).await;
    }
    judged
}

fn judge(role: &Value, fence: &Value, fenced: bool) -> Result<(), String> {
    // A server that has not loaded its data has accepted no write.
    if matches!(role, Value::ServerError(error) if error.code() == "LOADING") {
        return Ok(());
    }
    let refuses = super::settings::value(fence).is_some_and(|value| value == NOBODY_HAS);
    match parse(role) {
        Some(LiveRole::Primary { .. }) if fenced && refuses => Ok(()),
        Some(LiveRole::Replica { .. }) if !fenced => Ok(()),
        Some(LiveRole::Primary { .. }) => Err(
            "it is a primary and accepts writes that no other node may have: it was not stopped"
                .to_owned(),
        ),
        Some(LiveRole::Replica { upstream, .. }) => Err(format!(
            "it now follows {upstream}, which the plan did not expect: it was not stopped"
        )),
        Some(LiveRole::Sentinel) | None => {
            Err("its role is unknown, so it was not stopped".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &[&str]) -> Value {
        let text = |word: &&str| Value::BulkString(word.as_bytes().to_vec());
        Value::Array(words.iter().map(text).collect())
    }

    #[test]
    fn a_server_that_may_have_taken_writes_is_not_stopped() {
        let primary = all(&["master", "100"]);
        let replica = all(&["slave", "10.0.0.1", "6379", "connected", "100"]);
        let closed = all(&["min-replicas-to-write", "1000"]);
        let open = all(&["min-replicas-to-write", "0"]);
        assert!(judge(&replica, &open, false).is_ok());
        // Somebody has promoted it.
        assert!(judge(&primary, &open, false).is_err());
        assert!(judge(&primary, &closed, false).is_err());
        // The primary was alone.
        assert!(judge(&primary, &closed, true).is_ok());
        assert!(judge(&primary, &open, true).is_err());
        assert!(judge(&primary, &Value::Nil, true).is_err());
        assert!(judge(&Value::Nil, &closed, true).is_err());
    }
}
