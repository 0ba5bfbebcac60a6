//! The passwords of servers and of their files, and the ways into servers whose password is not the
//! inventory's. It changes nothing.
//!
//! The earlier password comes from the server's own configuration file, read over SSH as its owner.
//! For the login, it is sent to that server only.

use super::PasswordChange;
use crate::actions::password::written::{DefaultUser, Passwords};
use crate::actions::password::{NodePasswords, PasswordAction, PasswordSet};
use crate::config::Paths;
use crate::error::Error;
use crate::inventory::{Auth, NodeSpec, SecretSource};
use crate::plan::facts::{HostFacts, Unseen};
use crate::topology::{NodeName, Topology, Trouble, TroubleKind};
use crate::world::observe::second_text;
use crate::world::resp::{Conn, REPLY};
use crate::world::{host, secret};
use futures::StreamExt;
use redis::Value;
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// How long the look at one node may take, SSH included.
const LOOK: Duration = Duration::from_secs(20);

impl PasswordChange {
    /// The inventory's password.
    pub(super) fn new_password(&self) -> Option<&SecretString> {
        self.servers
            .logins
            .own
            .as_ref()
            .map(|login| &login.password)
    }

    /// Finds a way into the servers that refuse the inventory's password: with the password in
    /// their own files, or over the loopback of their hosts. `all`: the earlier password is read
    /// from every file, because an operation that is taken up may need it.
    pub async fn knock(&self, all: bool) {
        if !self.hosts.inventory.accounts.is_plain() {
            return;
        }
        let knocks = self.hosts.inventory.nodes.iter().map(|spec| async move {
            let _ = timeout(LOOK, self.knock_at(spec, all)).await;
        });
        futures::stream::iter(knocks)
            .buffer_unordered(self.hosts.concurrency)
            .collect::<()>()
            .await;
    }

    async fn knock_at(&self, spec: &NodeSpec, all: bool) {
        let refused = match self.try_at(spec).await {
            Ok(_) => None,
            Err(trouble) => Some(trouble.kind),
        };
        let wants = refused.is_some_and(TroubleKind::is_about_password);
        if (wants || all)
            && let Ok(Some(file)) = self.passwords_in_file(spec).await
            && let Some(earlier) = file.earlier(self.new_password())
        {
            self.servers
                .routes
                .entrances
                .earlier_is(&spec.name, earlier);
        }
        if refused == Some(TroubleKind::ProtectedMode) {
            self.servers.routes.entrances.only_inside(&spec.name);
            if self.try_at(spec).await.is_err() {
                self.servers.routes.entrances.outside_again(&spec.name);
            }
        }
    }

    async fn try_at(&self, spec: &NodeSpec) -> Result<Conn, Trouble> {
        self.servers.connect(spec).await
    }

    /// The passwords in the file that setup writes for a node; `None`: there is none.
    pub(super) async fn passwords_in_file(
        &self,
        spec: &NodeSpec,
    ) -> Result<Option<Passwords>, String> {
        let host = self
            .hosts
            .session(&spec.name)
            .await
            .map_err(|e| e.brief())?;
        let path = Paths::of(&self.hosts.inventory, spec).config();
        let user = if host.can_root() {
            self.hosts.inventory.server.user.as_str()
        } else {
            ""
        };
        let text = host::passwords(host.as_ref(), &path, user).await?;
        Ok(text.map(|text| Passwords::of_file(&text)))
    }

    /// The passwords of all nodes. A stopped node is marked in `hosts` if its next start would have
    /// another password.
    pub async fn held(
        &self,
        topology: &Topology,
        hosts: &mut BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    ) -> BTreeMap<NodeName, NodePasswords> {
        let looks = self.hosts.inventory.nodes.iter().map(|spec| async move {
            let runs = topology
                .get(&spec.name)
                .is_some_and(|n| n.server().is_some());
            let elsewhere = topology
                .get(&spec.name)
                .and_then(|n| n.server())
                .map(|s| s.config_file.clone().unwrap_or_default())
                .filter(|file| *file != Paths::of(&self.hosts.inventory, spec).config());
            let look = timeout(LOOK, self.held_by(spec, runs)).await;
            let held = look.unwrap_or_else(|_| NodePasswords::unseen("no answer in time"));
            (spec.name.clone(), NodePasswords { elsewhere, ..held })
        });
        let all: BTreeMap<NodeName, NodePasswords> = futures::stream::iter(looks)
            .buffer_unordered(self.hosts.concurrency)
            .collect()
            .await;
        let password = matches!(self.hosts.inventory.auth, Auth::Password(_));
        for (name, held) in &all {
            if let (None, Some(Ok(facts))) = (&held.live, hosts.get_mut(name)) {
                facts.stale_password = held.stale(password);
            }
        }
        all
    }

