//! Acts on a host on a server that replctl did not make: what starts it, its end, its start as
//! before, and a copy of its data.

use super::owner::{OWNER, SOCKETS, without_comments};
use super::{Shell, script};
use crate::actions::former::{DataCopy, Former, FormerAction, Link, User};
use crate::actions::host::Launch;
use std::time::Duration;

const LIB: &str = include_str!("scripts/lib.sh");
const BECOME: &str = include_str!("../service/as.sh");
const GONE: &str = include_str!("scripts/former_gone.sh");
const START: &str = include_str!("scripts/former_start.sh");
const STOP_OWN: &str = include_str!("scripts/former_stop.sh");
const COPY: &str = include_str!("scripts/former_copy.sh");
const SAME: &str = include_str!("scripts/former_same.sh");
const DISABLE: &str = include_str!("scripts/former_disable.sh");

/// How long systemd may take to read all units again.
const RELOAD: Duration = Duration::from_secs(90);

/// Longer than the script, which gives up after a minute.
const ENDS: Duration = Duration::from_mins(2);

/// A unit counts as started when its server has loaded its data.
const STARTS: Duration = Duration::from_mins(10);

/// How long a copy may take at least. In addition, the time for its data at 20 MB/s, three times.
const COPIES: Duration = Duration::from_mins(10);
const BYTES_EACH_SECOND: u64 = 20_000_000 / 3;

/// The next boot removes a file below /run, whatever happens to replctl. If several files set the
/// same option, the file with the last name counts.
const HOLD: &str = r#"d=/run/systemd/system/$1.d
mkdir -p "$d" && printf '# Written by replctl, for the time of `replctl adopt`.\n[Service]\nRestart=no\n' >"$d/zzzz-replctl-adopt.conf" || exit 1
systemctl daemon-reload || exit 1
is=$(systemctl show -p Restart -- "$1")
[ "$is" = Restart=no ] || { echo "systemd still has $is for $1" >&2; exit 1; }"#;

const RELEASE: &str = r#"d=/run/systemd/system/$1.d
[ -e "$d/zzzz-replctl-adopt.conf" ] || exit 0
rm -f "$d/zzzz-replctl-adopt.conf"; rmdir "$d" 2>/dev/null
systemctl daemon-reload"#;

/// Restores the same links.
const ENABLE: &str = r#"shift
while [ $# -gt 1 ]; do
  if [ ! -L "$1" ]; then mkdir -p "${1%/*}" && ln -s "$2" "$1" || exit 1; fi
  [ "$(readlink "$1")" = "$2" ] || { echo "$1 has another target" >&2; exit 1; }
  shift 2
done
systemctl daemon-reload"#;

/// Performs the action. Returns a short description of the result.
pub(super) async fn act(shell: &impl Shell, action: &FormerAction) -> Result<String, String> {
    let units = |text: &'static str, unit: String| async move {
        script(shell, text, &[&unit], Vec::new(), RELOAD)
            .await
            .map(|_| String::new())
    };
    match action {
        FormerAction::Hold { unit } => units(HOLD, unit.clone()).await,
        FormerAction::Release { unit } => units(RELEASE, unit.clone()).await,
        FormerAction::Disable { unit, links } => {
            at_boot(shell, &without_comments(&[DISABLE]), unit, links).await
        }
        FormerAction::Enable { unit, links } => at_boot(shell, ENABLE, unit, links).await,
        FormerAction::SeeStopped(former) => gone(shell, former).await,
        FormerAction::Start(former) => start(shell, former).await,
        FormerAction::StopOwn { launch, fenced } => stop_own(shell, launch, *fenced, None).await,
        FormerAction::CopyData(copy) => copy_data(shell, copy, None).await,
        FormerAction::SeeCopied(copy) => see_copied(shell, copy).await,
    }
}

async fn at_boot(
    shell: &impl Shell,
    text: &str,
    unit: &str,
    links: &[Link],
) -> Result<String, String> {
    let pairs = links.iter().flat_map(|link| [&*link.path, &*link.target]);
    let args: Vec<&str> = std::iter::once(unit).chain(pairs).collect();
    let done = script(shell, text, &args, Vec::new(), RELOAD).await;
    done.map(|said| said.trim().to_owned())
}

