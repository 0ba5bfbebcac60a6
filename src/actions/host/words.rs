//! What is done on a host, in words. Pure.

use super::HostAction;
use crate::topology::phrases::bytes as size;
use std::fmt;
impl fmt::Display for HostAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeUser { user } => write!(f, "make the user {user}"),
            Self::RemoveUser { user, .. } => write!(f, "remove the user {user}"),
            Self::MakeDirectories {
                shared,
                private,
                owner,
            } => {
                let all: Vec<&str> = shared.iter().chain(private).map(String::as_str).collect();
                write!(f, "make {} for {owner}", braced(&all))
            }
            Self::PutServer { server, into } => write!(
                f,
                "upload {} {} for {} ({} MB) to {into}",
                server.program(),
                server.version,
                server.arch,
                server.bytes / 1_000_000
            ),
            Self::InstallPackage {
                name: Some(name), ..
            } => write!(f, "install the package {name}"),
            Self::InstallPackage { name: None, .. } => {
                f.write_str("install the distribution's server where it is missing, and link to it")
            }
            Self::BuildTarball {
                file, directory, ..
            } => write!(f, "build {file} in {directory} (takes minutes)"),
            Self::LinkServer { link, target } => write!(f, "point {link} at {target}"),
            Self::RemoveLink { link, .. } if link.ends_with("/current") => {
                write!(f, "remove the link {link} where no other node needs it")
            }
            Self::RemoveLink { link, .. } => write!(f, "remove the link {link}"),
            Self::PutCertificates { files, owner, .. } => {
                let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
                write!(f, "bring {} for {owner} alone", braced(&paths))
            }
            Self::RemoveDirectories { .. }
            | Self::RemoveTree { .. }
            | Self::RemoveServer { .. }
            | Self::RemoveConfig { .. }
            | Self::RemoveFiles { .. }
            | Self::WriteConfig { .. }
            | Self::RestoreConfig { .. }
            | Self::OwnAgain { .. }
            | Self::SetKernel { .. }
            | Self::KeepFile { .. }
            | Self::DropFile { .. }
            | Self::ProtectConfig { .. }
            | Self::StampConfig { .. }
            | Self::WriteUnit { .. }
            | Self::RemoveUnit { .. }
            | Self::WriteBlock { .. }
            | Self::RemoveBlock { .. } => f.write_str(&self.of_files()),
            Self::SetHostName { name } => write!(f, "set the host name {name}"),
            Self::StartServer(launch) => write!(f, "start {}", launch.what()),
            Self::StopServer(launch) => write!(f, "stop {}", launch.what()),
            Self::Former(action) => action.fmt(f),
        }
    }
}

impl HostAction {
    /// The words for removals, and for changes of configuration files, units and lines in host
    /// files. Empty for other actions.
    fn of_files(&self) -> String {
        match self {
            Self::RemoveDirectories { paths } => {
                format!("remove {} where empty", paths.join(", "))
            }
            Self::RemoveTree { path, bytes } => {
                let size = bytes.map_or_else(String::new, |bytes| format!(" ({})", size(bytes)));
                format!("remove {path} and all that is in it{size}")
            }
            Self::RemoveServer { path, .. } => {
                format!("remove {path} where no other node needs it")
            }
            Self::RemoveConfig { path } | Self::DropFile { path, .. } => format!("remove {path}"),
            Self::RemoveFiles { paths } => format!("remove {}", paths.join(", ")),
            Self::KeepFile {
                path,
                back: Some(_),
                ..
            } => format!("put back {path}"),
            Self::WriteConfig { path, .. } | Self::KeepFile { path, .. } => format!("write {path}"),
            Self::SetKernel { file, value } if value.is_empty() => format!("empty {file}"),
            Self::SetKernel { file, value } => format!("set {file} to {value}"),
            Self::RestoreConfig { path, .. } => format!("put back the earlier {path}"),
            Self::OwnAgain { all } => {
                let paths: Vec<&str> = all.iter().map(|(path, _)| path.as_str()).collect();
                format!("give {} its earlier owner and mode back", braced(&paths))
            }
            Self::ProtectConfig { path, owner } => {
                format!("make {path} readable by {owner} alone")
            }
            Self::StampConfig { path, .. } => {
                format!("note in {path} that its settings are applied")
            }
            Self::WriteUnit { name, .. } => format!("write the unit {name} and start it at boot"),
            Self::RemoveUnit { name } => format!("remove the unit {name}"),
            Self::WriteBlock { path, lines, .. } if lines.len() == 1 => {
                format!("write a line into {path}")
            }
            Self::WriteBlock { path, lines, .. } => {
                format!("write {} lines into {path}", lines.len())
            }
            Self::RemoveBlock { path, .. } => format!("remove replctl's lines from {path}"),
            Self::MakeUser { .. }
            | Self::RemoveUser { .. }
            | Self::MakeDirectories { .. }
            | Self::PutServer { .. }
            | Self::InstallPackage { .. }
            | Self::BuildTarball { .. }
            | Self::LinkServer { .. }
            | Self::RemoveLink { .. }
            | Self::PutCertificates { .. }
            | Self::SetHostName { .. }
            | Self::StartServer(_)
            | Self::StopServer(_)
            | Self::Former(_) => String::new(),
        }
    }
}

/// Directories in shell notation: without parents that others imply, and with siblings in braces.
pub(super) fn braced(paths: &[&str]) -> String {
    let implied = |path: &&&str| {
        let inside = format!("{path}/");
        paths.iter().any(|other| other.starts_with(&inside))
    };
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for path in paths.iter().filter(|path| !implied(path)) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        match groups.iter_mut().find(|(known, _)| *known == parent) {
            Some((_, names)) => names.push(name),
            None => groups.push((parent, vec![name])),
        }
    }
    let text = groups.iter().map(|(parent, names)| match names[..] {
        [name] => format!("{parent}/{name}"),
        _ => format!("{parent}/{{{}}}", names.join(",")),
    });
    text.collect::<Vec<_>>().join(" and ")
}
