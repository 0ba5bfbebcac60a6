//! Does the steps of a change of passwords: the running server, then its file. Then it reads both
//! again. No error and no result repeats a password.

mod entrances;
mod files_read;
mod look;
mod prove;

pub use entrances::Entrances;
pub use files_read::FilesRead;

use super::connections::Connections;
use super::host::role;
use super::hosts::Hosts;
use super::login::ServerLogin;
use super::replication::{Acted, seen};
use super::resp::{Conn, REPLY};
use super::sentinel::SentinelConnections;
use super::servers::Servers;
use crate::actions::password::{Is, PasswordAction, PasswordSet, Secret};
use crate::config::Paths;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::inventory::NodeSpec;
use crate::topology::{Address, NodeName};
use redis::{Pipeline, Value, cmd};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take to write its file: it waits for the disk, which may be busy.
pub(super) const REWRITE: Duration = Duration::from_secs(10);
/// The answer of `ACL SETUSER default <…` for a password that is not there: the goal is reached.
const NOT_THERE: &str = "does not exist";

/// The passwords of servers: looked at, changed and proved.
pub struct PasswordChange {
    pub(super) servers: Arc<Servers>,
    pub(super) connections: Arc<Connections>,
    pub(super) hosts: Arc<Hosts>,
    /// The Sentinels that get the servers' new password.
    pub(super) sentinels: Arc<SentinelConnections>,
    pub(super) files_read: FilesRead,
}

impl PasswordChange {
    /// Does one step.
    pub(super) async fn act(&self, node: &NodeName, action: &PasswordAction) -> Acted {
        match action {
            PasswordAction::Login { .. }
            | PasswordAction::Require { .. }
            | PasswordAction::Accept
            | PasswordAction::Refuse
            | PasswordAction::Protect { .. } => self.set_password(node, action).await,
            PasswordAction::Prove {
                lets_in,
                refuses,
                from,
            } => {
                self.prove_password(node, (lets_in, refuses), from.as_ref())
                    .await
            }
            PasswordAction::ProveLink { with } => self.prove_link(node, with).await,
            PasswordAction::Sentinel { name, at, secret } => {
                self.tell_auth_pass(node, (name, at), *secret).await
            }
        }
    }

    /// A password in words for the wire; empty where there is to be none.
    fn secret(&self, node: &NodeName, which: Secret) -> Result<SecretString, Failure> {
        match which {
            Secret::None => Ok(SecretString::from("")),
            Secret::New => self
                .new_password()
                .cloned()
                .ok_or_else(|| Failure::none("the inventory names no password")),
            Secret::Old => self.servers.routes.entrances.earlier(node).ok_or_else(|| {
                Failure::none("the earlier password is not known: no file of these servers has it")
            }),
        }
    }

    /// The login with a password.
    fn login_with(
        &self,
        node: &NodeName,
        which: Secret,
        by_name: bool,
    ) -> Result<ServerLogin, Failure> {
        Ok(ServerLogin {
            user: by_name.then(|| "default".to_owned()),
            password: self.secret(node, which)?,
        })
    }

    /// Sets it in the running server and in its file, and looks at both.
    async fn set_password(&self, node: &NodeName, action: &PasswordAction) -> Acted {
        let commands = self.commands(node, action)?;
        let Some(spec) = self.hosts.inventory.get(node) else {
            return Err(Failure::none("it is not in the inventory"));
        };
        // If the file could not be written, nothing is set.
        let before = self.before_rewrite(spec).await.map_err(|why| {
            Failure::none(format!(
                "its file cannot be looked at, so nothing was set: {why}"
            ))
        })?;
        let first = match self.connections.get(node).await {
            Ok(conn) => send(&conn, &commands).await,
            Err(failure) => Err(failure),
        };
        if first.is_err() {
            // Each may be sent twice; the connection may have been closed meanwhile.
            send(&*self.connections.renew(node).await?, &commands).await?;
        }
        let conn = self.connections.get(node).await?;
        let live = self.live_passwords(&conn).await;
        let unread = || Failure::unknown("it does not tell what its passwords are now");
        holds(&live.ok_or_else(unread)?, action)
            .map_err(|what| Failure::unknown(format!("the running server has {what}")))?;
        self.kept_in_file(spec, &conn, (action, &before)).await
    }

