//! `replctl init --from`: finds a deployment from one of its servers, or from a Sentinel, and
//! writes its inventory. It changes nothing on servers and hosts.

mod finder;
mod settings;
mod target;

use super::{NAME, checked};
use crate::cli::Global;
use crate::error::{Exit, Problem, Result};
use crate::inventory::address::host_and_port;
use crate::inventory::deployment::is_deployment_name;
use crate::inventory::found::{self, Access, FoundServer};
use crate::inventory::node::PORT;
use crate::operations::init::args::Init;
use crate::operations::init::plan::describe::{Facts, directory, found, replication_user};
use crate::operations::init::plan::sentinel;
use crate::operations::init::report::{Report, render};
use crate::output;
use crate::output::table::Options;
use crate::topology::{Address, Topology};
use finder::{Finder, SearchResult};
use target::Target;

/// Finds the deployment and writes it down.
///
/// # Errors
/// [`Exit::Usage`] for arguments that make no inventory, [`Exit::Refused`] where a file is there
/// already or the server wants something that was not given, [`Exit::Failed`] where the first
/// address cannot be read; nothing is written then.
pub fn run(global: &Global, args: &Init, from: &str) -> Result<()> {
    let start = start(from)?;
    let target = Target::of(global, args)?;
    let mut access = settings::access(args, &target.folder()?)?;
    settings::complete(&mut access, args)?;
    crate::operations::with_threads(async {
        let finder = Finder::new(global, args, &target, access);
        let seen = finder.find(&start).await?;
        tell(args, &target, &start, &seen)
    })
}

/// The first address.
fn start(from: &str) -> Result<Address> {
    match host_and_port(from) {
        Ok((host, port)) => Ok(Address::new(host, port.unwrap_or(PORT))),
        Err(why) => Err(Problem::new(format!("`--from {}` {why}", output::escape(from)))
            .hint("for example: --from 192.168.0.120, --from db1.example.org:6380, --from [2001:db8::7]:26379; the SSH user goes into --user")
            .exit(Exit::Usage)),
    }
}

/// Writes what was found, and prints the report.
fn tell(args: &Init, target: &Target, start: &Address, seen: &SearchResult) -> Result<()> {
    let root = target.root();
    let nodes = found(&Facts {
        walk: &seen.walk,
        topology: &seen.topology,
        hosts: &seen.hosts,
        watch: seen.watch.as_ref(),
        root: root.as_deref(),
    });
    let new = nodes.iter().filter(|node| !node.given);
    let new: Vec<FoundServer> = new.map(|node| node.entry.clone()).collect();
    let access = access(args, seen);
    let text = match target {
        Target::New(_) | Target::Stdout => {
            let text = found::text(&head(start, &seen.walk.odd), &access, &new);
            checked(&text, target.path())?;
            text
        }
        Target::Merge { path, text, .. } => {
            let text = target::merged(text, &new)?;
            checked(&text, path)?;
            text
        }
    };
    let there = target.inventory().map(|there| there.name.as_str());
    let report = Report {
        inventory: target.written(),
        deployment: there.unwrap_or(&access.name),
        from: &start.to_string(),
        merged: there.is_some(),
        sentinel: seen.watch.as_ref(),
        nodes: &nodes,
        odd: &seen.walk.odd,
    };
    let written = target.write(&text)?;
    if matches!(target, Target::Stdout) {
        output::note(&render(&report, Options::of_stdout()));
        output::result(text.trim_end());
        return Ok(());
    }
    if written {
        output::changed();
    }
    output::print(&report.document(), || render(&report, Options::of_stdout()));
    Ok(())
}

/// All that the inventory says beside its nodes.
fn access(args: &Init, seen: &SearchResult) -> Access {
    let mut access = seen.access.clone();
    let login = settings::sentinel_login(&access);
    let (watch, start) = (seen.watch.as_ref(), seen.sentinel.as_ref());
    access.sentinel = sentinel::section(watch, start, &login);
    // The operator's name for the deployment wins over that of the Sentinels.
    let told = access
        .sentinel
        .as_ref()
        .map(|s| s.name.to_ascii_lowercase());
    let told = told.filter(|name| is_deployment_name(name));
    let name = args.name.clone().or(told);
    access.name = name.unwrap_or_else(|| NAME.to_owned());
    access.directory = directory(&seen.topology);
    users(&mut access, &seen.topology);
    access
}

/// The user that replicas log in as, if it is known.
fn users(access: &mut Access, topology: &Topology) {
    let Some(user) = replication_user(topology) else {
        return;
    };
    if access.login.as_ref() == Some(&user) {
        access.masteruser = Some(user);
        return;
    }
    let key = format!("masteruser = {}", toml::Value::from(user));
    access.notes.extend([
        format!("{key}   (the servers say so; a key only with the next one)"),
        "masterauth = { file = \"…\" }   (that user's password)".to_owned(),
    ]);
}

/// The comments at the top of the file.
fn head(start: &Address, odd: &[String]) -> Vec<String> {
    let today = jiff::Zoned::now().date();
    let mut head = vec![
        format!("What `replctl init --from {start}` found on {today}. It changed nothing on servers and hosts."),
        "`replctl status` shows how it is now. `replicaof` is how it was found; later the live roles count.".to_owned(),
        "A key that is a comment is not certain; the reason stands beside it.".to_owned(),
    ];
    head.extend(odd.iter().map(|odd| format!("Not taken in: {odd}.")));
    head
}
