//! Expands the `%` tokens, `${…}` variables and `~` of OpenSSH's configuration, which `ssh -G`
//! leaves as they are. Where OpenSSH refuses one, replctl refuses it, too.

use sha1::{Digest, Sha1};
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What the tokens of one host stand for.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// `%n`: the host as the operator named it.
    pub asked: String,
    /// `%h`: the name or address to connect to.
    pub host: String,
    /// `%p`.
    pub port: u16,
    /// `%r`: the user there.
    pub user: String,
    /// `%k`: `HostKeyAlias`; empty where there is none.
    pub alias: String,
    /// `%j`: the last host of `ProxyJump`; empty where there is none.
    pub jump: String,
    /// This OpenSSH hashes `%j` into `%C`.
    pub jump_is_hashed: bool,
}

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unexpanded {
    /// OpenSSH knows no such token.
    Token(char),
    /// The environment has no such variable.
    Variable(String),
}

impl std::fmt::Display for Unexpanded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(c) => write!(f, "ssh has no token %{c} there"),
            Self::Variable(name) => write!(f, "the environment has no variable ${{{name}}}"),
        }
    }
}

/// The user who runs this program, by the user database, as OpenSSH sees it.
#[derive(Debug)]
pub struct Me {
    /// User id.
    pub uid: u32,
    /// Login name.
    pub name: String,
    /// Home folder.
    pub home: PathBuf,
    /// Login shell.
    pub shell: PathBuf,
}

/// The user who runs this program. Where `/etc/passwd` does not say it, the environment does.
pub fn me() -> &'static Me {
    static ME: OnceLock<Me> = OnceLock::new();
    ME.get_or_init(|| {
        let uid = std::fs::metadata("/proc/self").map_or(u32::MAX, |m| m.uid());
        let id = uid.to_string();
        let found = entry(|fields| fields.get(2) == Some(&id.as_str()));
        let (name, home, shell) = found.map_or((None, None, None), |(name, home, shell)| {
            (Some(name), Some(home), Some(shell))
        });
        let variable = |names: &[&str]| names.iter().find_map(|n| std::env::var(n).ok());
        Me {
            uid,
            name: name
                .or_else(|| variable(&["USER", "LOGNAME"]))
                .unwrap_or_else(|| "root".to_owned()),
            home: home
                .or_else(|| etcetera::home_dir().ok())
                .unwrap_or_else(|| PathBuf::from("/")),
            shell: shell
                .filter(|shell| !shell.as_os_str().is_empty())
                .unwrap_or_else(|| PathBuf::from("/bin/sh")),
        }
    })
}

/// Name, home and shell of the first matching entry of the user database.
fn entry(is_meant: impl Fn(&[&str]) -> bool) -> Option<(String, PathBuf, PathBuf)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        if !is_meant(&fields) {
            return None;
        }
        let path = |at: usize| Some(PathBuf::from(fields.get(at)?));
        Some((fields.first()?.to_string(), path(5)?, path(6)?))
    })
}

fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

impl Tokens {
    /// Expands tokens only.
    ///
    /// # Errors
    /// An unknown token.
    pub fn percent(&self, text: &str) -> Result<String, Unexpanded> {
        expand(text, |_| None, |token| self.token(token))
    }

    /// Expands what `ProxyCommand` and `ProxyJump` may hold: a few tokens, and no variables. The
    /// shell expands those.
    ///
    /// # Errors
    /// Another token.
    pub fn of_way(&self, text: &str) -> Result<String, Unexpanded> {
        expand(
            text,
            |_| None,
            |token| self.token(token).filter(|_| "%hknpr".contains(token)),
        )
    }

    /// Expands tokens and variables; `more` knows further tokens.
    ///
    /// # Errors
    /// An unknown token, a variable that is not set.
    pub fn all(
        &self,
        text: &str,
        more: impl Fn(char) -> Option<String>,
    ) -> Result<String, Unexpanded> {
        expand(text, variable, |token| {
            self.token(token).or_else(|| more(token))
        })
    }

    /// Expands the name of a file of the ssh configuration: `~`, tokens and variables.
    ///
    /// # Errors
    /// As [`Tokens::all`].
    pub fn path(&self, text: &str) -> Result<PathBuf, Unexpanded> {
        Ok(PathBuf::from(
            self.all(&at_home(text, &me().home), |_| None)?,
        ))
    }

