//! The lock that one operation holds on its hosts: a host without a server can show no claim. One
//! lock stands for all ports of the host, because they share the server's program, the user, and
//! `/etc/hosts`. It ends with the SSH session that holds it.

use super::busy::patience;
use super::host::command_line;
use super::host::owner::without_comments;
use super::hosts::Hosts;
use super::ssh::Host;
use crate::topology::NodeName;
use crate::topology::claims::{Claim, Holder};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;

const HOLD: &str = include_str!("host/scripts/hold.sh");
/// What the host says where it is held.
const HELD: &str = "held";

/// Hosts that are held. It ends with this value.
#[derive(Default)]
pub struct Locks(Vec<Arc<Host>>);

impl Locks {
    /// Ends it, and waits until it has ended.
    pub async fn release(mut self) {
        let ended: Vec<_> = self.0.drain(..).map(|host| host.let_go()).collect();
        futures::future::join_all(ended).await;
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        for host in &self.0 {
            drop(host.let_go());
        }
    }
}

/// What an attempt to hold hosts came to.
#[derive(Default)]
pub struct Locked {
    /// What is held.
    pub locks: Locks,
    /// Others that hold hosts: then the operation must do nothing.
    pub holders: Vec<Holder>,
    /// Hosts that cannot be held, and why: we would not see another operator there.
    pub open: Vec<(NodeName, String)>,
}

/// What one host says.
enum LockAnswer {
    Held,
    Taken(Claim, u64),
    Open(String),
}

/// Holds the hosts of these nodes. An unreachable host is left out: no step can work there either.
/// `ended` gets the claim of a holder and its silence, seconds. If it accepts, the holder is ended.
pub async fn lock_hosts(
    hosts: &Hosts,
    nodes: &[NodeName],
    claim: &Claim,
    ended: impl Fn(&Claim, u64) -> bool,
) -> Locked {
    let new = nodes.iter().map(|node| (node.clone(), None)).collect();
    let seen = hold(hosts, new, claim).await;
    let (mut held, mut dead) = (Vec::new(), Vec::new());
    for (node, host, said) in seen {
        match said {
            LockAnswer::Taken(other, idle) if other.token != claim.token && ended(&other, idle) => {
                dead.push((node, Some(other.name())));
            }
            LockAnswer::Held | LockAnswer::Taken(..) | LockAnswer::Open(_) => {
                held.push((node, host, said));
            }
        }
    }
    held.extend(hold(hosts, dead, claim).await);
    let mut locked = Locked::default();
    let mut holders: BTreeMap<Claim, Holder> = BTreeMap::new();
    for (node, host, said) in held {
        match said {
            LockAnswer::Held => locked.locks.0.push(host),
            // Another session of this process, by another login.
            LockAnswer::Taken(other, _) if other.token == claim.token => {}
            LockAnswer::Taken(other, idle_seconds) => {
                let holder = holders.entry(other.clone()).or_insert(Holder {
                    claim: other,
                    nodes: [].into(),
                    idle_seconds,
                });
                holder.nodes.insert(node);
                holder.idle_seconds = holder.idle_seconds.min(idle_seconds);
            }
            LockAnswer::Open(why) => locked.open.push((node, why)),
        }
    }
    locked.holders = holders.into_values().collect();
    locked
}

