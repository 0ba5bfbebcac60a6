//! The first look at a possible Sentinel: an address that somebody named, and of which nothing else
//! is known. It changes nothing.

use super::{Sentinels, reply};
use crate::topology::{Address, NodeName, Trouble, TroubleKind};
use crate::world::login::ServerLogin;
use crate::world::observe::connect;
use crate::world::resp::REPLY;
use crate::world::unreachable::trouble;
use redis::cmd;

impl Sentinels {
    /// The deployments that a Sentinel at the address of a node watches, each with its primary. The
    /// operator named the node, so it gets the servers' password. If it refuses that, it gets the
    /// Sentinels' password.
    ///
    /// # Errors
    /// The one reason for not knowing it; [`TroubleKind::NotRedis`]: it is no Sentinel.
    pub async fn watched_by(&self, node: &NodeName) -> Result<Vec<(String, Address)>, Trouble> {
        let first = self
            .ask_sentinel(node, self.servers.logins.own.as_ref())
            .await;
        match (first, &self.servers.logins.sentinels) {
            (Err(refused), Some(login)) if refused.kind.is_about_password() => {
                self.ask_sentinel(node, Some(login)).await
            }
            (first, _) => first,
        }
    }

    async fn ask_sentinel(
        &self,
        node: &NodeName,
        login: Option<&ServerLogin>,
    ) -> Result<Vec<(String, Address)>, Trouble> {
        let unknown = || trouble(TroubleKind::Other, "the inventory has it not");
        let spec = self.servers.inventory.get(node).ok_or_else(unknown)?;
        let conn = connect(self.servers.routes.as_ref(), spec, login).await?;
        match conn.call(cmd("SENTINEL").arg("MASTERS"), REPLY).await {
            Ok(said) if reply::names(&said).is_some() => Ok(reply::watched(&said)),
            Err(why) if why.kind != TroubleKind::Other => Err(why),
            Ok(_) | Err(_) => Err(trouble(TroubleKind::NotRedis, "it is no Sentinel")),
        }
    }
}