    async fn held_by(&self, spec: &NodeSpec, runs: bool) -> NodePasswords {
        let file = match self.files_read.take(&spec.name) {
            Some(file) => file,
            None => self.passwords_in_file(spec).await,
        };
        if let Ok(Some(file)) = &file
            && let Some(earlier) = file.earlier(self.new_password())
        {
            self.servers
                .routes
                .entrances
                .earlier_is(&spec.name, earlier);
        }
        let acl_in_file = matches!(&file, Ok(Some(file)) if file.acl_file);
        let live = match self.connections.get(&spec.name).await {
            Ok(conn) if runs => live(&conn).await,
            Ok(_) | Err(_) => None,
        };
        let kept = |passwords: &Passwords| passwords.kept(self.new_password());
        NodePasswords {
            live: live.as_ref().map(|live| kept(&live.passwords)),
            file: match &file {
                Ok(Some(file)) => Ok(kept(file)),
                Ok(None) => Err("its file is not there".to_owned()),
                Err(why) => Err(why.clone()),
            },
            protected: live.as_ref().and_then(|live| live.protected),
            acl_file: acl_in_file || live.is_some_and(|live| live.passwords.acl_file),
            elsewhere: None,
        }
    }

    /// What the running server holds now.
    pub(in crate::world) async fn live_passwords(&self, conn: &Conn) -> Option<PasswordSet> {
        let live = live(conn).await?;
        Some(live.passwords.kept(self.new_password()))
    }

    /// Whether one of the servers that were given the inventory's password has the one that the
    /// inventory names now, running or in its file; `None`: none of them could be looked at.
    pub async fn has_given(&self, given: &[(&NodeName, &PasswordAction)]) -> Option<bool> {
        let nodes: BTreeSet<&NodeName> = given.iter().map(|(node, _)| *node).collect();
        let looks = nodes.into_iter().map(|node| async move {
            let held = timeout(LOOK, self.held_by(self.hosts.inventory.get(node)?, true)).await;
            Some((node, held.ok()?))
        });
        let seen: Vec<(&NodeName, NodePasswords)> = futures::stream::iter(looks)
            .buffer_unordered(self.hosts.concurrency)
            .filter_map(std::future::ready)
            .collect()
            .await;
        let mut known = false;
        for (node, held) in &seen {
            for kept in held.live.iter().chain(held.file.as_ref().ok()) {
                known = true;
                let mut own = given.iter().filter(|(of, _)| of == node);
                if own.any(|(_, action)| action.was_given(kept)) {
                    return Some(true);
                }
            }
        }
        known.then_some(false)
    }

    /// The operator types the inventory's password a second time, where it comes from the terminal.
    ///
    /// # Errors
    /// The second password differs.
    pub async fn typed_twice(&self) -> Result<(), Error> {
        match (&self.hosts.inventory.auth, self.new_password()) {
            (Auth::Password(SecretSource::Prompt), Some(first)) => secret::again(first).await,
            _ => Ok(()),
        }
    }

    /// Whether there is a quotation mark or a backslash in the inventory's password.
    pub fn password_has_quotes(&self) -> bool {
        let password = self.new_password();
        password.is_some_and(|p| p.expose_secret().contains(['"', '\'', '\\']))
    }

    /// Whether all servers that had another password than the inventory's had the same.
    pub fn earlier_agree(&self) -> bool {
        self.servers.routes.entrances.agree()
    }
}

/// A running server's.
struct Live {
    passwords: Passwords,
    protected: Option<bool>,
}

async fn live(conn: &Conn) -> Option<Live> {
    let mut questions = redis::pipe();
    for directive in [
        "requirepass",
        "masterauth",
        "masteruser",
        "aclfile",
        "protected-mode",
    ] {
        questions.cmd("CONFIG").arg("GET").arg(directive);
    }
    questions.cmd("ACL").arg("GETUSER").arg("default");
    let mut replies = conn.exchange(&questions, REPLY).await.ok()?.into_iter();
    let mut next = || {
        let reply = replies.next()?;
        second_text(&reply)
    };
    let filled = |text: String| Some(text).filter(|t| !t.is_empty());
    let (requirepass, masterauth) = (next()?, next()?);
    let (masteruser, aclfile) = (next()?, next().unwrap_or_default());
    let protected = next();
    let user = replies.next()?;
    Some(Live {
        passwords: Passwords {
            requirepass: filled(requirepass).map(SecretString::from),
            masterauth: filled(masterauth).map(SecretString::from),
            masteruser: filled(masteruser),
            default: Some(default_user(&user)?),
            acl_file: !aclfile.is_empty(),
        },
        protected: protected.map(|word| word == "yes"),
    })
}

/// `ACL GETUSER`: names and values by turns.
fn default_user(reply: &Value) -> Option<DefaultUser> {
    let Value::Array(parts) = reply else {
        return None;
    };
    let words = |value: &Value| -> Vec<String> {
        let Value::Array(all) = value else {
            return Vec::new();
        };
        let word = |v: &Value| redis::from_redis_value::<String>(v.clone()).ok();
        all.iter().filter_map(word).collect()
    };
    let mut out = DefaultUser::default();
    let mut known = false;
    for pair in parts.chunks(2) {
        let [name, value] = pair else { continue };
        match redis::from_redis_value::<String>(name.clone())
            .ok()?
            .as_str()
        {
            "flags" => {
                known = true;
                out.open = words(value).iter().any(|flag| flag == "nopass");
            }
            "passwords" => {
                let hashes = words(value);
                out.hashes = hashes
                    .iter()
                    .map(|h| h.trim_start_matches('#').to_owned())
                    .collect();
            }
            _ => {}
        }
    }
    known.then_some(out)
}
