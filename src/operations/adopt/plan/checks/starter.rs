//! Whether replctl knows what starts a server, and whether it can take that over. Pure.

use super::super::{Found, Subject};
use super::is_foreign;
use crate::engine::{Ground, Refusal};
use crate::plan::facts::HostFacts;
use crate::plan::facts::boot::{AtBoot, NotAlone, Open};
use crate::topology::NodeName;
use crate::topology::service::{Service, Starter};

/// The answers of `systemctl is-enabled` for units that replctl can disable and restore.
const STATES: [&str; 6] = [
    "enabled", "disabled", "linked", "static", "indirect", "alias",
];

/// What makes a unit end with its server. With `Type=simple` alone, systemd ends a server that goes
/// into the background.
const TYPES: &str = "`Type=simple` and its server `daemonize no`, or `Type=notify` and its server `supervised systemd`";

/// The refusals because of what starts it.
pub(super) fn refusals(
    subject: Subject<'_>,
    facts: &HostFacts,
    found: Option<&Found>,
    out: &mut Vec<Refusal>,
) {
    let name = &subject.spec.name;
    let Some(service) = subject.node.service.as_deref() else {
        return;
    };
    let mut refuse = |ground, why: String, hint: String| out.push(Refusal::new(ground, why, hint));
    match &service.starter {
        Starter::Container(why) => {
            refuse(
                Ground::Unsupported,
                format!("`{name}` cannot be adopted: {why}"),
                "leave it as it is: status, promote, move, detach, rejoin and repair work on it"
                    .to_owned(),
            );
            return;
        }
        Starter::Unknown(why) => refuse(
            Ground::Unknown,
            format!("what starts the server of `{name}` is not known: {why}"),
            "write it under its [[node]]: unit = \"NAME.service\"".to_owned(),
        ),
        // The line may hold a password.
        Starter::Script(_) => refuse(
            Ground::Foreign,
            format!("`{name}` is started by /etc/rc.local of its host"),
            "remove the line from there, and run this again: the server keeps running; find it with: grep -nE '(redis|valkey|keydb)-server' /etc/rc.local"
                .to_owned(),
        ),
        Starter::Unit(unit) => {
            let lasting = unit.fragment.as_ref().filter(|f| !f.starts_with("/run/"));
            if lasting.is_none() {
                refuse(
                    Ground::Foreign,
                    format!(
                        "{}, which starts `{name}`, has no permanent unit file: it could not be started again",
                        unit.name
                    ),
                    "write a unit file for it below /etc/systemd/system first".to_owned(),
                );
            }
        }
        Starter::Nothing => by_hand(subject, facts, (service, found), out),
    }
    let process = service.process.as_ref();
    if process.and_then(|p| p.program.as_ref()).is_none() || !is_foreign(facts) {
        out.push(Refusal::new(
            Ground::Host,
            format!("the process of `{name}` cannot be seen on its host"),
            "see: replctl status",
        ));
    }
}

/// The refusals because of what starts it at boot and replctl does not remove.
pub(super) fn boot(subject: Subject<'_>, found: &Found, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let mut refuse = |ground, why: String, hint: String| out.push(Refusal::new(ground, why, hint));
    let boot = match &found.boot {
        Ok(boot) => boot,
        Err(why) => {
            refuse(
                Ground::Unknown,
                format!("what has `{name}` started at boot is not known: {why}"),
                "see: replctl status".to_owned(),
            );
            return;
        }
    };
    let again =
        "restart it by its own means, so that it runs the installed program, and run this again";
    if boot.replaced {
        refuse(
            Ground::Version,
            format!(
                "the program of `{name}` was replaced since it was started: a restart would start another program"
            ),
            again.to_owned(),
        );
    }
    let port = subject.spec.address.port;
    if let Some(other) = boot.other_for(port) {
        refuse(
            Ground::Foreign,
            format!("{other} is started at boot too, and has a server for port {port}"),
            format!("on that host: systemctl disable {}", quoted(other)),
        );
    }
    let service = subject.node.service.as_deref();
    scripts(subject, boot, out);
    let Some(unit) = service.and_then(Service::unit).map(|unit| &unit.name) else {
        return;
    };
    let process = service.and_then(|s| s.process.as_ref());
    processes(name, unit, (process.map_or(0, |p| p.pid), boot), out);
    let mut refuse = |ground, why: String, hint: String| out.push(Refusal::new(ground, why, hint));
    let mut by = boot.wanted_by_lines();
    by.extend(boot.triggers.iter().map(String::as_str));
    if !by.is_empty() {
        refuse(
            Ground::Foreign,
            format!(
                "{} starts {unit}, too, and `adopt` cannot remove and restore that",
                by.join(" and ")
            ),
            format!("take {unit} out of it, and run this again"),
        );
    }
    state(unit, boot, out);
}

/// The refusal if its state at boot could not be restored.
fn state(unit: &str, boot: &AtBoot, out: &mut Vec<Refusal>) {
    if STATES.contains(&boot.state.as_str()) {
        return;
    }
    out.push(other_state(unit, &boot.state));
}

/// The refusals because of files of cron and start scripts, and of who may write above its data.
fn scripts(subject: Subject<'_>, boot: &AtBoot, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let service = subject.node.service.as_deref();
    let told = matches!(service.map(|s| &s.starter), Some(Starter::Script(_)));
    for file in boot
        .scripts
        .iter()
        .filter(|f| !told || *f != "/etc/rc.local")
    {
        out.push(Refusal::new(
            Ground::Foreign,
            format!(
                "{file} on the host of `{name}` has a line about such a server or its unit, and may start the former one again"
            ),
            format!(
                "take the line that starts `{name}` out of {file}, and run this again: the server keeps running, and other servers may need their lines; find it with: grep -nE '(redis|valkey|keydb|systemctl|service)' {}",
                quoted(file)
            ),
        ));
    }
    if let Some(open) = &boot.open_to_others {
        out.push(open_to_others(name, open));
    }
}

