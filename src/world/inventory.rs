//! Finds and reads the inventory file, and asks the resolver for the names in it.

mod file;

pub use file::{replaceable, rewrite, see, write};

use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::inventory::address::is_literal;
use crate::inventory::parse::parse;
use crate::inventory::{Auth, Inventory, NodeSpec, SecretSource, Tls, Via};
use crate::{cli, output};
use etcetera::BaseStrategy;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No inventory is larger: a thousand nodes take a hundred kilobytes.
const LARGEST: u64 = 16 << 20;
/// How long one name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(3);
const FILE: &str = "inventory.toml";

/// The inventory of this run: `--inventory` or `$REPLCTL_INVENTORY`, `./inventory.toml`, or
/// `replctl/inventory.toml` in the configuration folder. File names in it come back absolute.
/// Warnings go to stderr.
///
/// # Errors
/// [`Exit::Usage`] with everything that is wrong with the file, or with where it was looked for.
pub fn load(global: &cli::Global) -> Result<Inventory> {
    let inventory = open(&find(global.inventory.as_deref())?)?;
    warn(&inventory);
    Ok(inventory)
}

/// Warns of what is allowed in it and still not wise.
pub fn warn(inventory: &Inventory) {
    for warning in inventory.warnings() {
        output::warning(&Problem::new(warning));
    }
}

/// Where the inventory is. `given` is what the command line or the environment names.
///
/// # Errors
/// [`Exit::Usage`] where nothing is named and there is none in the usual places.
pub fn find(given: Option<&Path>) -> Result<PathBuf> {
    // An empty variable in the environment is an unset one.
    if let Some(given) = given.filter(|path| !path.as_os_str().is_empty()) {
        return Ok(given.to_owned());
    }
    let folder = etcetera::choose_base_strategy()
        .ok()
        .map(|strategy| strategy.config_dir().join("replctl"));
    let places: Vec<PathBuf> = [
        Some(PathBuf::from(FILE)),
        folder.map(|folder| folder.join(FILE)),
    ]
    .into_iter()
    .flatten()
    .collect();
    // A file that exists and cannot be read is reported, not skipped.
    if let Some(found) = places.iter().find(|place| !matches!(place.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound)) {
        return Ok(found.clone());
    }
    let looked: Vec<String> = places
        .iter()
        .map(|place| format!("`{}`", in_words(place)))
        .collect();
    let what = format!(
        "there is no inventory: {} {} not there",
        looked.join(" and "),
        if looked.len() == 1 { "is" } else { "are" }
    );
    Err(Problem::new(what).hint("write one with `replctl init`, or name one with `--inventory FILE` or $REPLCTL_INVENTORY").because(Reason::Inventory).exit(Exit::Usage))
}

/// Reads one inventory file, without any warning.
///
/// # Errors
/// [`Exit::Usage`] with everything that is wrong with it.
pub fn open(path: &Path) -> Result<Inventory> {
    of_text(path, &text(path)?)
}

/// The text of an inventory file.
///
/// # Errors
/// [`Exit::Usage`]: it cannot be read, or is no text.
pub fn text(path: &Path) -> Result<String> {
    read(path).map_err(|problem| problem.because(Reason::Inventory).exit(Exit::Usage))
}

/// The inventory in the file `path`, if the file has this text.
///
/// # Errors
/// As [`open`].
pub fn of_text(path: &Path, text: &str) -> Result<Inventory> {
    let wrong = |problems| {
        let exit = Exit::Usage;
        Error { problems, exit }.because(Reason::Inventory)
    };
    let mut inventory = parse(path, text).map_err(wrong)?;
    anchor(&mut inventory, path).map_err(|error| wrong(vec![unreadable(path, &error)]))?;
    Ok(inventory)
}

fn read(path: &Path) -> std::result::Result<String, Problem> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Problem::new(format!(
            "cannot read the inventory `{}`: it is larger than 16 MiB",
            path.display()
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Problem::new(format!(
            "{}:{line}:{column}: this is not UTF-8 text",
            path.display()
        ))
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let problem =
        Problem::new(format!("cannot read the inventory `{}`", path.display())).cause(error);
    if error.kind() == io::ErrorKind::NotFound {
        problem.hint(format!(
            "write it with `replctl init --output {}`",
            quoted(path)
        ))
    } else {
        problem
    }
}

/// The path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned)
}

