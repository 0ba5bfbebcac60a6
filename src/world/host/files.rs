//! The files of a node: directories, configuration, unit, managed blocks. A file is there whole or not at all.

use super::{Shell, script};
use crate::config::block;
use crate::config::directives::quote;
use crate::config::sentinel::OWN_PASSWORD;
use crate::config::server::{PASSWORD, Stamp};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// For commands that only touch files.
const QUICK: Duration = Duration::from_secs(30);

/// systemd reads all units anew.
const RELOAD: Duration = Duration::from_secs(90);

pub(super) async fn quick(shell: &impl Shell, text: &str, args: &[&str]) -> Result<String, String> {
    script(shell, text, args, Vec::new(), QUICK).await
}

/// Makes directories: `shared` for all to enter, `private` for their owner.
pub(super) async fn directories(
    shell: &impl Shell,
    shared: &[String],
    private: &[String],
    owner: &str,
) -> Result<(), String> {
    const MAKE: &str = r#"owner=$1 n=$2; shift 2; umask 022
while [ $# -gt 0 ]; do
  mkdir -p "$1" || exit 1
  if [ "$n" -gt 0 ]; then n=$((n - 1)); else chown "$owner" "$1" && chmod 750 "$1" || exit 1; fi
  shift
done"#;
    let count = shared.len().to_string();
    let mut args = vec![owner, &count];
    args.extend(shared.iter().chain(private).map(String::as_str));
    quick(shell, MAKE, &args).await.map(drop)
}

/// Removes directories where they are empty; children first.
pub(super) async fn remove_directories(shell: &impl Shell, paths: &[String]) -> Result<(), String> {
    let args: Vec<&str> = paths.iter().map(String::as_str).collect();
    quick(
        shell,
        r#"for d; do rmdir "$d" 2>/dev/null; done; exit 0"#,
        &args,
    )
    .await
    .map(drop)
}

/// The secrets that stand in configuration files.
#[derive(Clone, Copy, Default)]
pub struct Secrets<'a> {
    /// The deployment's password, where it has one.
    pub password: Option<&'a SecretString>,
    /// The Sentinels' own, where they have one.
    pub of_sentinels: Option<&'a SecretString>,
}

impl Secrets<'_> {
    /// The text with the secrets in their places.
    fn put_into(self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        for (place, secret) in [(PASSWORD, self.password), (OWN_PASSWORD, self.of_sentinels)] {
            match secret {
                Some(secret) => text = text.replace(place, &quote(secret.expose_secret())),
                None if text.contains(place) => {
                    return Err("the password for the file is not at hand".to_owned());
                }
                None => {}
            }
        }
        Ok(text)
    }
}

/// Writes the configuration file with the passwords in it; an earlier one of other content is kept beside it.
pub(super) async fn config(
    shell: &impl Shell,
    path: &str,
    text: &str,
    owner: &str,
    secrets: Secrets<'_>,
) -> Result<(), String> {
    const MOVE: &str = r#"chown "$2" "$1.replctl-new" && chmod 600 "$1.replctl-new" || exit 1
if [ -f "$1" ] && ! cmp -s "$1" "$1.replctl-new"; then
  (umask 077; cp -p "$1" "$1.replctl-before") && chmod 600 "$1.replctl-before" || exit 1
fi
mv -f "$1.replctl-new" "$1""#;
    let text = secrets.put_into(text)?;
    upload(shell, &format!("{path}.replctl-new"), text, 0o600).await?;
    quick(shell, MOVE, &[path, owner]).await.map(drop)
}

/// Puts a file of certificates, or a key, where the server finds it: nobody else can read it at any moment.
pub(super) async fn certificates(
    shell: &impl Shell,
    path: &str,
    bytes: Vec<u8>,
    owner: &str,
) -> Result<(), String> {
    const MOVE: &str = r#"chown "$2" "$1.replctl-new" && chmod 600 "$1.replctl-new" && mv -f "$1.replctl-new" "$1""#;
    let beside = format!("{path}.replctl-new");
    let none = Box::new(|_| {});
    shell
        .upload(Arc::new(bytes), &beside, 0o600, shell.can_root(), none)
        .await?;
    quick(shell, MOVE, &[path, owner]).await.map(drop)
}