/// What each host says to a claim. With each node the name of the holder that is ended first.
async fn hold(
    hosts: &Hosts,
    nodes: Vec<(NodeName, Option<String>)>,
    claim: &Claim,
) -> Vec<(NodeName, Arc<Host>, LockAnswer)> {
    let name = claim.name();
    let script = without_comments(&[HOLD]);
    let looks = nodes.into_iter().map(|(node, dead)| {
        let (name, script) = (&name, &script);
        async move {
            let host = tokio::time::timeout(patience(hosts.patience), hosts.session(&node));
            let host = host.await.ok()?.ok()?;
            let how = if dead.is_some() { "over" } else { "new" };
            let command = command_line(script, &[name, how, &dead.unwrap_or_default()]);
            let again = command_line(script, &[name, "again"]);
            let root = host.can_root();
            let said = host.hold(name, &command, &again, root, HELD).await;
            let said = match said {
                Ok(line) => read(&line),
                Err(error) => LockAnswer::Open(error.brief()),
            };
            Some((node, host, said))
        }
    });
    futures::stream::iter(looks)
        .buffer_unordered(hosts.concurrency)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// `held`, `taken SECONDS NAME`, or `none WHY`.
fn read(line: &str) -> LockAnswer {
    if line == HELD {
        return LockAnswer::Held;
    }
    let taken = || {
        let (seconds, name) = line.strip_prefix("taken ")?.split_once(' ')?;
        Some(LockAnswer::Taken(
            Claim::parse(name)?,
            seconds.parse().unwrap_or(0),
        ))
    };
    let open = || LockAnswer::Open(line.strip_prefix("none ").unwrap_or(line).to_owned());
    taken().unwrap_or_else(open)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rustix::process::{Pid, Signal, kill_process_group};
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::CommandExt as _;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    fn named(script: &str, args: &[&str]) -> String {
        let quoted = |word: &&str| format!(" '{}'", word.replace('\'', "'\\''"));
        let args: Vec<String> = args.iter().map(quoted).collect();
        format!("exec sh -c{} replctl{}", quoted(&script), args.concat())
    }

    /// A shell with the name of another program, which runs that and then waits.
    fn by_a(program: &Path, command: &str) -> String {
        let command = command.replace('\'', "'\\''");
        format!("'{}' -c '{command}; sleep 60; :'", program.display())
    }

    fn began(command: &str, home: &Path) -> (Child, String) {
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .env("HOME", home)
            .env_remove("SUDO_UID")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        (child, line.trim().to_owned())
    }

    #[test]
    fn to_take_a_lock_over_ends_a_session_but_not_the_login_of_an_operator_on_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let program = |name: &str| {
            let path = folder.path().join(name);
            std::fs::copy("/bin/sh", &path).unwrap();
            path
        };
        let (sshd, replctl) = (program("sshd-fake"), program("replctl"));
        let (one, two) = ("replctl:setup:ann%40b:1", "replctl:setup:bob%40b:2");
        let script = without_comments(&[HOLD]);
        for here in [false, true] {
            let hold = named(&script, &[one, "new"]).replacen("exec ", "", 1);
            let by = if here { by_a(&replctl, &hold) } else { hold };
            let (mut login, said) = began(&by_a(&sshd, &by), &home);
            assert_eq!(said, HELD);
            let over = named(&script, &[two, "over", one]).replacen("exec ", "", 1);
            let (mut second, said) = began(&over, &home);
            assert_eq!(said, HELD);
            let ended = login.try_wait().unwrap().is_some();
            for child in [&mut second, &mut login] {
                let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
                child.wait().unwrap();
            }
            assert_eq!(ended, !here, "the login, where the holder is here: {here}");
        }
    }

    #[test]
    fn what_a_host_says_is_read() {
        assert!(matches!(read("held"), LockAnswer::Held));
        let taken = read("taken 12 replctl:setup:ann%40b:7");
        let LockAnswer::Taken(claim, 12) = taken else {
            panic!("it is taken")
        };
        assert_eq!(
            (claim.operation.as_str(), claim.token.as_str()),
            ("setup", "7")
        );
        // A holder with an unreadable name counts, too. A line that is no answer holds nothing.
        assert!(matches!(read("taken 0 replctl:"), LockAnswer::Taken(..)));
        assert!(
            matches!(read("none there is no place"), LockAnswer::Open(why) if why == "there is no place")
        );
        for odd in ["", "taken", "taken x", "held by me", "taken 1 somebody"] {
            assert!(matches!(read(odd), LockAnswer::Open(_)), "{odd}");
        }
    }
}