    /// The state of a node's file before its server writes it.
    async fn before_rewrite(&self, spec: &NodeSpec) -> Result<role::Before, String> {
        let path = Paths::of(&self.hosts.inventory, spec).config();
        let host = self
            .hosts
            .session(&spec.name)
            .await
            .map_err(|e| e.brief())?;
        role::before(host.as_ref(), &path, spec.address.port).await
    }

    /// `CONFIG REWRITE`, and the content of its file then. The file's permissions stay as narrow as
    /// before.
    async fn kept_in_file(
        &self,
        spec: &NodeSpec,
        conn: &Conn,
        (action, before): (&PasswordAction, &role::Before),
    ) -> Acted {
        let path = Paths::of(&self.hosts.inventory, spec).config();
        let port = spec.address.port;
        let unknown = |why: String| Failure::unknown(format!("its file was not written: {why}"));
        let host = self.hosts.session(&spec.name).await;
        let host = host.map_err(|e| unknown(e.brief()))?;
        let rewrite = cmd("CONFIG").arg("REWRITE").to_owned();
        let written = conn.call(&rewrite, REWRITE).await;
        written.map_err(|t| unknown(t.detail))?;
        let after = role::after(host.as_ref(), &path, port, before).await;
        let unread = |why: String| {
            Failure::unknown(format!("its file was written, and not read back: {why}"))
        };
        let notes = after.map_err(unread)?.notes;
        let file = match self.passwords_in_file(spec).await {
            Ok(Some(file)) => file,
            Ok(None) => return Err(unread("it is not there".to_owned())),
            Err(why) => return Err(unread(why)),
        };
        holds(&file.kept(self.new_password()), action)
            .map_err(|what| Failure::unknown(format!("its file has {what}")))?;
        let read = "set, and read back from its file".to_owned();
        let all: Vec<String> = std::iter::once(read).chain(notes).collect();
        Ok(Evidence {
            read_back: Some(true),
            ..seen(all.join("; "))
        })
    }

    /// The commands to send. If a primary takes both the old and the new login of a replica, it
    /// also takes the login that the replica has between two commands of one exchange.
    fn commands(&self, node: &NodeName, action: &PasswordAction) -> Result<Pipeline, Failure> {
        let mut all = redis::pipe();
        let mut set = |name: &str, value: &str| {
            all.add_command(cmd("CONFIG").arg("SET").arg(name).arg(value).to_owned());
        };
        match action {
            PasswordAction::Login { by_name, secret } => {
                let password = self.secret(node, *secret)?;
                if *by_name {
                    set("masteruser", "default");
                }
                set("masterauth", password.expose_secret());
                if !*by_name {
                    set("masteruser", "");
                }
            }
            PasswordAction::Require { secret } => {
                let password = self.secret(node, *secret)?;
                set("requirepass", password.expose_secret());
                // If this changes nothing, a server leaves other passwords of its default user as
                // they are.
                let rule = if *secret == Secret::None {
                    SecretString::from("nopass")
                } else {
                    SecretString::from(format!(">{}", password.expose_secret()))
                };
                let mut command = cmd("ACL");
                command.arg("SETUSER").arg("default").arg("resetpass");
                all.add_command(command.arg(rule.expose_secret()).to_owned());
            }
            PasswordAction::Protect { on } => set("protected-mode", if *on { "yes" } else { "no" }),
            PasswordAction::Accept | PasswordAction::Refuse => {
                let sign = if *action == PasswordAction::Accept {
                    '>'
                } else {
                    '<'
                };
                let new = self.secret(node, Secret::New)?;
                let rule = SecretString::from(format!("{sign}{}", new.expose_secret()));
                let mut command = cmd("ACL");
                command.arg("SETUSER").arg("default");
                all.add_command(command.arg(rule.expose_secret()).to_owned());
            }
            PasswordAction::Prove { .. }
            | PasswordAction::ProveLink { .. }
            | PasswordAction::Sentinel { .. } => {}
        }
        Ok(all)
    }

