//! Server programs on a host: uploaded, the distribution's, or built there. Versions lie side by
//! side.

use super::files::quick;
use super::owner::{behind_roots_alone, roots_alone, without_comments};
use super::{Progress, Shell, UploadOptions, quoted, script_alone};
use crate::actions::host::PayloadInfo;
use crate::world::server_source::whole;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PLACE: &str = include_str!("scripts/place.sh");
const PUT: &str = include_str!("scripts/put.sh");
const PACKAGE: &str = include_str!("scripts/package.sh");
const BUILD: &str = include_str!("scripts/build.sh");

/// A package manager that has to fetch its lists.
const INSTALL: Duration = Duration::from_mins(10);

/// `make` of a server on a slow host.
const MAKE: Duration = Duration::from_mins(20);

/// Tarballs so far: nodes of one host bring them side by side.
static UPLOADS: AtomicU32 = AtomicU32::new(0);

/// The files of one server, by name; `redis-server` is among them.
pub type ServerFiles = Vec<(String, Arc<Vec<u8>>)>;

/// Uploads a server into its own directory, sees that it arrived whole and that it runs there.
pub(super) async fn put(
    shell: &impl Shell,
    server: &PayloadInfo,
    mut files: ServerFiles,
    into: &str,
    progress: &(dyn Fn() -> Progress + Sync),
) -> Result<String, String> {
    for (name, data) in &files {
        if name == "redis-server" && hex_sha256(data) != server.sha256 {
            return Err("the server at hand is not the one of the plan".to_owned());
        }
    }
    let place = behind_roots_alone(PLACE);
    quick(shell, &place, &[into]).await?;
    // The server comes first, and so last into its place: with it, all of it is there.
    files.sort_by_key(|(name, _)| name != "redis-server");
    let files = files.into_iter();
    let files = files.map(|(name, data)| (format!("{into}/{name}"), data));
    let options = UploadOptions {
        // Another node of the same host may have brought it meanwhile.
        unless_there: true,
        after: format!("set --{}\n{}", quoted(&[into]), without_comments(&[PUT])),
    };
    let (report, most) = (progress(), server.bytes);
    let progress: Progress = Box::new(move |bytes| report(bytes.min(most)));
    let said = shell
        .upload_files(files.collect(), 0o755, shell.can_root(), progress, options)
        .await?;
    Ok(said.trim().to_owned())
}

/// Ends a script where another node lies beside the one whose data directory is `$own`: the link is
/// that node's too. A node with a link of its own does not count.
const UNLESS_SHARED: &str = r#"for c in "${own%/*}"/*/conf; do
  n=${c%/conf}; n=${n##*/}
  if [ -d "$c" ] && [ "$c" != "$own/conf" ] && [ ! -L "${own%/*}/server/current-$n" ]; then exit 0; fi
done
"#;

/// Removes a link to a server: the node's own, or that of all, unless other nodes start by it.
pub(super) async fn unlink(shell: &impl Shell, link: &str, node: &str) -> Result<(), String> {
    roots_alone(shell, folder_of(link)).await?;
    let text = format!(
        r#"own=$2; if [ "${{1##*/}}" = current ]; then :; {UNLESS_SHARED}fi; if [ -L "$1" ]; then rm -f "$1"; fi"#
    );
    quick(shell, &text, &[link, node]).await.map(drop)
}

/// Removes an uploaded (or linked) server, unless a link of some node points at it, or may soon.
pub(super) async fn remove(
    shell: &impl Shell,
    path: &str,
    unless: &str,
    node: &str,
) -> Result<(), String> {
    const REMOVE: &str = r#"for l in "$2" "${1%/*}/current" "${1%/*}"/current-*; do
  [ "$(readlink "$l" 2>/dev/null)" != "${1##*/}" ] || exit 0
done
# The second: what is left of an upload that was cut off.
for f in redis-server redis-cli redis-sentinel redis-check-rdb redis-check-aof; do rm -f "$1/$f" "$1/.$f".*; done
if [ -d "$1" ]; then rmdir "$1"; fi"#;
    roots_alone(shell, folder_of(path)).await?;
    let text = format!("own=$3; {UNLESS_SHARED}{REMOVE}");
    quick(shell, &text, &[path, unless, node]).await.map(drop)
}

/// Points the stable link at `target`, in one step: there is no moment without it.
pub(super) async fn link(shell: &impl Shell, link: &str, target: &str) -> Result<(), String> {
    const LINK: &str = r#"if [ -e "$1.replctl-new" ] || [ -L "$1.replctl-new" ]; then rm -f "$1.replctl-new"; fi
ln -sn "$2" "$1.replctl-new" || exit 1
# `mv -T` is not everywhere; without it a link to a directory would be moved into that directory.
mv -fT "$1.replctl-new" "$1" 2>/dev/null || { ln -sfn "$2" "$1" && rm -f "$1.replctl-new"; }"#;
    let text = format!(
        "link=$1; set -- \"${{1%/*}}\" \"$2\"\n{}",
        behind_roots_alone(&format!("set -- \"$link\" \"$2\"\n{LINK}"))
    );
    quick(shell, &text, &[link, target]).await.map(drop)
}

/// Installs the distribution's server where there is none, and links to it.
pub(super) async fn package(
    shell: &impl Shell,
    name: Option<&str>,
    into: &str,
) -> Result<String, String> {
    roots_alone(shell, into).await?;
    let args = [into, name.unwrap_or_default()];
    let said = script_alone(shell, PACKAGE, &args, INSTALL).await?;
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

/// Uploads a tarball and builds it on the host.
pub(super) async fn build(
    shell: &impl Shell,
    tarball: Vec<u8>,
    file: &str,
    sha256: &str,
    directory: &str,
    into: &str,
    progress: Progress,
) -> Result<String, String> {
    whole(&tarball, file, sha256)?;
    roots_alone(shell, into).await?;
    let ending = [".tar", ".tar.xz", ".txz", ".tar.bz2"]
        .into_iter()
        .find(|e| file.ends_with(e))
        .map_or(".tar.gz", |e| if e == ".txz" { ".tar.xz" } else { e });
    let short = sha256.get(..12).unwrap_or(sha256);
    let n = UPLOADS.fetch_add(1, Ordering::Relaxed);
    let there = format!("{directory}/.replctl-{short}-{n}{ending}");
    shell
        .upload(Arc::new(tarball), &there, 0o600, shell.can_root(), progress)
        .await?;
    let args = [there.as_str(), sha256, directory, into];
    let said = script_alone(shell, BUILD, &args, MAKE).await?;
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder,
        Some(_) | None => "/",
    }
}

pub(in crate::world) fn hex_sha256(data: &[u8]) -> String {
    Sha256::digest(data)
        .iter()
        .fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}
