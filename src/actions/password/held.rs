//! The passwords of a server and of its file, compared with the inventory. Pure; it holds no
//! password.

/// A password, compared with the inventory's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// There is none.
    Nothing,
    /// It is the inventory's.
    New,
    /// It is another.
    Other,
}

/// One set of passwords: those of the running server, or those in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordSet {
    /// The default user is let in without a password.
    pub open: bool,
    /// The default user is let in with the inventory's password.
    pub takes_new: bool,
    /// The default user is let in with a password other than the inventory's, perhaps beside that
    /// one.
    pub takes_others: bool,
    /// `requirepass`.
    pub requirepass: Is,
    /// `masterauth`.
    pub masterauth: Is,
    /// `masteruser`.
    pub masteruser: Option<String>,
}

/// What is known of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePasswords {
    /// The running server; `None`: it does not run, or gives no answer.
    pub live: Option<PasswordSet>,
    /// Its file; the error is one phrase.
    pub file: Result<PasswordSet, String>,
    /// `protected-mode` of the running server.
    pub protected: Option<bool>,
    /// Its users stand in a file of their own (`aclfile`).
    pub acl_file: bool,
    /// The file that the running server uses, if setup did not write it; empty: the server uses
    /// none.
    pub elsewhere: Option<String>,
}

impl PasswordSet {
    /// Whether it is as the inventory says: with a password, or without one.
    pub fn settled(&self, password: bool) -> bool {
        let by_name = self.masteruser.as_deref() == Some("default");
        let clients = if password {
            !self.open && self.takes_new && !self.takes_others && self.requirepass == Is::New
        } else {
            self.open && self.requirepass == Is::Nothing
        };
        clients && !by_name
    }

    /// The same, whatever name replicas log in with.
    pub fn settled_but_name(&self, password: bool) -> bool {
        Self {
            masteruser: None,
            ..self.clone()
        }
        .settled(password)
    }
}

impl NodePasswords {
    /// A node that could not be looked at.
    pub fn unseen(why: &str) -> Self {
        Self {
            live: None,
            file: Err(why.to_owned()),
            protected: None,
            acl_file: false,
            elsewhere: None,
        }
    }

    /// Whether the running server or its file differs from what the inventory says about passwords.
    pub fn differs(&self, password: bool) -> bool {
        let Some(live) = &self.live else {
            return false;
        };
        // What cannot be read is no reason to change anything.
        let file = self.file.as_ref().ok();
        !live.settled(password) || file.is_some_and(|file| !file.settled(password))
    }

    /// Whether a stopped node's next start would have another password than the inventory's.
    pub fn stale(&self, password: bool) -> bool {
        let Ok(file) = &self.file else {
            return false;
        };
        let login = if password { Is::New } else { Is::Nothing };
        !file.settled(password) || file.masterauth != login
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(open: bool, requirepass: Is) -> PasswordSet {
        PasswordSet {
            open,
            takes_new: requirepass == Is::New,
            takes_others: requirepass == Is::Other,
            requirepass,
            masterauth: requirepass,
            masteruser: None,
        }
    }

    fn held(live: &PasswordSet, file: &PasswordSet) -> NodePasswords {
        NodePasswords {
            live: Some(live.clone()),
            file: Ok(file.clone()),
            protected: Some(false),
            acl_file: false,
            elsewhere: None,
        }
    }

    #[test]
    fn what_differs_is_seen_in_the_server_and_in_its_file() {
        let (open, new, other) = (
            kept(true, Is::Nothing),
            kept(false, Is::New),
            kept(false, Is::Other),
        );
        for (live, file, password, none) in [
            (&open, &open, true, false),
            (&new, &new, false, true),
            (&other, &other, true, true),
            (&new, &other, true, true),
            (&new, &open, true, true),
            (&open, &new, true, true),
        ] {
            let held = held(live, file);
            assert_eq!(held.differs(true), password, "{held:?}");
            assert_eq!(held.differs(false), none, "{held:?}");
        }
        let mut unread = held(&new, &new);
        unread.file = Err("no answer".to_owned());
        assert!(!unread.differs(true) && unread.differs(false));
        let mut half = held(&new, &new);
        half.live.iter_mut().for_each(|k| {
            k.masteruser = Some("default".to_owned());
        });
        assert!(half.differs(true));
        let mut both = held(&other, &other);
        both.live.iter_mut().for_each(|k| k.takes_new = true);
        assert!(both.differs(true));
        // The inventory was set back while both were taken.
        let mut more = held(&new, &new);
        more.live.iter_mut().for_each(|k| k.takes_others = true);
        assert!(more.differs(true));
        let mut more = held(&new, &new);
        more.file.iter_mut().for_each(|k| k.takes_others = true);
        assert!(more.differs(true) && more.stale(true));
    }

    #[test]
    fn a_stopped_node_has_only_its_file() {
        let mut stopped = held(&kept(false, Is::Other), &kept(false, Is::Other));
        stopped.live = None;
        assert!(!stopped.differs(true) && stopped.stale(true) && stopped.stale(false));
        stopped.file = Ok(kept(false, Is::New));
        assert!(!stopped.stale(true));
        stopped.file = Err("it is not there".to_owned());
        assert!(!stopped.stale(true));
    }
}
