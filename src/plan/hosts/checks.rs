//! Everything that blocks work on a host, for any kind of server. Pure.

use super::{HostLook, program};
use crate::engine::warning::host::{Boot, Host, NoStart};
use crate::engine::{Ground, Refusal, Warning};
use crate::inventory::NodeSpec;
use crate::plan::facts::HostFacts;
use crate::topology::{Node, NodeName};

pub use super::tls::over_tls;

/// Room for the logs and the first snapshot beside the program, bytes.
const ROOM: u64 = 64 << 20;

/// Its host cannot be looked at.
pub fn unreachable(node: &NodeSpec, why: &str, hint: Option<&str>) -> Refusal {
    let ssh = node.ssh.command(&node.address.host);
    Refusal::new(
        Ground::Unreachable,
        format!("cannot look at the host of `{}`: {why}", node.name),
        hint.map_or_else(|| format!("try: {ssh}"), str::to_owned),
    )
}

/// Root starts programs from there, also for servers of other users. So only root may change that
/// path.
fn alone(node: &NodeSpec, facts: &HostFacts, out: &mut Vec<Refusal>) {
    if let Some(place) = &facts.not_alone {
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "others than root may change {place} on the host of `{}`, and root would start programs from there",
                node.name
            ),
            format!(
                "on that host: chown -h root {place} && chmod go-w {place}; or give another `directory` in `[server]`"
            ),
        ));
    }
}

/// The needs of every host.
pub fn usable(node: &NodeSpec, facts: &HostFacts, out: &mut Vec<Refusal>) {
    let name = &node.name;
    alone(node, facts, out);
    if !facts.missing.is_empty() {
        out.push(Refusal::new(
            Ground::Host,
            format!("the host of `{name}` has no {}", facts.missing.join(", ")),
            "install what is missing",
        ));
    }
    if !facts.root && node.ssh.sudo == Some(true) {
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "`{}` cannot become root on the host of `{name}`",
                facts.login
            ),
            "allow it sudo, or leave out `sudo = true`: everything then runs as that user",
        ));
    }
}

/// Something else listens on its port.
pub fn taken(node: &NodeSpec, who: &str) -> Refusal {
    let port = node.address.port;
    Refusal::new(
        Ground::Foreign,
        format!(
            "port {port} of the host of `{}` is taken by {who}",
            node.name
        ),
        "stop that process, or give the node another `port`",
    )
}

/// The address and the host lead to two machines.
pub fn elsewhere(node: &NodeSpec, seen: &Node, what: &str) -> Refusal {
    Refusal::new(
        Ground::Inventory,
        format!(
            "at {} {what}, but on the host that SSH leads to nobody listens on that port: `{}` is two machines",
            seen.address, node.name
        ),
        "check `address` and the SSH settings of the node",
    )
}

/// What a node that is to be started needs.
pub fn to_start(look: &HostLook<'_>, node: &NodeSpec, facts: &HostFacts, out: &mut Vec<Refusal>) {
    let name = &node.name;
    let directory = &look.inventory.server.directory;
    if !facts.writable {
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "`{}` may not write {directory} on the host of `{name}`",
                facts.login
            ),
            "log in as root, allow sudo, or give [server] a `directory` of that user's",
        ));
    }
    let kept_there = look.inventory.server.source.is_in_directory();
    if let Some(mount) = facts.noexec.as_ref().filter(|_| kept_there) {
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "the file system {mount} on the host of `{name}` is mounted noexec: no program can be started from {directory}/server"
            ),
            format!(
                "on that host: mount -o remount,exec {mount}; or give another `directory` in `[server]`, or `source = \"package\"`"
            ),
        ));
    }
    let (payload, (_, lacks)) = (look.payload_for(&facts.arch), look.brought());
    if look.brings_server() && payload.is_none() {
        out.push(Refusal::new(
            Ground::Host,
            format!("{lacks} {}, which the host of `{name}` is", facts.arch),
            "make server (on a machine with that compiler), or `source = \"package\"` in [server]",
        ));
    }
    let need = payload
        .map_or(0, |p| p.bytes.saturating_mul(2))
        .saturating_add(ROOM);
    if let Some(free) = facts.free_bytes.filter(|free| *free < need) {
        out.push(Refusal::new(
            Ground::Host,
            format!(
                "the disk of `{name}` has {} MB free for {directory}, and needs {} MB",
                free >> 20,
                need >> 20
            ),
            "free some, or give [server] another `directory`",
        ));
    }
    out.extend(program::refusal(look, name, facts));
}

/// The warning that nothing starts the node after a reboot of its host.
pub fn not_at_boot(node: &NodeName, what: Boot, facts: &HostFacts) -> Option<Warning> {
    let why = match facts.root {
        true if facts.systemd || facts.rc_local.is_some() => return None,
        true => NoStart::NoPlace,
        false => NoStart::NotRoot(facts.login.clone()),
    };
    Some(Warning::of(node, Host::NotAtBoot(what, why)))
}
