//! The unit that is taken for a server's, and why it may be another's. Pure.

use super::super::answer::{Answer, Subject};
use super::super::chain::{Ask, Chain, Files, Read, Start, follow};
use super::super::command::Command;
use super::{Properties, command, folder};
use crate::config::directives::parse;

/// The unit that starts the server, with its command.
#[derive(Default)]
pub(super) struct Chosen<'a> {
    pub unit: Option<&'a Properties>,
    pub command: Option<Command>,
    /// Why it is not known which unit it is.
    pub doubt: Option<String>,
}

impl<'a> Chosen<'a> {
    pub(super) fn of(unit: &'a Properties, command: Option<Command>) -> Self {
        Self {
            unit: Some(unit),
            command,
            doubt: None,
        }
    }

    pub(super) fn doubt(why: String) -> Self {
        Self {
            doubt: Some(why),
            ..Self::default()
        }
    }
}

/// The unit among `units` that fits: by its file, or by the port of a stopped server.
pub(super) fn fitting<'a>(
    (answer, subject): (&Answer, &Subject),
    units: Vec<&'a Properties>,
) -> Result<Chosen<'a>, Ask> {
    let mut ask = Ask::default();
    let mut found = Vec::new();
    for unit in units {
        let Ok(command) = command(unit) else { continue };
        let Some(file) = command.file.clone().filter(|f| f.starts_with('/')) else {
            continue;
        };
        let fits = match (&subject.config_file, subject.running) {
            (Some(named), true) => *named == file,
            (None, true) => false,
            (_, false) => match may_listen((answer, subject), unit, &command) {
                Ok(may) => may,
                Err(more) => {
                    ask.files.extend(more.files);
                    ask.patterns.extend(more.patterns);
                    continue;
                }
            },
        };
        if fits {
            found.push((unit, command));
        }
    }
    if ask != Ask::default() && answer.reader.is_some() {
        return Err(ask);
    }
    // A guess could start the wrong server, or look at the wrong data.
    if !subject.running && found.len() > 1 {
        let names = found.iter().filter_map(|(unit, _)| unit.get("Id"));
        return Ok(Chosen::doubt(format!(
            "{} start a server on port {}: name one of them as `unit` of the node in the inventory",
            names.cloned().collect::<Vec<_>>().join(" and "),
            subject.port
        )));
    }
    // A unit that starts at boot comes first.
    let enabled = |unit: &Properties| unit.get("UnitFileState").is_some_and(|s| s == "enabled");
    found.sort_by_key(|(unit, _)| !enabled(unit));
    let first = found.into_iter().next();
    Ok(first.map_or_else(Chosen::default, |(unit, command)| {
        Chosen::of(unit, Some(command))
    }))
}

/// Whether a unit starts a server on the node's port, by all that its start reads, or else by its
/// file alone.
fn may_listen(
    (answer, subject): (&Answer, &Subject),
    unit: &Properties,
    command: &Command,
) -> Result<bool, Ask> {
    let start = Start {
        file: command.file.as_deref(),
        arguments: &command.arguments,
        folder: folder(Some(unit)),
        patterns: subject.patterns,
    };
    match follow(&start, &answer.files) {
        Ok(Ok(chain)) => Ok(chain.data.listens_on(subject.port)),
        Ok(Err(ask)) if answer.reader.is_some() => Err(ask),
        Ok(Err(_)) | Err(_) => {
            let file = command.file.as_deref().unwrap_or_default();
            Ok(port(&answer.files, file).flatten() == Some(subject.port))
        }
    }
}

/// The file of a stopped server that others have made, and its settings: neither is known where its
/// unit or its file may be another server's.
pub(super) fn meant(
    subject: (&Answer, &Subject),
    unit: &Properties,
    (file, settings): (Option<String>, Result<Chain, String>),
) -> (Option<String>, Result<Chain, String>) {
    let why = match (&file, &settings) {
        (Some(file), Ok(chain)) => strange(subject, unit, (file, chain)),
        (_, _) => None,
    };
    match why {
        Some(why) => (None, Err(why)),
        None => (file, settings),
    }
}

/// Why a stopped server's unit or file is not the node's, or not the node's alone.
fn strange(
    (answer, subject): (&Answer, &Subject),
    unit: &Properties,
    (file, chain): (&str, &Chain),
) -> Option<String> {
    let id = unit.get("Id")?;
    if !chain.data.listens_on(subject.port) {
        return Some(format!(
            "{id} starts a server on port {}, and the node's port is {}",
            chain.data.main_port(),
            subject.port
        ));
    }
    if let Some(key) = hides(unit, chain) {
        return Some(format!(
            "{id} gives it a view of the disk of its own ({key}), so that its files are not known"
        ));
    }
    let other = answer.units.iter().find(|other| {
        let of_file = command(other).is_ok_and(|c| c.file.as_deref() == Some(file));
        other.get("Id") != Some(id) && of_file
    })?;
    let other = other.get("Id").map_or("another unit", String::as_str);
    Some(format!("{other} starts a server with {file}, too"))
}

/// The setting of a unit by which its server takes other files than its host for those that it
/// names.
fn hides(unit: &Properties, chain: &Chain) -> Option<&'static str> {
    let set = |key: &str| unit.get(key).is_some_and(|v| !v.is_empty() && v != "no");
    let folder = chain.data.folder.as_deref().unwrap_or_default();
    let in_tmp = ["/tmp", "/var/tmp"]
        .iter()
        .any(|tmp| folder.starts_with(tmp));
    let always = [
        "RootDirectory",
        "RootImage",
        "BindPaths",
        "BindReadOnlyPaths",
        "TemporaryFileSystem",
    ];
    let hiding = always.into_iter().find(|key| set(key));
    hiding.or_else(|| (in_tmp && set("PrivateTmp")).then_some("PrivateTmp"))
}

/// Why it is not known which file a stopped server is started with.
pub(super) fn without_file(
    subject: &Subject,
    unit: Option<&Properties>,
    command: Option<&Command>,
) -> String {
    let Some(id) = unit.and_then(|unit| unit.get("Id")) else {
        return format!("{} is not there", subject.own_file);
    };
    match command.map(|command| &command.file) {
        Some(Some(file)) => {
            format!("{id} starts it with the file `{file}`, and from which folder is not known")
        }
        Some(None) => format!("{id} starts it without a configuration file"),
        None => format!("what {id} starts it with cannot be read"),
    }
}

/// Whether a unit with an unreadable command is still a server's unit, by its words.
pub(super) fn is_server_unit(unit: &Properties) -> bool {
    let of = |text: Option<&String>| {
        text.is_some_and(|t| ["redis", "valkey", "keydb"].iter().any(|f| t.contains(f)))
    };
    of(unit.get("Id")) || of(unit.get("ExecStart"))
}

/// The port that a file gives; outer `None`: it was not read.
#[allow(clippy::option_option)]
fn port(files: &Files, path: &str) -> Option<Option<u16>> {
    match files.read.get(path)? {
        Read::Lines(text) => {
            let lines = parse(text);
            let last = |name: &str| {
                let line = lines.iter().rev().find(|l| l.name == name);
                line.and_then(|l| l.args.first()?.parse::<u16>().ok())
            };
            let plain = last("port").filter(|p| *p != 0);
            Some(
                plain
                    .or_else(|| last("tls-port"))
                    .or(Some(crate::inventory::node::PORT)),
            )
        }
        Read::Missing | Read::Refused(_) => Some(None),
    }
}