/// Puts a new stamp into a configuration file, which the server may rewrite at any time: only the one line is changed.
pub(super) async fn stamp(
    shell: &impl Shell,
    path: &str,
    stamp: &Stamp,
    owner: &str,
) -> Result<(), String> {
    const STAMP: &str = r#"umask 077
sed -e '1,/^# replctl [0-9a-f]* [0-9a-f]*$/{s/^# replctl [0-9a-f]* [0-9a-f]*$/'"$2"'/;}' "$1" >"$1.replctl-new" || exit 1
grep -qx "$2" "$1.replctl-new" || { echo "the file has no line of replctl's" >&2; exit 1; }
chown "$3" "$1.replctl-new" && mv -f "$1.replctl-new" "$1""#;
    quick(shell, STAMP, &[path, &stamp.to_string(), owner])
        .await
        .map(drop)
}

/// Writes a unit and has it started at boot.
pub(super) async fn unit(shell: &impl Shell, name: &str, text: &str) -> Result<(), String> {
    const MOVE: &str = r#"u=/etc/systemd/system/$1
chmod 644 "$u.replctl-new" && mv -f "$u.replctl-new" "$u" || exit 1
if command -v restorecon >/dev/null 2>&1; then restorecon "$u" 2>/dev/null; fi
systemctl daemon-reload && systemctl enable "$1" 2>&1"#;
    let path = format!("/etc/systemd/system/{name}.replctl-new");
    upload(shell, &path, text.to_owned(), 0o644).await?;
    script(shell, MOVE, &[name], Vec::new(), RELOAD)
        .await
        .map(drop)
}

/// Removes a unit.
pub(super) async fn remove_unit(shell: &impl Shell, name: &str) -> Result<(), String> {
    const REMOVE: &str = r#"[ -f "/etc/systemd/system/$1" ] || exit 0
systemctl disable "$1" 2>&1; rm -f "/etc/systemd/system/$1" && systemctl daemon-reload"#;
    script(shell, REMOVE, &[name], Vec::new(), RELOAD)
        .await
        .map(drop)
}

/// Puts a block into a file, or takes it out (`None`); the file's mode and owner stay.
pub(super) async fn edit_block(
    shell: &impl Shell,
    path: &str,
    owner: &str,
    lines: Option<&[String]>,
) -> Result<(), String> {
    // A container's /etc/hosts is a mount: it cannot be replaced, only written.
    const MOVE: &str = r#"n=$1.replctl-new
if [ -f "$1" ]; then cp -p "$1" "$1.replctl-old" && cat "$n" >"$1.replctl-old" && mv -f "$1.replctl-old" "$n" || exit 1; fi
mv -f "$n" "$1" 2>/dev/null || { cat "$n" >"$1" && rm -f "$n"; }"#;
    let old = quick(shell, r#"if [ -f "$1" ]; then cat "$1"; fi"#, &[path]).await?;
    let new = match lines {
        Some(lines) => block::put(&old, owner, lines),
        None => block::remove(&old, owner),
    };
    if new == old {
        return Ok(());
    }
    upload(shell, &format!("{path}.replctl-new"), new, 0o644).await?;
    quick(shell, MOVE, &[path]).await.map(drop)
}

/// Sets the host's name.
pub(super) async fn host_name(shell: &impl Shell, name: &str) -> Result<(), String> {
    const SET: &str = r#"if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null 2>&1; then hostnamectl set-hostname "$1"
else hostname "$1" && printf '%s\n' "$1" >/etc/hostname; fi"#;
    quick(shell, SET, &[name]).await.map(drop)
}

async fn upload(shell: &impl Shell, path: &str, text: String, mode: u32) -> Result<(), String> {
    let data = Arc::new(text.into_bytes());
    shell
        .upload(data, path, mode, shell.can_root(), Box::new(|_| {}))
        .await
}
