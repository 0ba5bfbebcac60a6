//! `replctl init`: writes an inventory, and a new password beside it. It overwrites nothing. If it
//! fails, it leaves neither file.

mod ask;
mod from;

use crate::cli::Global;
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::inventory::address::{comparable, host_and_port};
use crate::inventory::deployment::is_deployment_name;
use crate::inventory::node::{PORT, is_node_name};
use crate::inventory::parse::parse;
use crate::inventory::place::without_place;
use crate::inventory::template::{self, NewLogin, Sketch};
use crate::operations::command::Local;
use crate::output;
use crate::topology::Address;
use crate::world::secret;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const NAME: &str = "redis";
const DIRECTORY: &str = "/db/redis";

/// Everything `init` has to know.
#[derive(Debug, Clone)]
struct Answers {
    name: String,
    nodes: Vec<(String, Address)>,
    user: Option<String>,
    directory: String,
    password: Password,
}

/// Where the password of a new deployment comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Password {
    /// A new one, into a file beside the inventory.
    New,
    /// An existing file.
    File(String),
    /// No password.
    None,
}

/// Writes the inventory from the nodes given, or by asking.
///
/// # Errors
/// [`Exit::Usage`] for arguments that make no inventory, [`Exit::Refused`] where a file is there
/// already, [`Exit::Failed`] where one cannot be written; nothing is left behind then.
pub fn run(global: &Global, args: &super::args::Init) -> Result<()> {
    if let Some(host) = &args.find.from {
        return from::run(global, args, host);
    }
    if args.output.symlink_metadata().is_ok() {
        return Err(already_there(
            &args.output,
            "write another with `--output FILE`",
        ));
    }
    let answers = if args.nodes.is_empty() {
        if args.yes || !output::can_ask() {
            let what = "no node is given, and there is nobody to ask";
            let hint = "replctl init master=192.168.0.120 slave1=192.168.0.130 slave2=192.168.0.140 --name orders";
            return Err(Problem::new(what).hint(hint).exit(Exit::Usage));
        }
        ask::answers(args)?
    } else {
        given(args)?
    };
    let secret_file = args
        .output
        .with_file_name(format!("{}.password", answers.name));
    let login = match &answers.password {
        Password::New => NewLogin::File(format!("{}.password", answers.name)),
        Password::File(file) => NewLogin::File(file.clone()),
        Password::None => NewLogin::None,
    };
    let text = text(&answers, login, &args.output)?;
    if answers.password == Password::New {
        let password = secret::generate()?;
        write_both(&args.output, &text, &secret_file, &password)?;
    } else {
        create(&args.output, INVENTORY_MODE, text.as_bytes())
            .map_err(|error| cannot_write(&args.output, &error))?;
    }
    output::changed();
    let password = (answers.password == Password::New).then_some(&secret_file);
    let content = Wrote {
        inventory: &args.output,
        password_file: password,
        deployment: &answers.name,
        nodes: answers.nodes.iter().map(|(name, _)| name).collect(),
    };
    output::print(&content, || report(&args.output, password));
    Ok(())
}

/// What was written.
#[derive(Serialize)]
struct Wrote<'a> {
    inventory: &'a Path,
    /// Null where no password was made.
    password_file: Option<&'a PathBuf>,
    deployment: &'a str,
    nodes: Vec<&'a String>,
}

/// The answers from the arguments alone.
fn given(args: &super::args::Init) -> Result<Answers> {
    let mut problems = Vec::new();
    let name = args.name.clone().unwrap_or_else(|| NAME.to_owned());
    if let Err(wrong) = deployment_name(&name) {
        problems.push(
            Problem::new(format!("`--name {name}` {wrong}")).hint("for example, `--name orders`"),
        );
    }
    let mut nodes: Vec<(Option<String>, Address)> = Vec::new();
    for argument in &args.nodes {
        match node(argument).and_then(|node| fits(&nodes, &node).map(|()| node)) {
            Ok(node) => nodes.push(node),
            Err(wrong) => problems.push(
                Problem::new(format!("the node `{argument}` {wrong}"))
                    .hint("write it as [NAME=]ADDRESS[:PORT]"),
            ),
        }
    }
    if !problems.is_empty() {
        return Err(Error {
            problems,
            exit: Exit::Usage,
        });
    }
    Ok(Answers {
        name,
        nodes: named(nodes),
        user: args.user.clone(),
        directory: args
            .directory
            .clone()
            .unwrap_or_else(|| DIRECTORY.to_owned()),
        password: if args.no_password {
            Password::None
        } else {
            Password::New
        },
    })
}

fn deployment_name(name: &str) -> std::result::Result<(), String> {
    if is_deployment_name(name) {
        Ok(())
    } else {
        Err(
            "is no name: it takes a-z, 0-9, `.`, `_` and `-`, and begins with a letter or digit"
                .to_owned(),
        )
    }
}

/// Reads `[NAME=]ADDRESS[:PORT]`. The error is the end of a sentence.
fn node(text: &str) -> std::result::Result<(Option<String>, Address), String> {
    let (name, address) = match text.split_once('=') {
        Some((name, address)) => (Some(name.trim()), address.trim()),
        None => (None, text.trim()),
    };
    if let Some(name) = name.filter(|name| !is_node_name(name)) {
        return Err(format!(
            "has a name that is none: `{name}` (letters, digits, `.`, `_` and `-`; a letter or digit first)"
        ));
    }
    let (host, port) =
        host_and_port(address).map_err(|wrong| format!("has an address that {wrong}"))?;
    Ok((
        name.map(str::to_owned),
        Address::new(host, port.unwrap_or(PORT)),
    ))
}

