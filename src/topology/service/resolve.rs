//! Concludes from a host's answer how the server is run: the unit that starts it, the file and the
//! arguments, and their content. Pure.

mod chosen;

use super::answer::{Answer, SeenProcess, Subject};
use super::chain::{Ask, Files, Start, follow};
use super::command::{self, Command};
use super::process::{of_process, serves, words};
use super::{Arguments, Process, Service, Starter, Unit, Writable};
use crate::config::server::Stamp;
use chosen::{Chosen, fitting, is_server_unit, meant, without_file};
use std::collections::BTreeMap;

/// How the server is run, or what must be read to know it.
pub fn resolve(answer: &Answer, subject: &Subject) -> Result<Service, Ask> {
    if subject.running && elsewhere(answer, subject) {
        return Ok(contained(answer, subject));
    }
    let Chosen {
        unit,
        command,
        doubt,
    } = unit(answer, subject)?;
    let starter = match &doubt {
        Some(why) => Starter::Unknown(why.clone()),
        None => starter(answer, subject, unit),
    };
    let process = answer.process.as_ref().filter(|_| subject.running);
    let runs_with = process.and_then(|seen| command::of(&words(seen)));
    let file = file(
        subject,
        command.as_ref(),
        runs_with.as_ref(),
        answer,
        &starter,
    );
    let arguments = arguments(answer, subject, &starter, command.as_ref(), file.as_deref());
    let empty = Vec::new();
    let start = Start {
        file: file.as_deref(),
        arguments: match &arguments {
            Arguments::Shown(words) => words,
            Arguments::Hidden(_) | Arguments::Unknown(_) => &empty,
        },
        folder: folder(unit),
        patterns: subject.patterns,
    };
    let settings = match (&file, follow(&start, &answer.files)) {
        (None, _) if !subject.running => {
            Err(doubt.unwrap_or_else(|| without_file(subject, unit, command.as_ref())))
        }
        (_, Ok(Ok(chain))) => Ok(chain),
        (_, Ok(Err(ask))) if answer.reader.is_some() => return Err(ask),
        (_, Ok(Err(_))) => Err("files cannot be read there as the user of the server".into()),
        (_, Err(why)) => Err(why),
    };
    let managed = subject.managed.unwrap_or_else(|| {
        unit.is_some_and(|u: &Properties| u.get("Replctl").is_some())
            || file.as_deref().is_some_and(|f| stamped(&answer.files, f))
    });
    let (file, settings) = match unit.filter(|_| !subject.running && !managed) {
        Some(unit) => meant((answer, subject), unit, (file, settings)),
        None => (file, settings),
    };
    Ok(Service {
        writable: writable(answer, unit),
        process: process.map(seen),
        written: subject.config_file.clone(),
        starter,
        file,
        arguments,
        settings,
        managed,
    })
}

type Properties = BTreeMap<String, String>;

/// Whether the answering server is no process of that host: its port is forwarded, or it runs in a
/// container.
fn elsewhere(answer: &Answer, subject: &Subject) -> bool {
    match &answer.process {
        Some(process) => process.nested || !serves(process),
        None => !answer.listening || subject.own_port.is_some_and(|own| own != subject.port),
    }
}

fn contained(answer: &Answer, subject: &Subject) -> Service {
    let why = match &answer.process {
        Some(process) if process.nested => "it runs in a container".to_owned(),
        Some(process) => {
            let program = words(process).into_iter().next().unwrap_or_default();
            let name = program.rsplit('/').next().unwrap_or_default();
            format!("its port is forwarded there by `{name}`")
        }
        None => "its port is forwarded: no process of that host serves it".to_owned(),
    };
    Service {
        starter: Starter::Container(why.clone()),
        managed: subject.managed.unwrap_or(false),
        ..Service::unseen(subject.config_file.clone(), why)
    }
}