/// The refusal of a server of root whose data others than root could replace.
fn open_to_others(name: &NodeName, open: &Open) -> Refusal {
    let at = |place: &str| {
        format!(
            "root runs the server of `{name}`, and others than root may write at {place}: replctl does not read its data there as root"
        )
    };
    let (why, hint) = match open {
        Open::Path(place) => {
            let path = quoted(place);
            let hint = format!("on that host: chown root {path} && chmod go-w {path}");
            (at(place), hint)
        }
        Open::Link(place) => {
            let hint = format!("on that host: chown -h root {}", quoted(place));
            (at(place), hint)
        }
        Open::Sticky(place) => {
            let hint = format!("give it a `dir` of its own, not {place}, and restart it");
            (at(place), hint)
        }
        Open::Unknown(why) => (
            format!(
                "root runs the server of `{name}`, and who may write above its data is not known: {why}"
            ),
            "give it a `dir` that only root may change, and restart it".to_owned(),
        ),
    };
    let hint = format!("{hint}; or run the server as another user");
    Refusal::new(Ground::Host, why, hint)
}

/// The refusal if the unit is more than this server: it could not be stopped and started again
/// alone.
fn processes(name: &NodeName, unit: &str, (pid, boot): (u32, &AtBoot), out: &mut Vec<Refusal>) {
    let again = format!(
        "then on that host: systemctl daemon-reload && systemctl restart {}",
        quoted(unit)
    );
    let (ground, why, hint) = match boot.processes.beside(pid) {
        None => return,
        Some(NotAlone::Unknown) => (
            Ground::Unknown,
            format!("systemd does not say which processes {unit} has"),
            format!("see on that host: systemctl status {unit}"),
        ),
        Some(NotAlone::Remains(setting)) => (
            Ground::Unsupported,
            format!(
                "{unit} has {setting}: systemd counts it as active after its server has ended, and would not start it again"
            ),
            format!("give {unit} {TYPES}, and no `RemainAfterExit=`; {again}"),
        ),
        Some(NotAlone::Main(0)) => (
            Ground::Unknown,
            format!("systemd knows no main process of {unit}"),
            format!("give {unit} {TYPES}; {again}"),
        ),
        Some(NotAlone::Main(main)) => (
            Ground::Foreign,
            format!(
                "the main process of {unit} is {main}, and not the server of `{name}` (process {pid})"
            ),
            format!("have {unit} start the server itself, with {TYPES}; {again}"),
        ),
        Some(NotAlone::Outside) => (
            Ground::Foreign,
            format!("the server of `{name}` (process {pid}) is no process of {unit}"),
            format!(
                "restart it by {unit}; or take `unit` out of its [[node]] if something else starts it"
            ),
        ),
        Some(NotAlone::Also(other)) => (
            Ground::Foreign,
            format!(
                "{unit} has another process, too: {} (`{}`), which systemd ends together with the server",
                other.pid, other.name
            ),
            "give each of them a unit of its own".to_owned(),
        ),
    };
    out.push(Refusal::new(ground, why, hint));
}

/// The refusal of a unit in a state that replctl cannot restore.
fn other_state(unit: &str, state: &str) -> Refusal {
    let enable = if state.starts_with("masked") {
        "unmask"
    } else {
        "enable"
    };
    Refusal::new(
        Ground::Unsupported,
        format!("systemd reports the state `{state}` for {unit}, which `adopt` cannot restore"),
        format!(
            "on that host: systemctl {enable} {}; then run this again",
            quoted(unit)
        ),
    )
}

/// The name of a unit or a path for a shell. The name of a unit may have backslashes.
fn quoted(name: &str) -> String {
    shlex::try_quote(name).map_or_else(|_| "NAME".to_owned(), Into::into)
}

/// The refusals if a person has started it, and nothing else starts it again.
fn by_hand(
    subject: Subject<'_>,
    facts: &HostFacts,
    (service, found): (&Service, Option<&Found>),
    out: &mut Vec<Refusal>,
) {
    let name = &subject.spec.name;
    let mut refuse = |ground, why: String, hint: &str| out.push(Refusal::new(ground, why, hint));
    // A shell may run a loop. `systemd --user` and supervisors restart what they have started.
    if let Some((program, pid)) = facts.holder.as_ref().and_then(|h| h.parent.as_ref()) {
        refuse(
            Ground::Foreign,
            format!(
                "`{name}` was started by `{program}` (process {pid}), which still runs and may start it again"
            ),
            "take it out of what that program starts, start it in the background (`daemonize yes`), and run this again",
        );
    }
    if service.file.is_none() {
        refuse(
            Ground::Unknown,
            format!(
                "`{name}` was started by hand without a configuration file: it could not be started again as it is"
            ),
            "write its settings into a file and start it with that",
        );
    }
    let stated = found.and_then(|found| found.stated.as_ref().ok());
    let dir = stated.and_then(|stated| stated.iter().rev().find(|t| t.line.name == "dir"));
    let dir = dir.and_then(|stated| stated.line.args.first());
    if let Some(dir) = dir.filter(|dir| !dir.starts_with('/')) {
        refuse(
            Ground::Unknown,
            format!(
                "`{name}` was started by hand with `dir {dir}`, from a directory that is not known: it could not be started again there"
            ),
            "write the whole path of `dir` into its file",
        );
    }
}
