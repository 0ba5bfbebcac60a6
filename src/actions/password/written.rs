//! The passwords in a server's configuration file, and the logins that a server accepts by them.
//! Pure. Nothing here is printed.

use super::{Is, PasswordSet};
use crate::config::directives::{canonical, parse, split};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The passwords of one server, or of its file.
#[derive(Debug, Clone, Default)]
pub struct Passwords {
    /// `requirepass`, where it is not empty.
    pub requirepass: Option<SecretString>,
    /// `masterauth`, where it is not empty.
    pub masterauth: Option<SecretString>,
    /// `masteruser`, where it is not empty.
    pub masteruser: Option<String>,
    /// The rules of the default user; they count more than `requirepass`.
    pub default: Option<DefaultUser>,
    /// There is an `aclfile`.
    pub acl_file: bool,
}

/// The default user of a server's access list.
#[derive(Debug, Clone, Default)]
pub struct DefaultUser {
    /// It is let in with any password, and with none.
    pub open: bool,
    /// SHA-256 of its passwords, lower-case hex.
    pub hashes: Vec<String>,
}

/// SHA-256 of a password, as access lists have it.
pub fn hash(password: &SecretString) -> String {
    let sum = Sha256::digest(password.expose_secret().as_bytes());
    sum.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

impl Passwords {
    /// Those in the lines of a file; the last line of a name counts.
    pub fn of_file(text: &str) -> Self {
        let mut out = Self::default();
        // Redis 6.0 and Valkey 8.1 write a line that they cannot read at their next start if the
        // password has a quotation mark.
        let whole = |line: &&str| split(line).is_some();
        let text: Vec<&str> = text.lines().filter(whole).collect();
        for line in parse(&text.join("\n")) {
            let first = line.args.first().filter(|arg| !arg.is_empty());
            let secret = || first.map(|arg| SecretString::from(arg.as_str()));
            match canonical(&line.name).as_str() {
                "requirepass" => out.requirepass = secret(),
                "masterauth" => out.masterauth = secret(),
                "masteruser" => out.masteruser = first.cloned(),
                "aclfile" => out.acl_file = first.is_some(),
                "user" if first.is_some_and(|name| name == "default") => {
                    out.default = Some(DefaultUser::of_rules(&line.args[1..]));
                }
                _ => {}
            }
        }
        out
    }

    /// Compared with the inventory's.
    pub fn kept(&self, new: Option<&SecretString>) -> PasswordSet {
        let is = |secret: &Option<SecretString>| match (secret, new) {
            (None, _) => Is::Nothing,
            (Some(have), Some(new)) if have.expose_secret() == new.expose_secret() => Is::New,
            (Some(_), _) => Is::Other,
        };
        let requirepass = is(&self.requirepass);
        let (open, takes_new, takes_others) = match &self.default {
            Some(user) => {
                let new = new.map(hash);
                let is_new = |hash: &String| new.as_ref() == Some(hash);
                (
                    user.open,
                    user.hashes.iter().any(is_new),
                    !user.hashes.iter().all(is_new),
                )
            }
            None => (
                requirepass == Is::Nothing,
                requirepass == Is::New,
                requirepass == Is::Other,
            ),
        };
        PasswordSet {
            open,
            takes_new,
            takes_others,
            requirepass,
            masterauth: is(&self.masterauth),
            masteruser: self.masteruser.clone(),
        }
    }

    /// The password before the inventory's: the one that clients need, else the one for the login
    /// at its primary.
    pub fn earlier(&self, new: Option<&SecretString>) -> Option<SecretString> {
        let other = |secret: &&SecretString| {
            new.is_none_or(|new| new.expose_secret() != secret.expose_secret())
        };
        let first = self.requirepass.iter().find(other);
        first
            .or_else(|| self.masterauth.iter().find(other))
            .cloned()
    }
}

impl DefaultUser {
    /// From the words of a `user` line.
    fn of_rules(rules: &[String]) -> Self {
        let mut out = Self::default();
        for rule in rules {
            match rule.as_str() {
                "nopass" => {
                    out.open = true;
                    out.hashes.clear();
                }
                "resetpass" | "reset" => out = Self::default(),
                rule => {
                    let plain = |p: &str| hash(&SecretString::from(p));
                    let hash = rule.strip_prefix('#').map(str::to_owned);
                    if let Some(hash) = hash.or_else(|| rule.strip_prefix('>').map(plain)) {
                        out.open = false;
                        out.hashes.push(hash);
                    }
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn new() -> SecretString {
        SecretString::from("new pass")
    }

    fn kept(text: &str) -> PasswordSet {
        Passwords::of_file(text).kept(Some(&new()))
    }

    #[test]
    fn a_file_is_read_as_its_server_reads_it() {
        let empty = kept("port 1\n");
        assert!(
            empty.open && !empty.takes_new && !empty.takes_others && empty.masteruser.is_none()
        );
        assert_eq!(empty.requirepass, Is::Nothing);
        let set = kept("requirepass \"new pass\"\nprimaryauth other\nprimaryuser \"default\"\n");
        assert!(!set.open && set.takes_new && !set.takes_others);
        assert_eq!(set.requirepass, Is::New);
        assert_eq!(set.masterauth, Is::Other);
        assert_eq!(set.masteruser.as_deref(), Some("default"));
        // An empty value is none, and the last line counts.
        let gone = kept("requirepass x\nrequirepass \"\"\nmasterauth ''\n");
        assert_eq!(
            (gone.requirepass, gone.masterauth),
            (Is::Nothing, Is::Nothing)
        );
    }

    #[test]
    fn the_access_list_counts_more_than_requirepass() {
        let line = |words: &str| format!("requirepass old\nuser default on {words} ~* +@all\n");
        let both = kept(&line(&format!(
            "#{} #{}",
            hash(&"old".into()),
            hash(&new())
        )));
        assert!(!both.open && both.takes_new && both.requirepass == Is::Other);
        assert!(both.takes_others);
        let own = kept(&line(&format!("#{}", hash(&new()))));
        assert!(own.takes_new && !own.takes_others);
        let back = "requirepass \"new pass\"\nuser default on >x \">new pass\" ~* +@all\n";
        let back = kept(back);
        assert!(back.takes_new && back.takes_others && !back.settled(true));
        let open = kept(&line("nopass"));
        assert!(open.open && !open.takes_new);
        let plain = kept(&line("nopass resetpass \">new pass\""));
        assert!(!plain.open && plain.takes_new);
        let other = kept("user ops on nopass ~* +@all\nrequirepass old\n");
        assert!(!other.open && other.takes_others);
    }

    #[test]
    fn the_earlier_password_is_known_while_either_directive_has_it() {
        let earlier = |text: &str, new: Option<&SecretString>| {
            let found = Passwords::of_file(text).earlier(new);
            found.map(|s| s.expose_secret().to_owned())
        };
        let new = new();
        let both = "requirepass old\nmasterauth \"new pass\"\n";
        assert_eq!(earlier(both, Some(&new)).unwrap(), "old");
        assert_eq!(earlier("masterauth old\n", None).unwrap(), "old");
        let done = "requirepass \"new pass\"\nmasterauth \"new pass\"\n";
        assert_eq!(earlier(done, Some(&new)), None);
        assert_eq!(earlier("port 1\n", None), None);
    }

    #[test]
    fn a_line_that_no_server_reads_holds_no_password() {
        let kept = kept("requirepass new\"pass\nmasterauth 'x\n");
        assert_eq!(
            (kept.requirepass, kept.masterauth),
            (Is::Nothing, Is::Nothing)
        );
    }

    #[test]
    fn nothing_shows_a_password() {
        let all = Passwords::of_file("requirepass canary\nmasterauth canary\n");
        assert!(!format!("{all:?}").contains("canary"));
    }
}
