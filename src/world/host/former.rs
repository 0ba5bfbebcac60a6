//! What is done on a host with a server that replctl did not make: what starts it, its end, its
//! start as before, and a copy of its data.

use super::owner::{OWNER, without_comments};
use super::{Shell, script};
use crate::actions::former::{DataCopy, Former, FormerAction, User};
use std::time::Duration;

const LIB: &str = include_str!("scripts/lib.sh");
const BECOME: &str = include_str!("../service/as.sh");
const GONE: &str = include_str!("scripts/former_gone.sh");
const START: &str = include_str!("scripts/former_start.sh");
const COPY: &str = include_str!("scripts/former_copy.sh");

/// systemd reads all units anew.
const RELOAD: Duration = Duration::from_secs(90);

/// The script itself gives up after a minute.
const ENDS: Duration = Duration::from_mins(2);

/// A unit counts as started once its server has loaded its data.
const STARTS: Duration = Duration::from_mins(10);

/// The slowest copy that is waited for: 60 GB at 20 MB/s.
const COPIES: Duration = Duration::from_mins(50);

/// A file below /run is gone at the next boot, whatever becomes of replctl.
const HOLD: &str = r#"d=/run/systemd/system/$1.d
mkdir -p "$d" && printf '# Written by replctl, for the time of `replctl adopt`.\n[Service]\nRestart=no\n' >"$d/replctl-adopt.conf" || exit 1
systemctl daemon-reload"#;

const RELEASE: &str = r#"d=/run/systemd/system/$1.d
[ -e "$d/replctl-adopt.conf" ] || exit 0
rm -f "$d/replctl-adopt.conf"; rmdir "$d" 2>/dev/null
systemctl daemon-reload"#;

const DISABLE: &str = r#"systemctl disable "$1" 2>&1
case $(systemctl is-enabled "$1" 2>/dev/null) in enabled*) echo "$1 is still started at boot" >&2; exit 1 ;; esac"#;

const ENABLE: &str = r#"systemctl enable "$1" 2>&1"#;

/// Does it, and says in a few words what was seen.
pub(super) async fn act(shell: &impl Shell, action: &FormerAction) -> Result<String, String> {
    let units = |text: &'static str, unit: String| async move {
        script(shell, text, &[&unit], Vec::new(), RELOAD)
            .await
            .map(|_| String::new())
    };
    match action {
        FormerAction::Hold { unit } => units(HOLD, unit.clone()).await,
        FormerAction::Release { unit } => units(RELEASE, unit.clone()).await,
        FormerAction::Disable { unit } => units(DISABLE, unit.clone()).await,
        FormerAction::Enable { unit } => units(ENABLE, unit.clone()).await,
        FormerAction::SeeStopped(former) => gone(shell, former).await,
        FormerAction::Start(former) => start(shell, former).await,
        FormerAction::CopyData(copy) => copy_data(shell, copy).await,
    }
}

async fn gone(shell: &impl Shell, former: &Former) -> Result<String, String> {
    let port = former.port.to_string();
    let unit = former.unit.as_deref().unwrap_or_default();
    let text = without_comments(&[LIB, GONE]);
    let args = [port.as_str(), unit, &former.unless];
    let said = script(shell, &text, &args, Vec::new(), ENDS).await?;
    Ok(said.trim().to_owned())
}

async fn start(shell: &impl Shell, former: &Former) -> Result<String, String> {
    let port = former.port.to_string();
    let (uid, gid, groups) = numbers(&former.user);
    let unit = former.unit.as_deref().unwrap_or_default();
    let mut args = vec![
        port.as_str(),
        unit,
        &former.unless,
        &uid,
        &gid,
        &groups,
        &former.folder,
        &former.program,
    ];
    args.extend(former.arguments.iter().map(String::as_str));
    let text = without_comments(&[LIB, OWNER, BECOME, START]);
    let said = script(shell, &text, &args, Vec::new(), STARTS).await?;
    Ok(said.trim().to_owned())
}

async fn copy_data(shell: &impl Shell, copy: &DataCopy) -> Result<String, String> {
    let (uid, gid, groups) = numbers(&copy.reader);
    let args = [
        uid.as_str(),
        &gid,
        &groups,
        &copy.owner,
        &copy.from,
        &copy.to,
        &copy.dump.0,
        &copy.dump.1,
        copy.appended.as_deref().unwrap_or_default(),
    ];
    let text = without_comments(&[OWNER, BECOME, COPY]);
    let said = script(shell, &text, &args, Vec::new(), COPIES).await?;
    Ok(said.trim().to_owned())
}

/// As the scripts take them.
fn numbers(user: &User) -> (String, String, String) {
    let groups: Vec<String> = user.groups.iter().map(u32::to_string).collect();
    (user.uid.to_string(), user.gid.to_string(), groups.join(","))
}
