//! Looks whether users may run what a plan needs, without running any of it: `ACL DRYRUN` where it
//! is there and allowed, else commands that are queued in a transaction and discarded. It changes
//! nothing on the servers.

use super::login::ServerLogin;
use super::observe::Reach;
use super::resp::{Conn, REPLY, lets_in};
use super::servers::Servers;
use crate::actions::rights::{Need, OF_REPLICAS};
use crate::engine::{Plan, Refusal};
use crate::inventory::NodeSpec;
use crate::plan::permissions::{self, Hindered, Lacks};
use crate::topology::{NodeName, Trouble};
use futures::StreamExt;
use redis::{Value, cmd};
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// How long one node may take, its connections included.
const LOOK: Duration = Duration::from_secs(10);

/// What a server says of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Forbidden,
    Gone,
    Open,
}

/// Whether the nodes of a plan allow everything that it needs, and will let its replicas in. Nodes
/// that do not answer are left out.
///
/// # Errors
/// All that is missing.
pub async fn permitted(servers: &Servers, plan: &mut Plan) -> Result<(), Vec<Refusal>> {
    if plan.operation.answers().writes_logins {
        return Ok(());
    }
    let needs = permissions::of(plan);
    let looks = needs.iter().map(|(node, needs)| async {
        let lacks = timeout(LOOK, lacks(servers, node, needs)).await.ok()??;
        Some((node.clone(), lacks))
    });
    let lacks: BTreeMap<NodeName, Lacks> = futures::stream::iter(looks)
        .buffer_unordered(servers.concurrency)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let pairs = permissions::logins(plan);
    let tries = pairs.into_iter().map(|pair| async {
        let hindered = timeout(LOOK, hindered(servers, &pair.node, &pair.at)).await;
        Some((pair, hindered.ok()??))
    });
    let hindered = futures::stream::iter(tries)
        .buffered(servers.concurrency)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let mut refusals = permissions::check(plan, &lacks).err().unwrap_or_default();
    refusals.extend(
        permissions::check_logins(plan, hindered)
            .err()
            .unwrap_or_default(),
    );
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// What our own user may not do on a node; `None`: nothing, or it cannot be asked.
async fn lacks(servers: &Servers, node: &NodeName, needs: &BTreeSet<Need>) -> Option<Lacks> {
    let spec = servers.inventory.get(node)?;
    let needs: Vec<Need> = needs.iter().copied().collect();
    probe(servers, spec, servers.user(), &needs).await
}

/// Asks a server about a user, over connections that are closed afterwards. Before 7.0 only our
/// own user can be asked about.
async fn probe(servers: &Servers, spec: &NodeSpec, user: &str, needs: &[Need]) -> Option<Lacks> {
    let conn = servers.connect(spec).await.ok()?;
    let mut verdicts = dry_run(&conn, user, needs).await.ok()?;
    let open: Vec<usize> = (0..needs.len())
        .filter(|n| verdicts[*n] == Verdict::Open)
        .collect();
    // Another user would need the right to run transactions, and seldom has it.
    if !open.is_empty()
        && user == servers.user()
        && let Ok(conn) = servers.connect(spec).await
    {
        let asked: Vec<Need> = open.iter().map(|n| needs[*n]).collect();
        for (n, verdict) in open.into_iter().zip(queue(&conn, &asked).await.ok()?) {
            verdicts[n] = verdict;
        }
    }
    let with = |wanted: Verdict| {
        let all = needs.iter().zip(&verdicts);
        all.filter(|(_, verdict)| **verdict == wanted)
            .map(|(need, _)| *need)
            .collect::<Vec<Need>>()
    };
    let lacks = Lacks {
        user: user.to_owned(),
        address: Some(spec.address.clone()),
        forbidden: with(Verdict::Forbidden),
        gone: with(Verdict::Gone),
        open: with(Verdict::Open),
    };
    let any = [&lacks.forbidden, &lacks.gone, &lacks.open];
    any.iter().any(|needs| !needs.is_empty()).then_some(lacks)
}

/// Whether `node`, with what it has now, would be let in by `at`; `None`: yes, or it cannot be
/// known.
async fn hindered(servers: &Servers, node: &NodeName, at: &NodeName) -> Option<Hindered> {
    let (node, at) = (servers.inventory.get(node)?, servers.inventory.get(at)?);
    let login = own_of(servers, node).await?;
    match tried(servers, at, login.as_ref()).await {
        Err(refused) => {
            let told = refused.kind.is_about_password();
            told.then_some(Hindered::Refused(refused.detail))
        }
        Ok(false) if login.is_some() => Some(Hindered::Refused(
            "it has a masterauth, and the other no password: that login is refused".to_owned(),
        )),
        Ok(_) => {
            let user = login
                .as_ref()
                .map_or("default", ServerLogin::name)
                .to_owned();
            let asked = probe(servers, at, &user, &OF_REPLICAS);
            let lacks = asked.await.filter(|lacks| !lacks.forbidden.is_empty())?;
            Some(Hindered::Lacks(lacks))
        }
    }
}

async fn tried(
    servers: &Servers,
    at: &NodeSpec,
    login: Option<&ServerLogin>,
) -> Result<bool, Trouble> {
    lets_in(&mut *servers.routes.open(at).await?, login).await
}

/// What a node logs in with at its primary: `Some(None)` is nothing, `None` is not known.
#[allow(clippy::option_option)]
async fn own_of(servers: &Servers, node: &NodeSpec) -> Option<Option<ServerLogin>> {
    let conn = servers.connect(node).await;
    let mut questions = redis::pipe();
    for directive in ["masteruser", "masterauth"] {
        questions.cmd("CONFIG").arg("GET").arg(directive);
    }
    let replies = conn.ok()?.exchange(&questions, REPLY).await.ok()?;
    let mut values = replies.into_iter().map(second);
    let (user, secret) = (values.next()??, values.next()??);
    if secret.is_empty() {
        return Some(None);
    }
    Some(Some(ServerLogin {
        user: Some(user).filter(|name| !name.is_empty()),
        password: SecretString::from(secret),
    }))
}

/// The value in the answer to `CONFIG GET`.
fn second(reply: Value) -> Option<String> {
    let Value::Array(mut parts) = reply else {
        return None;
    };
    let Some(Value::BulkString(value)) = parts.get_mut(1) else {
        return None;
    };
    let text = std::str::from_utf8(value).ok().map(str::to_owned);
    value.zeroize();
    text
}

/// `ACL DRYRUN`, from 7.0 on: it says whether a user may run a command, and logs nothing.
async fn dry_run(conn: &Conn, user: &str, needs: &[Need]) -> Result<Vec<Verdict>, Trouble> {
    let mut questions = redis::pipe();
    for need in needs {
        questions.cmd("ACL").arg("DRYRUN").arg(user).arg(need.words);
    }
    let replies = conn.exchange(&questions, REPLY).await?;
    let verdict = |n: usize| replies.get(n).map_or(Verdict::Open, of_dry_run);
    Ok((0..needs.len()).map(verdict).collect())
}

fn of_dry_run(reply: &Value) -> Verdict {
    if let Value::ServerError(error) = reply {
        let known = error
            .details()
            .is_none_or(|why| !(why.starts_with("Command '") && why.contains("not found")));
        return if known { Verdict::Open } else { Verdict::Gone };
    }
    if *reply == Value::Okay {
        return Verdict::Allowed;
    }
    let said = if let Value::BulkString(bytes) = reply {
        String::from_utf8_lossy(bytes).into_owned()
    } else if let Value::SimpleString(text) = reply {
        text.clone()
    } else {
        return Verdict::Open;
    };
    if said.contains("no permissions") {
        Verdict::Forbidden
    } else {
        Verdict::Open
    }
}

/// Queues commands in a transaction that is discarded: servers check permissions before they queue.
/// Nothing is run, whatever becomes of the connection.
async fn queue(conn: &Conn, needs: &[Need]) -> Result<Vec<Verdict>, Trouble> {
    let (around, inside): (Vec<&Need>, Vec<&Need>) =
        needs.iter().partition(|need| ends_a_transaction(need));
    let mut questions = redis::pipe();
    // Before the transaction there is nothing that they could run.
    for need in &around {
        questions.cmd(need.words[0]);
        questions.cmd("DISCARD");
    }
    questions.cmd("MULTI");
    for need in &inside {
        questions.add_command(cmd(need.words[0]).arg(&need.words[1..]).to_owned());
    }
    questions.cmd("DISCARD");
    let replies = conn.exchange(&questions, REPLY).await?;
    let begun = 2 * around.len();
    let queues = replies.get(begun) == Some(&Value::Okay);
    let verdict = |need: &Need| {
        if let Some(n) = around.iter().position(|a| *a == need) {
            return replies.get(2 * n).map_or(Verdict::Open, of_lone);
        }
        let n = inside.iter().position(|i| *i == need).filter(|_| queues);
        let reply = n.and_then(|n| replies.get(begun + 1 + n));
        reply.map_or(Verdict::Open, of_queue)
    };
    Ok(needs.iter().map(verdict).collect())
}

/// What begins or ends a transaction is never queued: EXEC would run what stands before it.
fn ends_a_transaction(need: &Need) -> bool {
    matches!(need.words, ["MULTI" | "EXEC"])
}

/// The answer to one of these outside a transaction: any but a refusal means that it may be run.
fn of_lone(reply: &Value) -> Verdict {
    if let Value::ServerError(error) = reply {
        let verdict = of_queue(reply);
        // 6.0 gives it as the reason for a discarded transaction.
        let forbidden =
            error.code() == "NOPERM" || error.details().is_some_and(|d| d.contains("NOPERM"));
        return match (forbidden, verdict) {
            (true, _) => Verdict::Forbidden,
            (false, Verdict::Gone) => Verdict::Gone,
            (false, _) => Verdict::Allowed,
        };
    }
    Verdict::Allowed
}

fn of_queue(reply: &Value) -> Verdict {
    if let Value::ServerError(error) = reply {
        return if error.code() == "NOPERM" {
            Verdict::Forbidden
        } else if error
            .details()
            .is_some_and(|d| d.starts_with("unknown command"))
        {
            Verdict::Gone
        } else {
            Verdict::Open
        };
    }
    if matches!(reply, Value::SimpleString(text) if text == "QUEUED") {
        Verdict::Allowed
    } else {
        Verdict::Open
    }
}
