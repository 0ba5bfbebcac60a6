//! Who is let in: over new connections, from the operator's machine and from other hosts of the
//! deployment. A connection that is open proves nothing about passwords: it lives on.

use super::PasswordChange;
use crate::actions::password::{Key, Secret};
use crate::engine::execute::Failure;
use crate::inventory::NodeSpec;
use crate::topology::{NodeName, Trouble, TroubleKind};
use crate::world::bounded::Stream;
use crate::world::login::ServerLogin;
use crate::world::observe::{Reach, second_text};
use crate::world::replication::{Acted, CALM, seen};
use crate::world::resp::{REPLY, log_in};
use crate::world::transport::ServerRoutes;
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long opening one way may take.
const OPEN: Duration = Duration::from_secs(10);
/// How long a server may take to apply a command that it just got.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a new connection begins.
enum From<'a> {
    /// This machine.
    Here,
    /// The host of that node.
    HostOf(&'a NodeName),
}

impl PasswordChange {
    /// New connections to `node`, with each key.
    pub(super) async fn prove_password(
        &self,
        node: &NodeName,
        (lets_in, refuses): (&[Key], &[Key]),
        from: Option<&NodeName>,
    ) -> Acted {
        self.try_keys(node, (lets_in, refuses), &From::Here).await?;
        let Some(other) = from else {
            return Ok(seen("tried from this machine; there is no other host"));
        };
        // Loopback, and a host that servers trust more than others, would hide a refusal.
        if let Err(why) = self.open(node, &From::HostOf(other)).await {
            return Ok(seen(format!(
                "tried from this machine; not from the host of `{other}`: {}",
                why.detail
            )));
        }
        self.try_keys(node, (lets_in, refuses), &From::HostOf(other))
            .await?;
        Ok(seen(format!(
            "tried from this machine and from the host of `{other}`"
        )))
    }

    async fn try_keys(
        &self,
        node: &NodeName,
        (lets_in, refuses): (&[Key], &[Key]),
        from: &From<'_>,
    ) -> Result<(), Failure> {
        let place = match from {
            From::Here => "from this machine".to_owned(),
            From::HostOf(other) => format!("from the host of `{other}`"),
        };
        for key in lets_in {
            let login = self.login_of(node, *key)?;
            if let Err(why) = self.try_login(node, login.as_ref(), from).await {
                return Err(Failure::none(format!(
                    "a new connection {key} is not let in {place}: {}",
                    why.detail
                )));
            }
        }
        for key in refuses {
            // The password is not known any more, so this key cannot be tried.
            let Ok(login) = self.login_of(node, *key) else {
                continue;
            };
            match self.try_login(node, login.as_ref(), from).await {
                Ok(()) => {
                    return Err(Failure::none(format!(
                        "a new connection {key} is let in {place}"
                    )));
                }
                Err(why)
                    if matches!(
                        why.kind,
                        TroubleKind::PasswordMissing | TroubleKind::PasswordRefused
                    ) => {}
                Err(why) => {
                    return Err(Failure::none(format!(
                        "whether a new connection {key} is refused {place} cannot be known: {}",
                        why.detail
                    )));
                }
            }
        }
        Ok(())
    }

    fn login_of(&self, node: &NodeName, key: Key) -> Result<Option<ServerLogin>, Failure> {
        match key {
            Key::Nothing => Ok(None),
            Key::New => self.login_with(node, Secret::New, false).map(Some),
            Key::NewByName => self.login_with(node, Secret::New, true).map(Some),
            Key::Old => self.login_with(node, Secret::Old, false).map(Some),
            Key::OldByName => self.login_with(node, Secret::Old, true).map(Some),
        }
    }

    /// One new connection, with one login; it is closed at once.
    async fn try_login(
        &self,
        node: &NodeName,
        login: Option<&ServerLogin>,
        from: &From<'_>,
    ) -> Result<(), Trouble> {
        let mut stream = self.open(node, from).await?;
        log_in(&mut *stream, login)
            .await
            .map_err(|trouble| Trouble {
                detail: self.servers.routes.entrances.hide(&trouble.detail),
                ..trouble
            })
    }