    fn token(&self, token: char) -> Option<String> {
        Some(match token {
            '%' => "%".to_owned(),
            'C' => self.hash(),
            'd' => me().home.display().to_string(),
            'h' => self.host.clone(),
            'i' => me().uid.to_string(),
            'j' => self.jump.clone(),
            'k' if self.alias.is_empty() => self.asked.clone(),
            'k' => self.alias.clone(),
            'L' => machine().split('.').next().unwrap_or_default().to_owned(),
            'l' => machine(),
            'n' => self.asked.clone(),
            'p' => self.port.to_string(),
            'r' => self.user.clone(),
            'u' => me().name.clone(),
            _ => return None,
        })
    }

    fn hash(&self) -> String {
        let mut sha = Sha1::new();
        let jump = if self.jump_is_hashed { &self.jump } else { "" };
        let port = self.port.to_string();
        for part in [&machine(), &self.host, &port, &self.user, jump] {
            sha.update(part);
        }
        let mut out = String::with_capacity(40);
        for byte in sha.finalize() {
            let _ = write!(out, "{byte:02x}");
        }
        out
    }
}

/// Expands the tokens that `token` knows, and the variables that `variable` finds behind a `$`.
fn expand(
    text: &str,
    variable: fn(&str) -> Option<(&str, &str)>,
    token: impl Fn(char) -> Option<String>,
) -> Result<String, Unexpanded> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if let ('$', Some((name, after))) = (c, variable(rest)) {
            let value = std::env::var(name);
            out.push_str(&value.map_err(|_| Unexpanded::Variable(name.to_owned()))?);
            rest = after;
        } else if c == '%' {
            let Some(name) = rest.chars().next() else {
                return Err(Unexpanded::Token(' '));
            };
            rest = &rest[name.len_utf8()..];
            out.push_str(&token(name).ok_or(Unexpanded::Token(name))?);
        } else {
            out.push(c);
        }
    }
    Ok(out)
}

/// The name in `{NAME}` at the beginning, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('{')?.split_once('}')
}

/// `~` and `~user` at the beginning of a file's name; `home` is our own.
pub fn at_home(text: &str, home: &Path) -> String {
    let Some(after) = text.strip_prefix('~') else {
        return text.to_owned();
    };
    let (user, rest) = after.split_once('/').unwrap_or((after, ""));
    let home = if user.is_empty() {
        Some(home.to_owned())
    } else {
        entry(|fields| fields.first() == Some(&user)).map(|(_, home, _)| home)
    };
    home.map_or_else(
        || text.to_owned(),
        |home| home.join(rest).display().to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens {
            asked: "db".to_owned(),
            host: "db.example".to_owned(),
            port: 2222,
            user: "ann".to_owned(),
            ..Tokens::default()
        }
    }

    #[test]
    fn tokens_and_variables() {
        let t = tokens();
        assert_eq!(
            t.of_way("%r@%h:%p %n %k %%").as_deref(),
            Ok("ann@db.example:2222 db db %")
        );
        assert_eq!(t.percent("%i ${X}"), Ok(format!("{} ${{X}}", me().uid)));
        // A value such as `; rm …` must never become part of the shell's command.
        assert_eq!(t.of_way("${HOME} $X").as_deref(), Ok("${HOME} $X"));
        for token in "CdijLluQ".chars() {
            assert_eq!(
                t.of_way(&format!("%{token}")),
                Err(Unexpanded::Token(token))
            );
        }
        assert_eq!(t.of_way("%"), Err(Unexpanded::Token(' ')));
        assert_eq!(t.all("%i", |_| None), Ok(me().uid.to_string()));
        let path = std::env::var("PATH").unwrap_or_default();
        assert_eq!(
            t.all("${PATH}:%Q $X", |c| (c == 'Q').then(|| "q".to_owned())),
            Ok(format!("{path}:q $X"))
        );
        assert_eq!(
            t.all("${no_such_variable}", |_| None),
            Err(Unexpanded::Variable("no_such_variable".to_owned()))
        );
        assert_eq!(t.path("~/x").ok(), Some(me().home.join("x")));
        assert_eq!(at_home("~root/x", Path::new("/h")), "/root/x");
        assert_eq!(
            at_home("~no such user/x", Path::new("/h")),
            "~no such user/x"
        );
    }
}