/// Finds the unit that starts the server.
fn unit<'a>(answer: &'a Answer, subject: &Subject) -> Result<Chosen<'a>, Ask> {
    let loaded = |unit: &&Properties| unit.get("LoadState").is_some_and(|s| s == "loaded");
    let units: Vec<&Properties> = answer.units.iter().filter(loaded).collect();
    let named = |name: &str| {
        units
            .iter()
            .copied()
            .find(|u| u.get("Id").is_some_and(|id| id == name))
    };
    // What runs from the file of replctl's own unit is started by that, whatever the inventory said
    // before it was adopted.
    let runs_from = |unit: &&Properties| {
        let file = command(unit).ok().and_then(|c| c.file);
        subject.running && file.is_some() && file == subject.config_file
    };
    let own = named(&subject.own_unit).filter(runs_from);
    if let Some(unit) = own.or_else(|| subject.unit.as_deref().and_then(named)) {
        return Ok(Chosen::of(unit, command(unit).ok()));
    }
    // Another unit that fits would be a guess against the inventory.
    if let Some(name) = subject.unit.as_deref().filter(|_| !subject.running) {
        return Ok(Chosen::doubt(format!(
            "{name}, which the inventory names, is not loaded there"
        )));
    }
    let within = answer.in_unit.as_deref().and_then(named);
    for unit in [within, named(&subject.own_unit)].into_iter().flatten() {
        let command = command(unit).ok();
        // A server started by hand over SSH, or by a start script, may be in the unit of that
        // session or script.
        if command.is_some() || is_server_unit(unit) {
            return Ok(Chosen::of(unit, command));
        }
    }
    fitting((answer, subject), units)
}

fn stamped(files: &Files, path: &str) -> bool {
    use super::chain::Read;
    match files.read.get(path) {
        Some(Read::Lines(text)) => Stamp::of(text).is_some(),
        Some(Read::Missing | Read::Refused(_)) | None => false,
    }
}

/// The command of a unit.
fn command(unit: &Properties) -> Result<Command, String> {
    let line = exec_start(unit);
    let set = unit.get("Environment").map_or("", String::as_str);
    let set = crate::config::directives::split(set).unwrap_or_default();
    let pairs = set.iter().filter_map(|word| word.split_once('='));
    let variables = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let elsewhere = unit.get("EnvironmentFiles").is_some_and(|f| !f.is_empty());
    let words = command::words(&line, &variables, elsewhere)?;
    command::of(&words).ok_or_else(|| format!("its unit starts it by `{line}`"))
}

/// `{ path=… ; argv[]=A B C ; … }`.
fn exec_start(unit: &Properties) -> String {
    let text = unit.get("ExecStart").map_or("", String::as_str);
    let argv = text.split_once("argv[]=").map_or("", |(_, rest)| rest);
    let end = argv.find(" ; ").unwrap_or(argv.len());
    argv[..end].trim().to_owned()
}

fn starter(answer: &Answer, subject: &Subject, unit: Option<&Properties>) -> Starter {
    if let Some(unit) = unit {
        let text = |key: &str| unit.get(key).filter(|v| !v.is_empty()).cloned();
        let list = |key: &str| text(key).map(|v| v.split_whitespace().map(str::to_owned).collect());
        let confined = ["ProtectSystem", "ReadOnlyPaths"];
        let set = confined.iter().filter_map(|key| {
            let value = text(key).filter(|v| v != "no")?;
            Some(format!("{key}={value}"))
        });
        return Starter::Unit(Box::new(Unit {
            name: text("Id").unwrap_or_default(),
            user: text("User"),
            fragment: text("FragmentPath"),
            drop_ins: list("DropInPaths").unwrap_or_default(),
            exec_start: exec_start(unit),
            enabled: match text("UnitFileState").as_deref() {
                Some("enabled" | "enabled-runtime" | "alias" | "linked") => Some(true),
                Some("disabled" | "masked" | "masked-runtime") => Some(false),
                Some(_) | None => None,
            },
            confined: set.collect(),
        }));
    }
    let files = [
        &subject.config_file,
        &subject.wanted_file,
        &Some(subject.own_file.clone()),
    ];
    let line = answer
        .rc_local
        .iter()
        .flat_map(|text| text.lines())
        .find(|line| {
            files
                .iter()
                .copied()
                .flatten()
                .any(|file| line.contains(file.as_str()))
        });
    match line {
        Some(line) => Starter::Script(line.trim().to_owned()),
        None => Starter::Nothing,
    }
}

