//! What `check --fix` does on a host: the kernel's settings, and the files that keep them.

use super::Shell;
use super::files::quick;
use super::owner::{OWNER, without_comments};
use crate::actions::host::HostAction;

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
        let script = without_comments(&[OWNER, include_str!("scripts/keep.sh")]);
        let reload = if *reload { "reload" } else { "" };
        let back = if *back { "back" } else { "" };
        quick(shell, &script, &[path, text, reload, back]).await?;
    }
    if let HostAction::DropFile { path, reload } = action {
        let script = without_comments(&[OWNER, include_str!("scripts/drop.sh")]);
        let reload = if *reload { "reload" } else { "" };
        quick(shell, &script, &[path, reload]).await?;
    }
    Ok(())
}
