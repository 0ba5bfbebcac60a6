//! The logins of replctl at servers, and of replicas at their primary. Nothing here prints a
//! secret.

use super::secret;
use crate::error::Result;
use crate::inventory::{Auth, Inventory};
use crate::topology::ReplicaAuth;
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;

/// A user and its password.
#[derive(Debug, Clone)]
pub struct ServerLogin {
    /// The user; `None`: the default user.
    pub user: Option<String>,
    /// Its password.
    pub password: SecretString,
}

/// What replicas are to log in with.
#[derive(Debug, Clone)]
pub enum Replicas {
    /// With this, or without any.
    With(Option<ServerLogin>),
    /// The inventory does not say.
    Unsaid,
}

/// All logins of a deployment.
#[derive(Debug, Clone)]
pub struct Logins {
    /// The user that replctl logs in as; `None`: it does not log in.
    pub own: Option<ServerLogin>,
    /// What replicas are to log in with.
    pub replicas: Replicas,
    /// The user that replctl logs in as at Sentinels.
    pub sentinels: Option<ServerLogin>,
}

impl ServerLogin {
    /// The user's name as the servers have it.
    pub fn name(&self) -> &str {
        self.user.as_deref().unwrap_or("default")
    }

    /// The words of AUTH.
    pub fn words(&self) -> Vec<&str> {
        let user = self.user.iter().map(String::as_str);
        std::iter::once("AUTH")
            .chain(user)
            .chain(std::iter::once(self.password.expose_secret()))
            .collect()
    }
}

impl Logins {
    /// Reads the secrets from where the inventory says they are. `ask`: the operator may be asked.
    ///
    /// # Errors
    /// A secret that cannot be read.
    pub async fn read(inventory: &Inventory, ask: bool) -> Result<Self> {
        let base = inventory.path.parent().unwrap_or(Path::new("."));
        let accounts = &inventory.accounts;
        let own = match &inventory.auth {
            Auth::None => None,
            Auth::Password(source) => Some(ServerLogin {
                user: accounts.user.clone(),
                password: secret::read(source, base, ask).await?,
            }),
        };
        let apart = match &accounts.masterauth {
            Some(source) => Some(secret::read(source, base, ask).await?),
            None => None,
        };
        let replicas = if accounts.says_replication() {
            let password = apart.or_else(|| own.as_ref().map(|login| login.password.clone()));
            Replicas::With(password.map(|password| ServerLogin {
                user: accounts.masteruser.clone(),
                password,
            }))
        } else {
            Replicas::Unsaid
        };
        let sentinel = inventory.sentinel.as_ref();
        let sentinels = match sentinel.and_then(|s| Some((s, s.password.as_ref()?))) {
            Some((settings, source)) => Some(ServerLogin {
                user: settings.user.clone(),
                password: secret::read(source, base, ask).await?,
            }),
            None => None,
        };
        Ok(Self {
            own,
            replicas,
            sentinels,
        })
    }
}

impl Logins {
    /// All passwords.
    pub fn passwords(&self) -> impl Iterator<Item = &SecretString> {
        let replicas = match &self.replicas {
            Replicas::With(login) => login.as_ref(),
            Replicas::Unsaid => None,
        };
        let all = self.own.iter().chain(replicas).chain(&self.sentinels);
        all.map(|login| &login.password)
    }
}

impl Replicas {
    /// Whether a primary would let in a node with `user` and `secret`; `None` if that is not known.
    pub fn judge(&self, user: &str, secret: &[u8]) -> Option<ReplicaAuth> {
        let Self::With(wanted) = self else {
            return None;
        };
        let wanted_user = wanted.as_ref().and_then(|w| w.user.as_deref());
        if wanted_user.is_none() && !user.is_empty() {
            return None; // another user's password: nothing to compare it with
        }
        if secret.is_empty() {
            return Some(ReplicaAuth::Unset);
        }
        let right = wanted.as_ref().is_some_and(|w| {
            w.password.expose_secret().as_bytes() == secret && wanted_user.unwrap_or("") == user
        });
        Some(if right {
            ReplicaAuth::Right
        } else {
            ReplicaAuth::Wrong
        })
    }
}

#[cfg(test)]
impl From<&str> for ServerLogin {
    fn from(password: &str) -> Self {
        Self {
            user: None,
            password: SecretString::from(password),
        }
    }
}

#[cfg(test)]
impl From<Option<ServerLogin>> for Logins {
    fn from(own: Option<ServerLogin>) -> Self {
        Self {
            replicas: Replicas::With(own.clone()),
            own,
            sentinels: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_replica_has_is_judged_by_what_is_said() {
        let login = |user: Option<&str>| ServerLogin {
            user: user.map(str::to_owned),
            ..ServerLogin::from("pw")
        };
        let plain = Replicas::With(Some(login(None)));
        assert_eq!(plain.judge("", b"pw"), Some(ReplicaAuth::Right));
        assert_eq!(plain.judge("", b"other"), Some(ReplicaAuth::Wrong));
        assert_eq!(plain.judge("", b""), Some(ReplicaAuth::Unset));
        assert_eq!(plain.judge("repl", b"pw"), None);
        let user = Replicas::With(Some(login(Some("repl"))));
        assert_eq!(user.judge("repl", b"pw"), Some(ReplicaAuth::Right));
        assert_eq!(user.judge("", b"pw"), Some(ReplicaAuth::Wrong));
        assert_eq!(user.judge("else", b"pw"), Some(ReplicaAuth::Wrong));
        assert_eq!(user.judge("repl", b""), Some(ReplicaAuth::Unset));
        let open = Replicas::With(None);
        assert_eq!(open.judge("", b""), Some(ReplicaAuth::Unset));
        assert_eq!(open.judge("", b"x"), Some(ReplicaAuth::Wrong));
        assert_eq!(Replicas::Unsaid.judge("", b""), None);
    }

    #[test]
    fn a_login_is_said_in_words_and_never_shown() {
        let login = ServerLogin {
            user: Some("ops".to_owned()),
            ..ServerLogin::from("hush")
        };
        assert_eq!(login.words(), ["AUTH", "ops", "hush"]);
        assert_eq!(ServerLogin::from("hush").words(), ["AUTH", "hush"]);
        assert!(!format!("{login:?}").contains("hush"));
    }
}