/// Checks that the node differs from those before it.
fn fits(
    others: &[(Option<String>, Address)],
    node: &(Option<String>, Address),
) -> std::result::Result<(), String> {
    let (name, address) = node;
    if let Some(name) = name
        .as_ref()
        .filter(|name| others.iter().any(|(other, _)| other.as_ref() == Some(name)))
    {
        return Err(format!("has the name of another: `{name}`"));
    }
    let same = |other: &Address| {
        other.port == address.port && comparable(&other.host) == comparable(&address.host)
    };
    if others.iter().any(|(_, other)| same(other)) {
        return Err(format!("has the address of another: {address}"));
    }
    Ok(())
}

/// Gives nodes without a name the names node1, node2, … by their places. Skips names that are
/// taken.
fn named(nodes: Vec<(Option<String>, Address)>) -> Vec<(String, Address)> {
    let mut taken: Vec<String> = nodes.iter().filter_map(|(name, _)| name.clone()).collect();
    let mut number = 0;
    let mut name_for = |index: usize| {
        number = std::cmp::max(number, index) + 1;
        while taken.contains(&format!("node{number}")) {
            number += 1;
        }
        taken.push(format!("node{number}"));
        format!("node{number}")
    };
    nodes
        .into_iter()
        .enumerate()
        .map(|(index, (name, address))| (name.unwrap_or_else(|| name_for(index)), address))
        .collect()
}

/// The inventory's text. The parser reads it once before it is written.
fn text(answers: &Answers, login: NewLogin, output: &Path) -> Result<String> {
    let text = template::text(&Sketch {
        name: answers.name.clone(),
        login,
        user: answers.user.clone(),
        directory: answers.directory.clone(),
        nodes: answers.nodes.clone(),
    });
    checked(&text, output)?;
    Ok(text)
}

/// Checks a text with the parser before it is written.
fn checked(text: &str, output: &Path) -> Result<()> {
    let file = Path::new("new");
    // The file does not exist yet, so lines and columns would not help.
    let problem = |problem: Problem| {
        let why = without_place(file, &problem.what);
        Problem {
            what: format!("cannot write `{}`: {why}", output.display()),
            ..problem
        }
    };
    match parse(file, text) {
        Ok(_) => Ok(()),
        Err(problems) => Err(Error {
            problems: problems.into_iter().map(problem).collect(),
            exit: Exit::Usage,
        }),
    }
}

/// A user who can write the inventory chooses the hosts and the hooks of the next run. So only its
/// owner may write it, whatever the umask is.
const INVENTORY_MODE: u32 = 0o644;

fn write_both(
    inventory: &Path,
    text: &str,
    secret_file: &Path,
    password: &SecretString,
) -> Result<()> {
    let line = Zeroizing::new(format!("{}\n", password.expose_secret()));
    create(secret_file, 0o600, line.as_bytes())
        .map_err(|error| cannot_write(secret_file, &error))?;
    create(inventory, INVENTORY_MODE, text.as_bytes()).map_err(|error| {
        // replctl made this file, and it is of no use without the inventory.
        let _ = std::fs::remove_file(secret_file);
        cannot_write(inventory, &error)
    })
}

/// Writes a file that must not exist yet. If that fails half-way, the file is removed.
fn create(path: &Path, mode: u32, text: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text)
        .and_then(|()| file.sync_all())
        .inspect_err(|_| {
            let _ = std::fs::remove_file(path);
        })
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return already_there(
            path,
            "choose another `--name`, or move the file away if no deployment uses it",
        );
    }
    Problem::new(format!(
        "cannot write `{}`; nothing was written",
        path.display()
    ))
    .cause(error)
    .exit(Exit::Failed)
}

fn already_there(path: &Path, hint: &str) -> Error {
    Problem::new(format!(
        "`{}` is there already and is not overwritten; nothing was written",
        path.display()
    ))
    .hint(hint)
    .because(Reason::Inventory)
    .exit(Exit::Refused)
}

/// What was written, and what to type next.
fn report(inventory: &Path, password: Option<&PathBuf>) -> String {
    let escaped = |path: &Path| output::escape(&path.display().to_string());
    let beside = password.map_or_else(String::new, |password| {
        format!("\nwrote {} (a new password, mode 0600)", escaped(password))
    });
    let wrote = format!("wrote {}{beside}", escaped(inventory));
    let shown = inventory.display().to_string();
    let quoted =
        shlex::try_quote(&shown).map_or_else(|_| shown.clone(), std::borrow::Cow::into_owned);
    let usual =
        inventory == Path::new("inventory.toml") || inventory == Path::new("./inventory.toml");
    let replctl = if usual {
        "replctl".to_owned()
    } else {
        format!("replctl --inventory {}", output::escape(&quoted))
    };
    format!(
        "{wrote}\n\nnext:\n  {replctl} setup --dry-run   # look at the hosts and show the plan\n  {replctl} setup\n  {replctl} status"
    )
}

impl Local for super::args::Init {
    fn run(&self, global: &crate::cli::Global) -> Result<Exit> {
        run(global, self).map(|()| Exit::Done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