/// The process that works in the node's own directory, if one does. It changes nothing.
pub async fn own_process(shell: &impl Shell, launch: &Launch) -> Result<Option<u32>, String> {
    let said = on_own(shell, launch, "", "look").await?;
    match said.strip_prefix("process ").map(str::parse) {
        Some(Ok(pid)) => Ok(Some(pid)),
        None if said == "no process" => Ok(None),
        Some(Err(_)) | None => Err("what works in its directory is not known".to_owned()),
    }
}

/// Stops the node's own server, and no other server on its port. `confirmed`: the process that has
/// said that it may be stopped.
pub async fn stop_own(
    shell: &impl Shell,
    launch: &Launch,
    fenced: bool,
    confirmed: Option<u32>,
) -> Result<String, String> {
    let role = if fenced { "fenced" } else { "replica" };
    let confirmed = confirmed.map_or_else(String::new, |pid| pid.to_string());
    on_own(shell, launch, role, &confirmed).await
}

async fn on_own(
    shell: &impl Shell,
    launch: &Launch,
    role: &str,
    confirmed: &str,
) -> Result<String, String> {
    let args = [
        &*launch.unit,
        &*launch.port.to_string(),
        &*launch.data,
        &*launch.config,
        role,
        confirmed,
        &*launch.log_file,
        &*launch.user,
    ];
    let text = without_comments(&[OWNER, SOCKETS, LIB, STOP_OWN]);
    let done = script(shell, &text, &args, Vec::new(), ENDS).await;
    done.map(|seen| seen.trim().to_owned())
}

async fn gone(shell: &impl Shell, former: &Former) -> Result<String, String> {
    let port = former.port.to_string();
    let unit = former.unit.as_deref().unwrap_or_default();
    let text = without_comments(&[OWNER, SOCKETS, LIB, GONE]);
    let args = [port.as_str(), unit, &former.unless];
    let said = script(shell, &text, &args, Vec::new(), ENDS).await?;
    Ok(said.trim().to_owned())
}

async fn start(shell: &impl Shell, former: &Former) -> Result<String, String> {
    let port = former.port.to_string();
    let (uid, gid, groups) = numbers(&former.user);
    let unit = former.unit.as_deref().unwrap_or_default();
    let limits = former.open_files;
    let limits = limits.map_or_else(String::new, |(soft, hard)| format!("{soft} {hard}"));
    let mut args = vec![
        port.as_str(),
        unit,
        &former.unless,
        &limits,
        &uid,
        &gid,
        &groups,
        &former.folder,
        &former.program,
    ];
    args.extend(former.arguments.iter().map(String::as_str));
    let text = without_comments(&[OWNER, SOCKETS, LIB, BECOME, START]);
    let said = script(shell, &text, &args, Vec::new(), STARTS).await?;
    Ok(said.trim().to_owned())
}

/// Copies its data. `since`: the snapshot must not be older, seconds since 1970.
pub async fn copy_data(
    shell: &impl Shell,
    copy: &DataCopy,
    since: Option<u64>,
) -> Result<String, String> {
    let (uid, gid, groups) = numbers(&copy.reader);
    let since = since.map_or_else(String::new, |since| since.to_string());
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
        &since,
    ];
    let text = without_comments(&[OWNER, BECOME, COPY]);
    let bytes = copy.bytes.unwrap_or(0);
    let within = COPIES.saturating_add(Duration::from_secs(bytes / BYTES_EACH_SECOND));
    let said = script(shell, &text, &args, Vec::new(), within).await?;
    Ok(said.trim().to_owned())
}

async fn see_copied(shell: &impl Shell, copy: &DataCopy) -> Result<String, String> {
    let args = [
        copy.from.as_str(),
        &copy.to,
        &copy.dump.0,
        &copy.dump.1,
        copy.appended.as_deref().unwrap_or_default(),
    ];
    let text = without_comments(&[OWNER, SAME]);
    let said = script(shell, &text, &args, Vec::new(), RELOAD).await?;
    Ok(said.trim().to_owned())
}

/// User, group and groups in the form that the scripts read.
fn numbers(user: &User) -> (String, String, String) {
    let groups: Vec<String> = user.groups.iter().map(u32::to_string).collect();
    (user.uid.to_string(), user.gid.to_string(), groups.join(","))
}
