//! Whether it is known what starts a server, and whether that can be taken over. Pure.

use super::super::Subject;
use super::is_foreign;
use crate::engine::{Ground, Refusal};
use crate::plan::facts::HostFacts;
use crate::topology::service::{Service, Starter};

/// Who starts a server for a person: what such a process has started, nobody starts again.
const PEOPLE: [&str; 14] = [
    "sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "sshd", "su", "sudo", "login", "screen",
    "tmux", "systemd",
];

/// What stands against it.
pub(super) fn refusals(subject: Subject<'_>, facts: &HostFacts, out: &mut Vec<Refusal>) {
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
            "say it under the [[node]]: unit = \"NAME.service\"".to_owned(),
        ),
        Starter::Script(line) => refuse(
            Ground::Foreign,
            format!("`{name}` is started by /etc/rc.local of its host: `{line}`"),
            "take that line out of /etc/rc.local, and run this again: the server goes on meanwhile"
                .to_owned(),
        ),
        Starter::Unit(unit) => {
            let lasting = unit.fragment.as_ref().filter(|f| !f.starts_with("/run/"));
            if lasting.is_none() {
                refuse(
                    Ground::Foreign,
                    format!(
                        "{}, which starts `{name}`, is no unit of a file that stays: it could not be started again",
                        unit.name
                    ),
                    "write a unit file for it below /etc/systemd/system first".to_owned(),
                );
            }
        }
        Starter::Nothing => by_hand(subject, facts, service, out),
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

/// A person has started it, and can be sure that nothing starts it again.
fn by_hand(subject: Subject<'_>, facts: &HostFacts, service: &Service, out: &mut Vec<Refusal>) {
    let name = &subject.spec.name;
    let parent = facts.holder.as_ref().and_then(|h| h.parent.as_ref());
    let of_a_person = |program: &str| {
        let program = program.trim_start_matches('-');
        let program = program.split([':', ' ']).next().unwrap_or(program);
        PEOPLE.contains(&program)
    };
    if let Some((program, pid)) = parent.filter(|(program, _)| !of_a_person(program)) {
        out.push(Refusal::new(
            Ground::Foreign,
            format!(
                "`{name}` was started by `{program}` (process {pid}), which may start it again"
            ),
            "take it out of what that program starts, start it by hand, and run this again",
        ));
    }
    if service.file.is_none() {
        out.push(Refusal::new(
            Ground::Unknown,
            format!("`{name}` was started by hand without a configuration file: it could not be started again as it is"),
            "write its settings into a file and start it with that",
        ));
    }
}
