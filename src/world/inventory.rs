//! Finds and reads the inventory file, and asks the resolver for the names in it.

mod file;

pub use file::{rewrite, write};

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

/// Says what is allowed in it and still not wise.
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
    // A file that is there and cannot be read is told as such, not passed over.
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

/// The inventory that stands in the file `path` if that has this text.
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
    let source = &mut inventory.server.source;
    source.file_mut().into_iter().for_each(place);
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
/// Nodes that are looked at through SSH are left out, and those whose host has another address for
/// SSH: their hosts know their names. A resolver that does not answer keeps a thread of the
/// blocking pool busy past the deadline; it ends by itself.
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::inventory::ServerSource;
    use std::fs;
    use std::time::Instant;

    fn written(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.toml");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn file_names_are_meant_from_the_inventorys_folder() {
        let (folder, path) = written(
            b"[deployment]\nname = \"x\"\npassword.file = \"pw\"\n[server]\nsource = \"binary\"\nfile = \"bin/r\"\n\
              [ssh]\nidentity_file = [\"k\", \"~/.ssh/k\", \"/k\"]\nknown_hosts = \"../kh\"\n[[node]]\nname = \"a\"\naddress = \"db1\"\n\
              [sentinel]\nnodes = [\"a\", \"db9\"]\npassword.file = \"~/s\"\n\
              [tls]\nca = \"ca\"\ncert = \"~/c\"\nkey = \"k\"\n",
        );
        let inventory = open(&path).unwrap();
        let here = folder.path();
        assert!(
            matches!(&inventory.auth, Auth::Password(SecretSource::File(file)) if *file == here.join("pw"))
        );
        assert_eq!(
            inventory.server.source,
            ServerSource::Binary(here.join("bin/r"))
        );
        let home = etcetera::home_dir().unwrap();
        assert_eq!(
            inventory.nodes[0].ssh.identity_files,
            [here.join("k"), home.join(".ssh/k"), PathBuf::from("/k")]
        );
        assert_eq!(inventory.nodes[0].ssh.known_hosts, Some(here.join("../kh")));
        for sentinel in inventory.sentinels() {
            assert_eq!(
                sentinel.ssh.identity_files,
                inventory.nodes[0].ssh.identity_files
            );
        }
        let of_sentinels = inventory.sentinel.as_ref().unwrap().password.clone();
        assert!(matches!(of_sentinels, Some(SecretSource::File(file)) if file == home.join("s")));
        assert_eq!(inventory.path, path);
        let mut tls = inventory.tls.clone().unwrap();
        let files: Vec<PathBuf> = tls.files_mut().map(|file| file.clone()).collect();
        assert_eq!(files, [here.join("ca"), home.join("c"), here.join("k")]);
        let others = inventory.nodes[0].tls.as_ref().into_iter();
        let others = others.chain(inventory.tls_of_sentinels());
        assert_eq!(others.filter(|other| **other == tls).count(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_systems_words() {
        let (folder, path) = written(b"[deployment]\nname = \"\xff\"\n");
        let error = open(&path).unwrap_err();
        assert_eq!(
            (error.exit, error.to_string()),
            (
                Exit::Usage,
                format!("error: {}:2:9: this is not UTF-8 text", path.display())
            )
        );
        let missing = folder.path().join("no such.toml");
        assert_eq!(
            open(&missing).unwrap_err().to_string(),
            format!(
                "error: cannot read the inventory `{0}`\ncaused by: No such file or directory (os error 2)\n hint: write it with `replctl init --output '{0}'`",
                missing.display()
            )
        );
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("caused by: Is a directory"), "{error}");
    }

    #[test]
    fn all_problems_come_at_once() {
        let (_folder, path) = written(b"[deployment]\nnam = \"x\"\n[[node]]\nname = \"a\"\n");
        assert_eq!(open(&path).unwrap_err().problems.len(), 3);
    }

    #[test]
    fn what_is_given_comes_first_and_nothing_given_is_nothing() {
        assert_eq!(
            find(Some(Path::new("x.toml"))).unwrap(),
            Path::new("x.toml")
        );
        let given = find(Some(Path::new("")));
        assert_eq!(given, find(None));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_that_resolve_to_nothing_are_told_with_their_line() {
        let (_folder, path) = written(
            b"[deployment]\nname = \"x\"\nauth = \"none\"\n\
              [[node]]\nname = \"a\"\naddress = \"localhost\"\n\
              [[node]]\nname = \"b\"\naddress = \"no-such-host.invalid\"\nreplicaof = \"a\"\n\
              [[node]]\nname = \"c\"\naddress = \"192.0.2.1\"\nreplicaof = \"a\"\n\
              [[node]]\nname = \"d\"\naddress = \"other.invalid\"\nreplicaof = \"a\"\nvia = \"ssh\"\n\
              [[node]]\nname = \"e\"\naddress = \"no-such-host.invalid:7000\"\nreplicaof = \"a\"\n",
        );
        let inventory = open(&path).unwrap();
        let started = Instant::now();
        let problems = check_names(&inventory).await;
        assert!(started.elapsed() < RESOLVE + Duration::from_secs(2));
        let told: Vec<&str> = problems
            .iter()
            .map(|problem| problem.what.as_str())
            .collect();
        let at = |line: u32, node: &str| {
            format!(
                "{}:{line}:11: `address` of node `{node}` resolves to nothing: `no-such-host.invalid`",
                path.display()
            )
        };
        assert_eq!(told, [at(9, "b"), at(22, "e")]);
        assert!(
            problems
                .iter()
                .all(|problem| problem.causes.len() == 1 && problem.hint.is_some())
        );
    }
}
