//! What `check --fix` does on a host: the kernel's settings, and the files that keep them.

use super::files::{QUICK, RELOAD, quick};
use super::owner::{OWNER, without_comments};
use super::{Shell, script};
use crate::actions::host::HostAction;
use std::time::Duration;

/// Does one of these actions.
pub(super) async fn act(shell: &impl Shell, action: &HostAction) -> Result<(), String> {
    if let HostAction::SetKernel { file, value } = action {
        const SCRIPT: &str = include_str!("scripts/kernel.sh");
        quick(shell, SCRIPT, &[file, value]).await?;
    }
    if let HostAction::KeepFile {
        path,
        text,
        reload,
        back,
    } = action
    {
        let (word, limit) = reloading(*reload);
        let written = back.as_deref().unwrap_or_default();
        let keep = without_comments(&[OWNER, include_str!("scripts/keep.sh")]);
        let words: [&str; 4] = [path, text, word, written];
        script(shell, &keep, &words, Vec::new(), limit).await?;
    }
    if let HostAction::DropFile { path, text, reload } = action {
        let (word, limit) = reloading(*reload);
        let drop = without_comments(&[OWNER, include_str!("scripts/drop.sh")]);
        script(shell, &drop, &[path, word, text], Vec::new(), limit).await?;
    }
    Ok(())
}

/// The script's word for it, and how long the script may take.
fn reloading(reload: bool) -> (&'static str, Duration) {
    if reload {
        ("reload", RELOAD)
    } else {
        ("", QUICK)
    }
}
