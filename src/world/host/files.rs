//! The files of a node: directories, configuration, unit, managed blocks. A file is there whole or
//! not at all.

use super::owner::{OWNER, on_file, on_file_silently, without_comments};
use super::{Shell, script};
use crate::config::block;
use crate::config::directives::quote;
use crate::config::sentinel::OWN_PASSWORD;
use crate::config::server::{PASSWORD, Stamp};
use crate::plan::facts::Ownership;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// Whoever acts must be root or the owner-to-be of what is written: a file of somebody else's would
/// not be read by the server.
const OURS: &str = r#"if [ "$me" != 0 ] && [ -n "$2" ] && [ "$2" != "$me" ]; then
  no "$folder is user $me's, not $3's: $p is not written there; remedy: chown $3 $folder"
fi
"#;

/// Standard input becomes a new file for its owner `$3` alone, which is how mktemp makes it.
const PUT: &str = r#"if [ -e "$p" ] || [ -L "$p" ]; then plain "$p"; fi
fresh
cat >"$new" || exit 1
[ "$me" != 0 ] || chown "$3" "$new" || exit 1
"#;

/// An earlier file of other content stays beside the new one, the very file, but for nobody else to
/// read.
const KEEP: &str = r#"if [ -f "$p" ] && ! cmp -s "$p" "$new"; then
  rm -f "$p.replctl-before"
  ln "$p" "$p.replctl-before" 2>/dev/null || mv "$p" "$p.replctl-before" || exit 1
  if [ "$me" = 0 ] || [ "$(stat -c %u "$p.replctl-before")" = "$me" ]; then chmod go= "$p.replctl-before" || exit 1; fi
fi
"#;

/// For commands that only touch files.
pub(super) const QUICK: Duration = Duration::from_secs(30);

/// systemd reads all units anew.
pub(super) const RELOAD: Duration = Duration::from_secs(90);

pub(super) async fn quick(shell: &impl Shell, text: &str, args: &[&str]) -> Result<String, String> {
    script(shell, text, args, Vec::new(), QUICK).await
}

