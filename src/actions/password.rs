//! Changes of the servers' password, as data. Pure. It holds no password, only which one is meant.
//!
//! Each action except the proofs sets absolute values in the running server and in its file. So it
//! can be repeated, and another action can undo it.

mod held;
pub mod written;

pub use held::{Is, NodePasswords, PasswordSet};

use crate::engine::Plan;
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which password is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secret {
    /// None.
    None,
    /// The one that the inventory names.
    New,
    /// The one that the servers had before: it stands in their files.
    Old,
}

/// How a client logs in to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// With nothing.
    Nothing,
    /// `AUTH` with the inventory's password.
    New,
    /// `AUTH default` with the inventory's password: a server without one takes that, too.
    NewByName,
    /// `AUTH` with the password that the servers had before.
    Old,
    /// `AUTH default` with the password that the servers had before.
    OldByName,
}

/// One change, or one proof over new connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordAction {
    /// `masteruser` and `masterauth`: what it logs in with at its primary.
    Login {
        /// `masteruser default`; else none.
        by_name: bool,
        /// `masterauth`.
        secret: Secret,
    },
    /// `requirepass`: the only password that it takes from then on.
    Require {
        /// Which.
        secret: Secret,
    },
    /// `ACL SETUSER default >…`: it takes the inventory's password beside the one it has.
    Accept,
    /// `ACL SETUSER default <…`: it no longer takes the inventory's password (the undo of
    /// [`PasswordAction::Accept`]).
    Refuse,
    /// `protected-mode`.
    Protect {
        /// Whether it is on.
        on: bool,
    },
    /// New connections, from the operator's machine and from another host: who is let in, and who
    /// is not.
    Prove {
        /// They are let in.
        lets_in: Vec<Key>,
        /// They are not.
        refuses: Vec<Key>,
        /// A node whose host tries the logins, too.
        from: Option<NodeName>,
    },
    /// A new connection from this node's host to its upstream, with what this node has as
    /// `masteruser` and `masterauth`.
    ProveLink {
        /// Its upstream.
        with: NodeName,
    },
    /// `SENTINEL SET … auth-pass`. The step's node is the primary.
    Sentinel {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
        /// What it is to log in with.
        secret: Secret,
    },
}

impl PasswordAction {
    /// Whether it changes anything; the others only prove.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Login { .. }
            | Self::Require { .. }
            | Self::Accept
            | Self::Refuse
            | Self::Protect { .. }
            | Self::Sentinel { .. } => true,
            Self::Prove { .. } | Self::ProveLink { .. } => false,
        }
    }

    /// Whether it gives a server the inventory's password.
    pub fn gives_new(&self) -> bool {
        match self {
            Self::Login { secret, .. } | Self::Require { secret } => *secret == Secret::New,
            Self::Accept => true,
            Self::Refuse
            | Self::Protect { .. }
            | Self::Prove { .. }
            | Self::ProveLink { .. }
            | Self::Sentinel { .. } => false,
        }
    }

    /// Whether these passwords show that it was done with the password that the inventory names
    /// now.
    pub fn was_given(&self, kept: &PasswordSet) -> bool {
        match self {
            Self::Login { .. } => kept.masterauth == Is::New,
            Self::Require { .. } => kept.requirepass == Is::New,
            // `Accept` adds the inventory's password beside another. If `requirepass` is the
            // inventory's, clients had it before.
            Self::Accept => kept.takes_new && kept.requirepass != Is::New,
            Self::Refuse
            | Self::Protect { .. }
            | Self::Prove { .. }
            | Self::ProveLink { .. }
            | Self::Sentinel { .. } => false,
        }
    }

    /// What it sends.
    pub fn commands(&self) -> Vec<String> {
        let kept = |first: &[&str]| {
            let all = first.iter().copied().chain(["CONFIG REWRITE"]);
            all.map(str::to_owned).collect()
        };
        let value = |secret: &Secret| match secret {
            Secret::None => "\"\"",
            Secret::New | Secret::Old => "(secret)",
        };
        match self {
            Self::Login { by_name, secret } => {
                let user = if *by_name { "default" } else { "\"\"" };
                kept(&[
                    &format!("CONFIG SET masteruser {user}"),
                    &format!("CONFIG SET masterauth {}", value(secret)),
                ])
            }
            Self::Require { secret } => {
                let rule = match secret {
                    Secret::None => "nopass",
                    Secret::New | Secret::Old => ">(secret)",
                };
                kept(&[
                    &format!("CONFIG SET requirepass {}", value(secret)),
                    &format!("ACL SETUSER default resetpass {rule}"),
                ])
            }
            Self::Accept => kept(&["ACL SETUSER default >(secret)"]),
            Self::Refuse => kept(&["ACL SETUSER default <(secret)"]),
            Self::Protect { on } => kept(&[&format!("CONFIG SET protected-mode {}", yes(*on))]),
            Self::Prove { .. } => vec!["AUTH (secret), PING over new connections".to_owned()],
            Self::ProveLink { with } => vec![
                "CONFIG GET masteruser".to_owned(),
                "CONFIG GET masterauth".to_owned(),
                format!("AUTH (with these), PING to {with} from its host"),
            ],
            Self::Sentinel { name, at, secret } => vec![format!(
                "SENTINEL SET {name} auth-pass {} (to {at})",
                value(secret)
            )],
        }
    }
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "without a password",
            Self::New => "with the inventory's password",
            Self::NewByName => "with `AUTH default` and the inventory's password",
            Self::Old => "with the earlier password",
            Self::OldByName => "with `AUTH default` and the earlier password",
        })
    }
}

