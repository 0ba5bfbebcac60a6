//! Other ways into servers than the inventory's, while their password changes: the earlier
//! password, and the loopback of their own host. `setup` (or a run that resumes it) finds them, and
//! only this process knows them.

use crate::inventory::secrets::Secrets;
use crate::topology::NodeName;
use crate::world::login::ServerLogin;
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The other ways in.
#[derive(Clone, Default)]
pub struct Entrances(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    earlier: BTreeMap<NodeName, SecretString>,
    inside: BTreeSet<NodeName>,
}

impl Entrances {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the password that a node had before the inventory's.
    pub fn earlier_is(&self, node: &NodeName, password: SecretString) {
        self.inner().earlier.insert(node.clone(), password);
    }

    /// Keeps that a node lets only its own host in.
    pub fn only_inside(&self, node: &NodeName) {
        self.inner().inside.insert(node.clone());
    }

    /// Keeps that it lets other hosts in, too.
    pub fn outside_again(&self, node: &NodeName) {
        self.inner().inside.remove(node);
    }

    /// Whether a node is to be reached over the loopback of its own host.
    pub fn is_inside(&self, node: &NodeName) -> bool {
        self.inner().inside.contains(node)
    }

    /// The password that a node had before: its own, or the one that all others had. For steps of a
    /// plan: their nodes were all seen to be part of the change.
    pub fn earlier(&self, node: &NodeName) -> Option<SecretString> {
        let inner = self.inner();
        if let Some(own) = inner.earlier.get(node) {
            return Some(own.clone());
        }
        let mut all: Vec<&SecretString> = inner.earlier.values().collect();
        all.dedup_by(|a, b| a.expose_secret() == b.expose_secret());
        match all.as_slice() {
            [only] => Some((*only).clone()),
            _ => None,
        }
    }

    /// Whether all nodes that had a password before had the same.
    pub fn agree(&self) -> bool {
        let inner = self.inner();
        let all: BTreeSet<&str> = inner
            .earlier
            .values()
            .map(ExposeSecret::expose_secret)
            .collect();
        all.len() <= 1
    }

    /// The login with the password that this node itself had before. The password of other nodes is
    /// not tried: any server that refuses the inventory's password would get it.
    pub fn login(&self, node: &NodeName) -> Option<ServerLogin> {
        let password = self.inner().earlier.get(node).cloned();
        password.map(|password| ServerLogin {
            user: None,
            password,
        })
    }

    /// The text without any of them.
    pub fn hide(&self, text: &str) -> String {
        Secrets::new(self.inner().earlier.values()).hide(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_earlier_password_of_all_stands_for_a_node_that_has_lost_it() {
        let entrances = Entrances::default();
        let (a, b) = (NodeName::from("a"), NodeName::from("b"));
        assert!(entrances.login(&a).is_none() && entrances.agree());
        entrances.earlier_is(&b, "old".into());
        assert_eq!(entrances.earlier(&a).unwrap().expose_secret(), "old");
        assert!(entrances.login(&a).is_none(), "it never had it");
        let own = entrances.login(&b).unwrap();
        assert_eq!(own.password.expose_secret(), "old");
        let c = NodeName::from("c");
        entrances.earlier_is(&c, "else".into());
        assert!(entrances.earlier(&a).is_none() && !entrances.agree());
        assert_eq!(entrances.earlier(&c).unwrap().expose_secret(), "else");
        assert_eq!(entrances.hide("said old"), "said (secret)");
    }
}