    /// `SENTINEL SET … auth-pass`. What a Sentinel says is not repeated: the password may stand in
    /// it.
    async fn tell_auth_pass(
        &self,
        node: &NodeName,
        (name, at): (&str, &Address),
        secret: Secret,
    ) -> Acted {
        // The plan may come from an earlier run, and another process may answer there now.
        if !self.sentinels.is_confirmed(at).await {
            return Err(Failure::none(format!(
                "{at} is not known to be a Sentinel of this deployment, so it did not get the password"
            )));
        }
        let password = self.secret(node, secret)?;
        let failed = |t: crate::topology::Trouble| Failure::none(format!("{at}: {}", t.detail));
        let conn = self.sentinels.open(at).await.map_err(failed)?;
        let mut command = cmd("SENTINEL");
        command.arg("SET").arg(name).arg("auth-pass");
        command.arg(password.expose_secret());
        match conn.call(&command, REPLY).await {
            Ok(_) => Ok(seen(format!("the Sentinel at {at} has it"))),
            Err(_) => Err(Failure::unknown(format!(
                "the Sentinel at {at} did not take the password (auth-pass)"
            ))),
        }
    }
}

/// Sends them in one go; the first error is the reason.
async fn send(conn: &Conn, commands: &Pipeline) -> Result<(), Failure> {
    let replies = conn.exchange(commands, REPLY).await;
    let replies = replies.map_err(|t| Failure::unknown(t.detail))?;
    for reply in replies {
        if let Value::ServerError(error) = reply {
            let said = error.details().unwrap_or_default().to_owned();
            if !said.contains(NOT_THERE) {
                return Err(Failure::unknown(format!("{} {said}", error.code())));
            }
        }
    }
    Ok(())
}

/// Whether these passwords are the goal of the step; the error says what they are.
fn holds(kept: &PasswordSet, action: &PasswordAction) -> Result<(), &'static str> {
    let is = |secret: Secret| match secret {
        Secret::None => Is::Nothing,
        Secret::New => Is::New,
        Secret::Old => Is::Other,
    };
    match action {
        PasswordAction::Login { by_name, secret } => {
            if kept.masterauth != is(*secret) {
                return Err("another masterauth");
            }
            let named = kept.masteruser.as_deref() == Some("default");
            if named != *by_name {
                return Err("another masteruser");
            }
        }
        PasswordAction::Require { secret } => {
            if kept.requirepass != is(*secret) {
                return Err("another requirepass");
            }
            let takes = (kept.open, kept.takes_new, kept.takes_others);
            let wanted = [Secret::None, Secret::New, Secret::Old].map(|one| one == *secret);
            if takes != wanted.into() {
                return Err("another password for its default user than requirepass");
            }
        }
        PasswordAction::Accept if !kept.takes_new => {
            return Err("not the inventory's password for its default user");
        }
        PasswordAction::Refuse if kept.takes_new => {
            return Err("the inventory's password for its default user still");
        }
        PasswordAction::Accept
        | PasswordAction::Refuse
        | PasswordAction::Protect { .. }
        | PasswordAction::Prove { .. }
        | PasswordAction::ProveLink { .. }
        | PasswordAction::Sentinel { .. } => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_compared_with_what_is_read() {
        let kept = PasswordSet {
            open: false,
            takes_new: true,
            takes_others: true,
            requirepass: Is::Other,
            masterauth: Is::New,
            masteruser: Some("default".to_owned()),
        };
        let login = |by_name, secret| holds(&kept, &PasswordAction::Login { by_name, secret });
        assert!(login(true, Secret::New).is_ok());
        assert_eq!(login(false, Secret::New), Err("another masteruser"));
        assert_eq!(login(true, Secret::Old), Err("another masterauth"));
        let require = |secret| holds(&kept, &PasswordAction::Require { secret });
        assert_eq!(require(Secret::New), Err("another requirepass"));
        assert!(require(Secret::Old).is_err(), "it takes the new one too");
        let two = PasswordSet {
            requirepass: Is::New,
            ..kept.clone()
        };
        let require_new = PasswordAction::Require {
            secret: Secret::New,
        };
        assert!(holds(&two, &require_new).is_err(), "it takes another too");
        let one = PasswordSet {
            takes_others: false,
            ..two
        };
        assert!(holds(&one, &require_new).is_ok());
        assert!(holds(&kept, &PasswordAction::Accept).is_ok());
        assert!(holds(&kept, &PasswordAction::Refuse).is_err());
    }
}