/// The ways in one phrase.
fn list(keys: &[Key]) -> String {
    let all: Vec<String> = keys.iter().map(Key::to_string).collect();
    all.join(", and ")
}

impl fmt::Display for PasswordAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login { by_name, secret } => {
                let user = if *by_name {
                    "masteruser default"
                } else {
                    "masteruser none"
                };
                let what = match secret {
                    Secret::None => "masterauth none",
                    Secret::New => "masterauth to the inventory's password",
                    Secret::Old => "masterauth to the earlier password",
                };
                write!(f, "set {user} and {what}, and write its file")
            }
            Self::Require { secret } => f.write_str(match secret {
                Secret::None => "want no password of clients (requirepass), and write its file",
                Secret::New => {
                    "want the inventory's password of clients (requirepass), and write its file"
                }
                Secret::Old => {
                    "want the earlier password of clients (requirepass), and write its file"
                }
            }),
            Self::Accept => f.write_str(
                "take the inventory's password beside the earlier one (ACL SETUSER), and write its file",
            ),
            Self::Refuse => f.write_str(
                "take the inventory's password no more (ACL SETUSER), and write its file",
            ),
            Self::Protect { on } => {
                write!(f, "set protected-mode {}, and write its file", yes(*on))
            }
            Self::Prove {
                lets_in, refuses, ..
            } => {
                write!(f, "see that new connections are let in {}", list(lets_in))?;
                if refuses.is_empty() {
                    Ok(())
                } else {
                    write!(f, ", and refused {}", list(refuses))
                }
            }
            Self::ProveLink { with } => {
                write!(f, "see that its login at {with} is let in, from its host")
            }
            Self::Sentinel { at, secret, .. } => {
                let what = match secret {
                    Secret::None => "no password",
                    Secret::New => "the inventory's password",
                    Secret::Old => "the earlier password",
                };
                write!(f, "let the Sentinel at {at} log in with {what} (auth-pass)")
            }
        }
    }
}

impl Plan {
    /// Whether it changes the password of the servers.
    pub fn changes_passwords(&self) -> bool {
        self.steps()
            .any(|step| matches!(step.action, super::Action::Password(_)))
    }

    /// Of the steps that are `done` (by the numbers of stage and step), those that gave servers the
    /// inventory's password.
    pub fn given(&self, done: &dyn Fn(usize, usize) -> bool) -> Vec<(&NodeName, &PasswordAction)> {
        let mut out = Vec::new();
        for (stage, steps) in self.stages.iter().map(|s| &s.steps).enumerate() {
            for (step, it) in steps.iter().enumerate() {
                if let super::Action::Password(action) = &it.action
                    && action.gives_new()
                    && done(stage, step)
                {
                    out.push((&it.node, action));
                }
            }
        }
        out
    }
}
