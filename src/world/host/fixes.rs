//! What `check --fix` does on a host: the kernel's settings, and the files that keep them.

use super::Shell;
use super::files::quick;
use super::owner::{OWNER, without_comments};

/// Sets a number or a word of the kernel's.
pub(super) async fn kernel(shell: &impl Shell, file: &str, value: &str) -> Result<(), String> {
    const SCRIPT: &str = include_str!("scripts/kernel.sh");
    quick(shell, SCRIPT, &[file, value]).await.map(drop)
}

/// Writes a small file of root's.
pub(super) async fn keep(
    shell: &impl Shell,
    path: &str,
    text: &str,
    reload: bool,
) -> Result<(), String> {
    let script = without_comments(&[OWNER, include_str!("scripts/keep.sh")]);
    let reload = if reload { "reload" } else { "" };
    quick(shell, &script, &[path, text, reload]).await.map(drop)
}

/// Removes such a file, if it is there.
pub(super) async fn drop_file(shell: &impl Shell, path: &str, reload: bool) -> Result<(), String> {
    let script = without_comments(&[OWNER, include_str!("scripts/drop.sh")]);
    let reload = if reload { "reload" } else { "" };
    quick(shell, &script, &[path, reload]).await.map(drop)
}