/// `./inventory.toml` rather than a bare name: it is a file in the current folder.
fn in_words(place: &Path) -> String {
    if place.is_absolute() {
        place.display().to_string()
    } else {
        format!("./{}", place.display())
    }
}

/// Makes file names absolute: `~/` is the home folder, others begin at the inventory's folder.
fn anchor(inventory: &mut Inventory, path: &Path) -> io::Result<()> {
    inventory.path = std::path::absolute(path)?;
    let folder = inventory.path.parent().unwrap_or(Path::new("/")).to_owned();
    let home = etcetera::home_dir().ok();
    let place = |file: &mut PathBuf| {
        let from_home = file
            .strip_prefix("~")
            .ok()
            .and_then(|rest| Some(home.as_ref()?.join(rest)));
        *file = from_home.unwrap_or_else(|| folder.join(&file));
    };
    let sentinels = inventory.sentinel.as_mut();
    let secrets = [
        match &mut inventory.auth {
            Auth::Password(source) => Some(source),
            Auth::None => None,
        },
        inventory.accounts.masterauth.as_mut(),
        sentinels.and_then(|s| s.password.as_mut()),
    ];
    for source in secrets.into_iter().flatten() {
        if let SecretSource::File(file) = source {
            place(file);
        }
    }
    let (mut apart, mut named): (Option<&mut Tls>, &mut [NodeSpec]) = (None, &mut []);
    if let Some(settings) = &mut inventory.sentinel {
        (apart, named) = (settings.tls.as_mut(), &mut settings.nodes);
    }
    for tls in inventory.tls.iter_mut().chain(apart) {
        tls.files_mut().for_each(place);
    }
    inventory
        .server
        .source
        .file_mut()
        .into_iter()
        .for_each(place);
    for node in inventory.nodes.iter_mut().chain(named) {
        node.ssh
            .identity_files
            .iter_mut()
            .chain(&mut node.ssh.known_hosts)
            .for_each(place);
        node.ssh.spare_sudo(rustix::process::geteuid().is_root());
        if let Some(tls) = &mut node.tls {
            tls.files_mut().for_each(place);
        }
    }
    Ok(())
}

/// The nodes whose address is a name that resolves to nothing here, in inventory order; all are
/// asked at once, each for 3 seconds at most.
///
/// Two kinds of nodes are left out, because their hosts know the names: nodes that are reached
/// through SSH, and nodes whose host has another address for SSH. A silent resolver keeps a thread
/// of the blocking pool busy past the deadline; the thread ends by itself.
pub async fn check_names(inventory: &Inventory) -> Vec<Problem> {
    let asked = |node: &NodeSpec| node.via == Via::Ssh || node.ssh.host.is_some();
    let named = |node: &&NodeSpec| !asked(node) && !is_literal(&node.address.host);
    let nodes: Vec<&NodeSpec> = inventory.nodes.iter().filter(named).collect();
    let hosts: BTreeMap<&str, u16> = nodes
        .iter()
        .map(|node| (node.address.host.as_str(), node.address.port))
        .collect();
    let answers = hosts
        .into_iter()
        .map(|(host, port)| async move { (host, resolve(host, port).await) });
    let answers: BTreeMap<&str, std::result::Result<(), String>> =
        join_all(answers).await.into_iter().collect();
    let problem = |node: &NodeSpec| {
        let host = node.address.host.as_str();
        let why = answers.get(host)?.as_ref().err()?;
        let (line, column) = node.line;
        let what = format!(
            "{}:{line}:{column}: `address` of node `{}` resolves to nothing: `{host}`",
            inventory.path.display(),
            node.name
        );
        let hint = format!(
            "see what `getent hosts {host}` says, write the IP address, or add `via = \"ssh\"` if only its host knows the name"
        );
        Some(Problem::new(what).cause(why).hint(hint))
    };
    nodes.into_iter().filter_map(problem).collect()
}

/// Whether a name resolves to anything; if not, why.
async fn resolve(host: &str, port: u16) -> std::result::Result<(), String> {
    let name = (host.to_owned(), port);
    let lookup = tokio::spawn(async move {
        tokio::net::lookup_host(name)
            .await
            .map(|mut found| found.next().is_some())
    });
    match tokio::time::timeout(RESOLVE, lookup).await {
        Ok(Ok(Ok(true))) => Ok(()),
        Ok(Ok(Ok(false))) => Err("the name has no address".to_owned()),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "the resolver gave no answer within {} seconds",
            RESOLVE.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests;
