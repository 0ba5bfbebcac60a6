//! The server programs `setup` can bring to a host: those inside replctl, or a binary given in the
//! inventory.

use super::host::{ServerFiles, hex_sha256};
use super::payload;
use crate::actions::host::PayloadInfo;
use crate::error::{Error, Exit, Problem, Reason};
use crate::inventory::{Inventory, ServerSource};
use crate::topology::{Product, Version};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The error where it cannot be brought.
pub fn refused(why: String) -> Error {
    Problem::new(why)
        .because(Reason::Inventory)
        .exit(Exit::Refused)
}

/// What can be brought. For a source on the hosts themselves: nothing.
pub async fn available(inventory: &Inventory) -> Result<Vec<PayloadInfo>, String> {
    match &inventory.server.source {
        ServerSource::Embedded => Ok(payload::servers().iter().filter_map(of_embedded).collect()),
        ServerSource::Binary(path) => Ok(vec![of_binary(path).await?]),
        ServerSource::Package(_) => Ok(Vec::new()),
        ServerSource::Tarball { file, sha256 } => {
            let data = read("tarball", file).await?;
            whole(&data, &file.display().to_string(), sha256).map(|()| Vec::new())
        }
    }
}

/// What was unpacked: once for all hosts, which are given it side by side.
static UNPACKED: Mutex<Vec<(PayloadInfo, ServerFiles)>> = Mutex::new(Vec::new());

/// The files of one of them.
pub fn files(inventory: &Inventory, wanted: &PayloadInfo) -> Result<ServerFiles, String> {
    match &inventory.server.source {
        ServerSource::Binary(path) => {
            let data = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
            Ok(vec![(payload::SERVER.to_owned(), Arc::new(data))])
        }
        // With the last two, the plan is of a time when the inventory had the first.
        ServerSource::Embedded | ServerSource::Package(_) | ServerSource::Tarball { .. } => {
            embedded(wanted)
        }
    }
}

/// The files of one that replctl carries.
fn embedded(wanted: &PayloadInfo) -> Result<ServerFiles, String> {
    let mut unpacked = UNPACKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, files)) = unpacked.iter().find(|(info, _)| info == wanted) {
        return Ok(files.clone());
    }
    let found = payload::servers()
        .iter()
        .find(|s| of_embedded(s).as_ref() == Some(wanted));
    let server = found.ok_or("this replctl does not carry the server of the plan; plan again")?;
    let files = server.files.iter().map(|f| {
        let data = payload::unpack(f).map_err(|e| e.to_string())?;
        Ok((f.name.to_owned(), Arc::new(data)))
    });
    let files = files.collect::<Result<ServerFiles, String>>()?;
    unpacked.push((wanted.clone(), files.clone()));
    Ok(files)
}

fn of_embedded(server: &payload::Embedded) -> Option<PayloadInfo> {
    let main = server.files.iter().find(|f| f.name == payload::SERVER)?;
    Some(PayloadInfo {
        arch: server.arch.to_owned(),
        product: if server.engine == "valkey" {
            Product::Valkey
        } else {
            Product::Redis
        },
        version: version(server.version)?,
        sha256: main.sha256.to_owned(),
        bytes: server.files.iter().map(|f| f.size).sum(),
    })
}

async fn read(what: &str, path: &Path) -> Result<Vec<u8>, String> {
    let owned = path.to_owned();
    let data = tokio::task::spawn_blocking(move || std::fs::read(owned)).await;
    let data = data.map_err(|e| e.to_string())?;
    data.map_err(|e| format!("the {what} {} cannot be read: {e}", path.display()))
}

/// Whether a tarball is the one that the inventory means.
pub fn whole(tarball: &[u8], file: &str, sha256: &str) -> Result<(), String> {
    let have = hex_sha256(tarball);
    if have == sha256 {
        return Ok(());
    }
    Err(format!(
        "{file} has the sha256 {have}, and the inventory says {sha256}"
    ))
}

/// A given binary says itself what it is; it is taken to be for this machine's architecture, unless
/// its ELF header says otherwise.
async fn of_binary(path: &Path) -> Result<PayloadInfo, String> {
    let shown = path.display();
    let data = read("server binary", path).await?;
    let mut command = tokio::process::Command::new(path);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ran = tokio::time::timeout(Duration::from_secs(5), command.output()).await;
    let output = ran
        .map_err(|_| format!("{shown} --version does not end"))?
        .map_err(|e| format!("{shown} cannot be run: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text
        .split_whitespace()
        .find_map(|w| version(w.strip_prefix("v=")?));
    let product = if text.to_ascii_lowercase().contains("valkey") {
        Product::Valkey
    } else {
        Product::Redis
    };
    Ok(PayloadInfo {
        arch: arch(&data)
            .ok_or_else(|| format!("{shown} is no program for an architecture that is known here"))?
            .to_owned(),
        product,
        version: version.ok_or_else(|| format!("{shown} --version does not say its version"))?,
        sha256: hex_sha256(&data),
        bytes: data.len() as u64,
    })
}

/// `uname -m` of the machine an ELF file is for.
fn arch(elf: &[u8]) -> Option<&'static str> {
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    match elf.get(18..20)? {
        [0x3e, 0] => Some("x86_64"),
        [0xb7, 0] => Some("aarch64"),
        _ => None,
    }
}

fn version(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(|p| p.parse::<u16>().ok());
    Some(Version {
        major: parts.next()??,
        minor: parts.next()??,
        patch: parts.next().flatten().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_and_architectures_are_read() {
        assert_eq!(
            version("7.0.15").unwrap(),
            Version {
                major: 7,
                minor: 0,
                patch: 15
            }
        );
        assert_eq!(version("x"), None);
        assert_eq!(arch(b"#!/bin/sh"), None);
        assert_eq!(
            arch(&std::fs::read("/proc/self/exe").unwrap()),
            Some(std::env::consts::ARCH)
        );
    }

    #[tokio::test]
    async fn a_given_binary_says_what_it_is() {
        let info = of_binary(Path::new("/usr/bin/redis-server")).await.unwrap();
        assert!(
            info.version.major >= 6 && info.sha256.len() == 64,
            "{info:?}"
        );
        assert!(
            of_binary(Path::new("/bin/true"))
                .await
                .unwrap_err()
                .contains("does not say its version")
        );
    }
}