    async fn open(&self, node: &NodeName, from: &From<'_>) -> Result<Box<dyn Stream>, Trouble> {
        let Some(spec) = self.hosts.inventory.get(node) else {
            return Err(crate::world::unreachable::no_answer(OPEN));
        };
        let opened = async {
            match from {
                From::Here => self.plain_routes().open(spec).await,
                From::HostOf(other) => self.open_from(spec, other).await,
            }
        };
        let opened = timeout(OPEN, opened).await;
        opened.unwrap_or_else(|_| Err(crate::world::unreachable::no_answer(OPEN)))
    }

    /// The routes that every client has, without other entrances.
    fn plain_routes(&self) -> ServerRoutes {
        ServerRoutes {
            entrances: super::Entrances::default(),
            ..self.servers.routes.as_ref().clone()
        }
    }

    /// A connection that the host of another node makes, to the address that the nodes use.
    async fn open_from(
        &self,
        spec: &NodeSpec,
        other: &NodeName,
    ) -> Result<Box<dyn Stream>, Trouble> {
        let tunnelled = || -> BoxFuture<'_, Result<Box<dyn Stream>, Trouble>> {
            Box::pin(async {
                let ssh = |why: String| crate::world::unreachable::trouble(TroubleKind::Ssh, why);
                let host = self
                    .hosts
                    .session(other)
                    .await
                    .map_err(|e| ssh(e.brief()))?;
                let at = spec.announced();
                let stream = host.tunnel(&at.host, at.port).await;
                let stream = stream.map_err(|e| ssh(e.brief()))?;
                Ok(Box::new(stream) as Box<dyn Stream>)
            })
        };
        let tls = spec.tls.as_ref();
        let host = &spec.announced().host;
        self.servers
            .routes
            .keyring
            .open_as(tls, host, tunnelled)
            .await
    }

    /// A new connection from the node's own host to its upstream, with the login that the node
    /// itself would send there.
    pub(super) async fn prove_link(&self, node: &NodeName, with: &NodeName) -> Acted {
        let login = self.own_login(node).await?;
        let begun = Instant::now();
        loop {
            let from = From::HostOf(node);
            let (from, place) = match self.open(with, &from).await {
                Ok(_) => (from, "from its host".to_owned()),
                // The SSH server of that host may forbid it.
                Err(why) => (
                    From::Here,
                    format!("from this machine, not from its host: {}", why.detail),
                ),
            };
            match self.try_login(with, login.as_ref(), &from).await {
                Ok(()) => return Ok(seen(format!("`{with}` lets it in, tried {place}"))),
                Err(why) if begun.elapsed() >= PATIENCE => {
                    return Err(Failure::none(format!(
                        "`{with}` does not let it in, tried {place}: {}",
                        why.detail
                    )));
                }
                Err(_) => tokio::time::sleep(CALM).await,
            }
        }
    }

    /// What a node logs in with at its primary.
    async fn own_login(&self, node: &NodeName) -> Result<Option<ServerLogin>, Failure> {
        let conn = self.connections.get(node).await?;
        let mut questions = redis::pipe();
        for directive in ["masteruser", "masterauth"] {
            questions.cmd("CONFIG").arg("GET").arg(directive);
        }
        let replies = conn.exchange(&questions, REPLY).await;
        let replies = replies.map_err(|t| Failure::none(t.detail))?;
        let mut values = replies.iter().map(second_text);
        let untold = || Failure::none("it does not tell what it logs in with");
        let user = values.next().flatten().ok_or_else(untold)?;
        let secret = values.next().flatten().ok_or_else(untold)?;
        Ok((!secret.is_empty()).then(|| ServerLogin {
            user: Some(user).filter(|name| !name.is_empty()),
            password: SecretString::from(secret),
        }))
    }
}
