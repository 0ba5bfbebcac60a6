//! Files of a host are touched by who may: root only where root alone can change what their path
//! means, else the user whose folder it is, or the user who runs the server. Nobody's planted link,
//! and no path that a server tells, is then followed with more rights than that user has.

use super::{Shell, prepared, script, script_alone, single_quoted};
use std::time::Duration;

/// Who acts: `walk`, `choose`, `act`.
pub(in crate::world) const OWNER: &str = include_str!("scripts/owner.sh");
/// Who listens: `sockets`, `listener`, `holder`.
pub(in crate::world) const SOCKETS: &str = include_str!("scripts/sockets.sh");
pub(super) const OUTER: &str = include_str!("scripts/outer.sh");
const RUNNING: &str = include_str!("scripts/running.sh");
const INNER: &str = include_str!("scripts/inner.sh");

/// For commands that only touch files.
const QUICK: Duration = Duration::from_secs(30);

/// Runs `inner` on `path` as whoever may act there; `user` is the name of the server's user, or
/// empty. In it `$p` is the file, `$2` the number of the server's user, and `args` begin at `$3`. A
/// secret goes by `stdin` only.
pub(super) async fn on_file(
    shell: &impl Shell,
    inner: &str,
    path: &str,
    user: &str,
    args: &[&str],
    stdin: Vec<u8>,
) -> Result<String, String> {
    let mut all = vec![path, user];
    all.extend(args);
    script(shell, &both(&[OWNER, OUTER], inner), &all, stdin, QUICK).await
}

/// The same for what says nothing unless it fails.
pub(super) async fn on_file_silently(
    shell: &impl Shell,
    inner: &str,
    path: &str,
    user: &str,
    args: &[&str],
    stdin: Vec<u8>,
) -> Result<(), String> {
    let mut all = vec![path, user];
    all.extend(args);
    let text = both(&[OWNER, "how=act_joined\n", OUTER], inner);
    let ran = shell.run_script(&text, &all, stdin, shell.can_root(), QUICK);
    super::from_both_outputs(&ran.await?).map(drop)
}

/// The command line and the standard input of [`on_file`], for who wants its output as bytes.
pub(in crate::world) fn line(
    inner: &str,
    path: &str,
    user: &str,
    args: &[&str],
) -> (String, Vec<u8>) {
    let mut all = vec![path, user];
    all.extend(args);
    prepared(&both(&[OWNER, OUTER], inner), &all, Vec::new())
}

/// Runs `inner` on `path` as the user who runs the server that listens on `port`. The path may be
/// what the server said.
pub(in crate::world) async fn as_server(
    shell: &impl Shell,
    inner: &str,
    path: &str,
    port: u16,
    args: &[&str],
) -> Result<String, String> {
    let port = port.to_string();
    let mut all = vec![path, &port];
    all.extend(args);
    script(shell, &as_its_user(inner), &all, Vec::new(), QUICK).await
}

/// The same for what leaves something at work: it outlives the shell for scripts, which may be
/// stopped with all that it has begun.
pub(super) async fn as_server_alone(
    shell: &impl Shell,
    inner: &str,
    path: &str,
    port: u16,
) -> Result<String, String> {
    let args = [path, &port.to_string()];
    script_alone(shell, &as_its_user(inner), &args, QUICK).await
}

fn as_its_user(inner: &str) -> String {
    both(&[OWNER, SOCKETS, RUNNING], inner)
}

/// Ends a script unless nobody but root can change what the path `$1` means. A login that is not
/// root does what it may.
const ALONE: &str = r#"if is_root; then
  walk "$1"
  [ "$who" = 0 ] || no "$why is not root's alone: root starts no program from there; remedy: chown root $why && chmod go-w $why"
fi
"#;

/// Fails unless nobody but root can change what `path` means: root is about to put programs there,
/// or to start one from there. A login that is not root does what it may.
pub(super) async fn roots_alone(shell: &impl Shell, path: &str) -> Result<(), String> {
    let text = behind_roots_alone("");
    script(shell, &text, &[path], Vec::new(), QUICK)
        .await
        .map(drop)
}

/// A script that does nothing unless nobody but root can change what the path `$1` means.
pub(super) fn behind_roots_alone(text: &str) -> String {
    without_comments(&[OWNER, ALONE, text])
}

/// What chooses who acts, and what that user does: `$inner`.
pub(super) fn both(outer: &[&str], inner: &str) -> String {
    let inner = single_quoted(&without_comments(&[INNER, inner]));
    format!("inner={inner}\n{}", without_comments(outer))
}

/// Nobody reads them there.
pub(in crate::world) fn without_comments(parts: &[&str]) -> String {
    let lines = parts.iter().flat_map(|part| part.lines());
    let mut out = String::new();
    for line in lines.filter(|l| !l.trim_start().starts_with('#')) {
        out.push_str(line);
        out.push('\n');
    }
    out
}