/// Makes directories: `shared` for all to enter, `private` for their owner. Root makes those whose
/// folder is root's alone; below one of the owner's, the owner makes them.
pub(super) async fn directories(
    shell: &impl Shell,
    shared: &[String],
    private: &[String],
    owner: &str,
) -> Result<(), String> {
    let make = without_comments(&[OWNER, include_str!("scripts/folders.sh")]);
    let count = shared.len().to_string();
    let mut args = vec![owner, &count];
    args.extend(shared.iter().chain(private).map(String::as_str));
    quick(shell, &make, &args).await.map(drop)
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

/// Writes the configuration file with the passwords in it; an earlier one of other content is kept
/// beside it.
pub(super) async fn config(
    shell: &impl Shell,
    path: &str,
    text: &str,
    owner: &str,
    secrets: Secrets<'_>,
) -> Result<(), String> {
    let text = secrets.put_into(text)?;
    let write = format!("{OURS}{PUT}{KEEP}settle");
    on_file_silently(shell, &write, path, owner, &[owner], text.into_bytes()).await
}

/// Puts a file of certificates, or a key, where the server finds it: nobody else can read it at any
/// moment.
pub(super) async fn certificates(
    shell: &impl Shell,
    path: &str,
    bytes: Vec<u8>,
    owner: &str,
) -> Result<(), String> {
    let write = format!("{OURS}{PUT}settle");
    on_file_silently(shell, &write, path, owner, &[owner], bytes).await
}

/// Puts the earlier file back, as it was.
pub(super) async fn restore(
    shell: &impl Shell,
    path: &str,
    mode: Option<u32>,
) -> Result<(), String> {
    const BACK: &str = r#"if [ -f "$p.replctl-before" ]; then
  mv -f "$p.replctl-before" "$p" || exit 1
  [ -z "$3" ] || [ "$(stat -c %a "$p")" = "$3" ] || chmod "$3" "$p"
fi"#;
    let mode = mode.map_or_else(String::new, |m| format!("{m:o}"));
    on_file_silently(shell, BACK, path, "", &[&mode], Vec::new()).await
}

/// Makes a file its owner's alone. One that belongs to somebody else becomes a new file; the other
/// one is kept beside it.
pub(super) async fn protect(shell: &impl Shell, path: &str, owner: &str) -> Result<(), String> {
    const PROTECT: &str = r#"plain "$p"
if [ "$me" = 0 ]; then chown "$3" "$p" && chmod 600 "$p"
elif [ "$(stat -c %u "$p")" = "$me" ]; then chmod 600 "$p"
else
  fresh
  cat "$p" >"$new" && mv -f "$p" "$p.replctl-other" && settle
fi"#;
    on_file_silently(
        shell,
        &format!("{OURS}{PROTECT}"),
        path,
        owner,
        &[owner],
        Vec::new(),
    )
    .await
}

/// Gives a file or a directory the mode and the owner back that it had before [`protect`] or
/// [`directories`].
pub(super) async fn own_again(
    shell: &impl Shell,
    path: &str,
    was: Ownership,
) -> Result<(), String> {
    let text = without_comments(&[OWNER, include_str!("scripts/own.sh")]);
    let (uid, mode) = (was.uid.to_string(), format!("{:o}", was.mode));
    quick(shell, &text, &[path, &uid, &mode]).await.map(drop)
}

/// Removes files of a node, with what was left beside them.
pub(super) async fn remove(
    shell: &impl Shell,
    path: &str,
    with_leftovers: bool,
) -> Result<(), String> {
    const REMOVE: &str = r#"rm -f "$p" || exit 1
# A server that died while it wrote its file anew left a part of it beside it.
[ -z "$3" ] || rm -f "$p".replctl-* "$p"-*.tmp"#;
    let all = if with_leftovers { "all" } else { "" };
    on_file_silently(shell, REMOVE, path, "", &[all], Vec::new()).await
}

/// Puts a new stamp into a configuration file, which the server may rewrite at any time: only the
/// one line is changed.
pub(super) async fn stamp(
    shell: &impl Shell,
    path: &str,
    stamp: &Stamp,
    owner: &str,
) -> Result<(), String> {
    const STAMP: &str = r#"plain "$p"; fresh
sed -e '1,/^# replctl [0-9a-f]* [0-9a-f]*$/{s/^# replctl [0-9a-f]* [0-9a-f]*$/'"$3"'/;}' "$p" >"$new" || exit 1
grep -qx "$3" "$new" || no "the file has no line of replctl's"
like_before; settle"#;
    let args = [stamp.to_string()];
    on_file_silently(shell, STAMP, path, owner, &[&args[0]], Vec::new()).await
}

/// Writes a unit and has it started at boot.
pub(super) async fn unit(shell: &impl Shell, name: &str, text: &str) -> Result<(), String> {
    const LINKED: &str = r#"u=/etc/systemd/system/$1
if [ -L "$u" ]; then echo "$u is a link to $(readlink "$u"): the unit is masked, or somebody else's" >&2; exit 1; fi"#;
    const ENABLE: &str = r#"u=/etc/systemd/system/$1
if command -v restorecon >/dev/null 2>&1; then restorecon "$u" 2>/dev/null; fi
systemctl daemon-reload && systemctl enable "$1" 2>&1"#;
    quick(shell, LINKED, &[name]).await?;
    let path = format!("/etc/systemd/system/{name}");
    let data = Arc::new(text.as_bytes().to_vec());
    shell
        .upload(data, &path, 0o644, shell.can_root(), Box::new(|_| {}))
        .await?;
    script(shell, ENABLE, &[name], Vec::new(), RELOAD)
        .await
        .map(drop)
}

/// Removes a unit.
pub(super) async fn remove_unit(shell: &impl Shell, name: &str) -> Result<(), String> {
    const REMOVE: &str = r#"u=/etc/systemd/system/$1
[ -f "$u" ] && [ ! -L "$u" ] || exit 0
systemctl disable "$1" 2>&1; rm -f "$u" && systemctl daemon-reload || exit 1
# One that has failed is remembered.
systemctl reset-failed "$1" 2>/dev/null; :"#;
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
    const READ: &str = r#"if [ -f "$p" ]; then cat "$p"; fi"#;
    const WRITE: &str = r#"fresh
cat >"$new" || exit 1
if [ -f "$p" ]; then
  [ "$me" != 0 ] || chown "$(stat -c %u:%g "$p")" "$new" || exit 1
  chmod "$(stat -c %a "$p")" "$new" || exit 1
else chmod 644 "$new"; fi
# A container's /etc/hosts is a mount: it cannot be replaced, only written.
mv -f "$new" "$p" 2>/dev/null || cat "$new" >"$p""#;
    let old = on_file(shell, READ, path, "", &[], Vec::new()).await?;
    let new = match lines {
        Some(lines) if path == "/etc/hosts" => block::put_names(&old, owner, lines),
        Some(lines) => block::put(&old, owner, lines),
        None => block::remove(&old, owner),
    };
    if new == old {
        return Ok(());
    }
    on_file(shell, WRITE, path, "", &[], new.into_bytes())
        .await
        .map(drop)
}

/// Sets the host's name.
pub(super) async fn host_name(shell: &impl Shell, name: &str) -> Result<(), String> {
    const SET: &str = r#"if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null 2>&1; then hostnamectl set-hostname "$1"
else hostname "$1" && printf '%s\n' "$1" >/etc/hostname; fi"#;
    quick(shell, SET, &[name]).await.map(drop)
}
