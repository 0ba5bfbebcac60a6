//! The users of the servers' access lists: the user that replctl logs in as, and the one that
//! replicas log in as at their primary. Pure.

use super::SecretSource;
use super::deployment::secret;
use super::place::Problems;
use super::section::Section;

/// The users for logins at servers, if not the default user with the deployment's password.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// `user`: the user that replctl logs in as.
    pub user: Option<String>,
    /// `masteruser`: the user that replicas log in as at their primary.
    pub masteruser: Option<String>,
    /// `masterauth`: that user's password.
    pub masterauth: Option<SecretSource>,
}

impl Accounts {
    /// Whether there is only the default user, with one password for clients and for replication.
    pub fn is_plain(&self) -> bool {
        self.user.is_none() && self.masteruser.is_none() && self.masterauth.is_none()
    }

    /// Whether the inventory has the replicas' login.
    pub fn says_replication(&self) -> bool {
        self.masterauth.is_some() || self.masteruser.is_some() || self.user.is_none()
    }
}

/// Reads the users of `[deployment]`.
pub fn read(section: &Section, problems: &mut Problems) -> Accounts {
    let user = name(section, problems, "user");
    if let (Some(at), None) = (section.place_of("user"), section.get("password")) {
        problems.hinted(
            at,
            "`user` in `[deployment]` has no `password`",
            "add, for example, `password = { file = \"orders.password\" }`, which is that user's",
        );
    }
    let masteruser = name(section, problems, "masteruser");
    let masterauth = secret(section, problems, "masterauth");
    if let (Some(at), None) = (section.place_of("masteruser"), section.get("masterauth"))
        && masteruser != user
    {
        problems.hinted(
            at,
            "`masteruser` in `[deployment]` has no `masterauth`",
            "add, for example, `masterauth = { file = \"replication.password\" }`, which is that user's",
        );
    }
    Accounts {
        user,
        masteruser,
        masterauth,
    }
}

/// Reads the name of a user; the default user is none.
pub fn name(section: &Section, problems: &mut Problems, key: &str) -> Option<String> {
    section.get(key)?;
    let found = section.filled(problems, key)?;
    if found.value.chars().any(char::is_whitespace) || found.value.len() > 128 {
        problems.hinted(
            found.at,
            format!(
                "`{key}` {} is no name of a user: `{}`",
                section.called, found.value
            ),
            "it has no spaces, and at most 128 bytes; ACL LIST shows the users of a server",
        );
        return None;
    }
    Some(found.value.to_owned()).filter(|name| name != "default")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::inventory::parse::parse;
    use crate::inventory::{Inventory, SecretSource};
    use std::path::Path;

    fn read(lines: &str) -> Result<Inventory, String> {
        let text = format!(
            "[deployment]\nname = \"orders\"\n{lines}\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\n"
        );
        parse(Path::new("i"), &text).map_err(|problems| {
            let all: Vec<String> = problems.iter().map(crate::error::Problem::text).collect();
            all.join("\n")
        })
    }

    #[test]
    fn users_are_read_with_their_passwords() {
        let plain = read("password = { env = \"A\" }").unwrap().accounts;
        assert!(plain.is_plain() && plain.says_replication());
        let own = read("user = \"ops\"\npassword = { env = \"A\" }").unwrap();
        assert_eq!(own.accounts.user.as_deref(), Some("ops"));
        assert!(!own.accounts.is_plain() && !own.accounts.says_replication());
        let both = read(
            "user = \"ops\"\npassword = { env = \"A\" }\nmasteruser = \"repl\"\nmasterauth = { file = \"r\" }",
        );
        let accounts = both.unwrap().accounts;
        assert_eq!(accounts.masteruser.as_deref(), Some("repl"));
        assert!(
            matches!(accounts.masterauth, Some(SecretSource::File(file)) if file == Path::new("r"))
        );
        let default = read("user = \"default\"\npassword = { env = \"A\" }").unwrap();
        assert!(default.accounts.is_plain());
        let one = "user = \"ops\"\npassword = { env = \"A\" }\nmasteruser = \"ops\"";
        assert!(read(one).unwrap().accounts.says_replication());
    }

    #[test]
    fn what_is_wrong_names_line_and_key() {
        let cases = [
            (
                "auth = \"none\"\nuser = \"ops\"",
                "i:4:1: `user` in `[deployment]` has no `password`",
            ),
            (
                "user = \"a b\"\npassword = { env = \"A\" }",
                "i:3:8: `user` in `[deployment]` is no name of a user: `a b`",
            ),
            (
                "user = \"\"\npassword = { env = \"A\" }",
                "`user` in `[deployment]` is empty",
            ),
            (
                "password = { env = \"A\" }\nmasteruser = \"repl\"",
                "i:4:1: `masteruser` in `[deployment]` has no `masterauth`",
            ),
            (
                "password = { env = \"A\" }\nmasterauth = { evn = \"B\" }",
                "`evn`",
            ),
            (
                "password = { env = \"A\" }\nprimaryuser = \"a\"",
                "did you mean `masteruser`?",
            ),
        ];
        for (lines, wanted) in cases {
            let told = read(lines).unwrap_err();
            assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
        }
        let told = read("password = { env = \"A\" }\nmasterauth = \"hush hush\"").unwrap_err();
        assert!(!told.contains("hush"), "{told}");
    }
}
