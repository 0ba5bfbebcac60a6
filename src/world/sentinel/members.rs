//! The Sentinels that the inventory names, each asked what it watches. It changes nothing.

use super::{Sentinels, look, reply};
use crate::topology::sentinel::Member;
use crate::topology::{NodeName, Trouble, TroubleKind};
use crate::world::login::ServerLogin;
use crate::world::resp::REPLY;
use crate::world::unreachable::trouble;
use futures::StreamExt;
use redis::cmd;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;

impl Sentinels {
    /// The password that a Sentinel could not read again from its own file. The file has the
    /// password as it is, so a quote would begin a string.
    pub fn password_for_none(&self) -> Option<&'static str> {
        let breaks = |login: &Option<ServerLogin>| {
            let secret = login.as_ref().map(|l| l.password.expose_secret());
            secret.is_some_and(|s| s.contains(['"', '\'']))
        };
        if breaks(&self.servers.logins.own) {
            Some("`password` of [deployment]")
        } else if breaks(&self.servers.logins.sentinels) {
            Some("`password` of [sentinel]")
        } else {
            None
        }
    }

    /// What each of them says, all side by side.
    pub async fn members(&self) -> BTreeMap<NodeName, Result<Member, Trouble>> {
        let looks = self.servers.inventory.sentinels().iter().map(|spec| async {
            let member = self.member(&spec.name).await;
            (spec.name.clone(), member)
        });
        futures::stream::iter(looks)
            .buffer_unordered(self.servers.concurrency)
            .collect()
            .await
    }

    /// What one of them says.
    pub async fn member(&self, sentinel: &NodeName) -> Result<Member, Trouble> {
        let spec = self.servers.inventory.get(sentinel);
        let spec = spec.ok_or_else(|| trouble(TroubleKind::Other, "the inventory has it not"))?;
        let conn = self.connections.open(&spec.address).await?;
        let said = conn.call(cmd("SENTINEL").arg("MASTERS"), REPLY).await;
        let watches = match said {
            Ok(said) => reply::names(&said),
            Err(why) if why.kind == TroubleKind::Other => None,
            Err(why) => return Err(why),
        };
        let Some(watches) = watches else {
            return Err(trouble(TroubleKind::NotRedis, "it is no Sentinel"));
        };
        let name = self.servers.inventory.sentinel.as_ref().map(|s| &s.name);
        let sees = match name.filter(|n| watches.contains(n)) {
            Some(name) => Some(look(&conn, name).await?),
            None => None,
        };
        Ok(Member { watches, sees })
    }
}
