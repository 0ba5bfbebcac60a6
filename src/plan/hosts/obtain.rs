//! What a host must have where the server program is not brought to it, but installed or built
//! there.

use super::HostLook;
use crate::engine::{Ground, Refusal};
use crate::inventory::{ServerSource, built_as};
use crate::plan::facts::HostFacts;
use crate::topology::NodeName;
use std::path::Path;

/// What stands against getting the program there.
pub(super) fn refusal(look: &HostLook<'_>, name: &NodeName, facts: &HostFacts) -> Option<Refusal> {
    match &look.inventory.server.source {
        ServerSource::Package(package) => install(package.as_deref(), name, facts),
        ServerSource::Tarball { file, sha256 } => {
            let there = facts.servers.contains_key(&built_as(sha256));
            build(file, name, facts).filter(|_| !there)
        }
        ServerSource::Embedded | ServerSource::Binary(_) => None,
    }
}

fn install(package: Option<&str>, name: &NodeName, facts: &HostFacts) -> Option<Refusal> {
    let can = facts.root && facts.package_manager.is_some();
    if facts.package.is_some() || can {
        return None;
    }
    let package = package.unwrap_or("redis-server");
    Some(Refusal::new(
        Ground::Host,
        format!(
            "the package {package} cannot be installed on the host of `{name}`: that takes root and apt-get, dnf, yum, apk or zypper"
        ),
        "install it by hand, or use `source = \"embedded\"`",
    ))
}

fn build(file: &Path, name: &NodeName, facts: &HostFacts) -> Option<Refusal> {
    let opener = match file.extension().and_then(|e| e.to_str()) {
        Some("xz" | "txz") => "xz",
        Some("bz2") => "bzip2",
        _ => "gzip",
    };
    let needed = |t: &&str| ["cc", "make", "tar", opener].contains(t);
    let lacks = facts.no_build.iter().map(String::as_str).filter(needed);
    let lacks: Vec<&str> = lacks.collect();
    if lacks.is_empty() {
        return None;
    }
    let install = match facts.package_manager.as_deref() {
        Some("apt-get") => "apt-get install -y build-essential",
        Some("apk") => "apk add build-base linux-headers",
        Some("dnf") => "dnf install -y gcc make tar",
        Some("yum") => "yum install -y gcc make tar",
        Some("zypper") => "zypper install -y gcc make tar",
        _ => "install them",
    };
    Some(Refusal::new(
        Ground::Host,
        format!(
            "the host of `{name}` has no {} to build a server with",
            lacks.join(", ")
        ),
        format!("there: {install}; or use `source = \"embedded\"`"),
    ))
}