/// The file that the next start reads.
fn file(
    subject: &Subject,
    command: Option<&Command>,
    runs_with: Option<&Command>,
    answer: &Answer,
    starter: &Starter,
) -> Option<String> {
    let absolute = |file: Option<String>| file.filter(|f| f.starts_with('/'));
    if let Some(command) = command {
        // A unit without a file in its command starts the server without one.
        return absolute(command.file.clone())
            .or_else(|| command.file.as_ref().and(subject.config_file.clone()));
    }
    if subject.running {
        return subject.config_file.clone();
    }
    let read = |file: &String| {
        let read = answer.files.read.get(file);
        read.is_some_and(|read| *read != super::chain::Read::Missing)
    };
    absolute(subject.wanted_file.clone())
        .or_else(|| absolute(runs_with.and_then(|c| c.file.clone())))
        .or_else(|| match starter {
            Starter::Script(_) | Starter::Nothing | Starter::Unit(_) => {
                Some(subject.own_file.clone()).filter(read)
            }
            Starter::Container(_) | Starter::Unknown(_) => None,
        })
}

/// The arguments of the next start besides the file.
fn arguments(
    answer: &Answer,
    subject: &Subject,
    starter: &Starter,
    command: Option<&Command>,
    file: Option<&str>,
) -> Arguments {
    match (starter, command) {
        (Starter::Unit(_), Some(command)) => Arguments::Shown(command.arguments.clone()),
        (Starter::Unit(unit), None) => {
            Arguments::Unknown(format!("what {} starts it with cannot be read", unit.name))
        }
        (Starter::Script(line), _) => Arguments::Shown(of_script(line, file)),
        (Starter::Nothing | Starter::Container(_) | Starter::Unknown(_), _) => {
            match answer.process.as_ref().filter(|_| subject.running) {
                Some(process) => of_process(process, file),
                // A stopped server that nothing starts is started from its file.
                None if !subject.running => Arguments::Shown(Vec::new()),
                None => Arguments::Unknown("its process was not seen".to_owned()),
            }
        }
    }
}

/// The words after the file in a line of a start script.
fn of_script(line: &str, file: Option<&str>) -> Vec<String> {
    let behind = file
        .and_then(|file| line.split_once(file))
        .map_or("", |(_, rest)| rest);
    let end = behind
        .find(['\'', '"', ';', '&', '|', ')', '>'])
        .unwrap_or(behind.len());
    behind[..end]
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// The folder that a start begins in.
fn folder(unit: Option<&Properties>) -> Option<&str> {
    match unit?
        .get("WorkingDirectory")
        .map(|d| d.trim_start_matches('-'))
    {
        None | Some("") => Some("/"),
        Some(folder) if folder.starts_with('/') => Some(folder),
        Some(_) => None,
    }
}

fn seen(process: &SeenProcess) -> Process {
    Process {
        pid: process.pid,
        uid: process.ids.0,
        gid: process.ids.1,
        groups: process.ids.2.clone(),
        program: process.exe.clone(),
    }
}

fn writable(answer: &Answer, unit: Option<&Properties>) -> Writable {
    if let Some(folder) = &answer.confined {
        let set = |key: &&str| {
            unit.is_some_and(|u| u.get(*key).is_some_and(|v| !v.is_empty() && v != "no"))
        };
        let named = ["ReadOnlyPaths", "ProtectSystem"].into_iter().find(set);
        return Writable::No(match (named, unit.and_then(|u| u.get("Id"))) {
            (Some(key), Some(unit)) => {
                format!("{unit} does not let it write in {folder} ({key})")
            }
            _ => format!("{folder} is read-only for it"),
        });
    }
    answer.writable.clone().unwrap_or(Writable::Unknown)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
