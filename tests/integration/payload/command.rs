//! `replctl server` itself.

use crate::payload::{extracted, replctl};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let said = replctl(arguments);
    assert!(
        said.status.success(),
        "run `make server` first; replctl says: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn json_describes_the_files_that_are_written() {
    let report = json(&["--json"]);
    assert_eq!(report["format"], 1);
    assert_eq!(report["engine"], "redis");
    let servers = report["servers"].as_array().unwrap();
    assert!(
        servers
            .iter()
            .any(|server| server["arch"] == std::env::consts::ARCH),
        "nothing for this machine: run `make server`"
    );
    for server in servers {
        let (_folder, into) = extracted(server["arch"].as_str().unwrap());
        let files = server["files"].as_array().unwrap();
        assert_eq!(
            files
                .iter()
                .map(|file| file["name"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["redis-server", "redis-cli"]
        );
        for file in files {
            let path = into.join(file["name"].as_str().unwrap());
            let bytes = fs::read(&path).unwrap();
            assert_eq!(file["sha256"], sha256(&bytes).as_str());
            assert_eq!(file["size"], bytes.len());
            assert!(file["compressed"].as_u64().unwrap() < bytes.len() as u64 / 2);
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
                0o755
            );
        }
        for link in ["redis-sentinel", "redis-check-rdb", "redis-check-aof"] {
            assert_eq!(
                fs::read_link(into.join(link)).unwrap().to_str(),
                Some("redis-server")
            );
        }
        assert_eq!(
            fs::read_dir(&into).unwrap().count(),
            5,
            "nothing else is left there"
        );
    }
}

#[test]
fn people_read_the_same() {
    let report = json(&["--json"]);
    let said = replctl(&[]);
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.stderr.is_empty());
    assert!(
        text.starts_with(&format!(
            "redis {}, from the ",
            report["version"].as_str().unwrap()
        )),
        "{text}"
    );
    for server in report["servers"].as_array().unwrap() {
        for file in server["files"].as_array().unwrap() {
            let sum = file["sha256"].as_str().unwrap();
            let line = text.lines().find(|line| line.ends_with(sum)).unwrap();
            assert!(
                line.starts_with(server["arch"].as_str().unwrap())
                    && line.contains(file["name"].as_str().unwrap()),
                "{line}"
            );
        }
    }
}

#[test]
fn extracting_again_replaces() {
    let (_folder, into) = extracted(std::env::consts::ARCH);
    fs::remove_file(into.join("redis-sentinel")).unwrap();
    fs::write(into.join("redis-sentinel"), "another").unwrap();
    fs::write(into.join("redis-cli"), "another").unwrap();
    let report = json(&["--json", "--extract", into.to_str().unwrap()]);
    assert_eq!(report["format"], 1);
    assert_eq!(report["arch"], std::env::consts::ARCH);
    assert!(
        fs::symlink_metadata(into.join("redis-sentinel"))
            .unwrap()
            .is_symlink()
    );
    assert!(fs::metadata(into.join("redis-cli")).unwrap().len() > 100_000);
}

#[test]
fn an_architecture_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("never");
    let said = replctl(&["--extract", into.to_str().unwrap(), "--arch", "s390x"]);
    assert_eq!(said.status.code(), Some(1));
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(
        text.contains("no server") && text.contains("s390x") && text.contains("hint: "),
        "{text}"
    );
    assert!(!into.exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let said = replctl(&["--extract", file.join("below").to_str().unwrap()]);
    assert_eq!(said.status.code(), Some(1));
    assert!(
        String::from_utf8(said.stderr)
            .unwrap()
            .contains("cannot be written")
    );
}

#[test]
fn the_licences_are_told() {
    let said = replctl(&["--licence"]);
    assert!(said.status.success());
    let text = String::from_utf8(said.stdout).unwrap();
    for holder in [
        "Salvatore Sanfilippo",
        "Lua.org, PUC-Rio",
        "Jason Evans",
        "Pieter Noordhuis",
        "Gil Tene",
        "Marc Alexander Lehmann",
        "Rich Felker",
        "night-shift",
    ] {
        assert!(text.contains(holder), "{holder} is missing");
    }
}

/// The fields of an ELF file that tell whether it needs anything besides the kernel.
#[test]
fn every_program_is_static_and_for_its_machine() {
    for server in json(&["--json"])["servers"].as_array().unwrap() {
        let arch = server["arch"].as_str().unwrap();
        let (_folder, into) = extracted(arch);
        for name in ["redis-server", "redis-cli"] {
            let elf = fs::read(into.join(name)).unwrap();
            let half = |at: usize| u16::from_le_bytes(elf[at..at + 2].try_into().unwrap());
            let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap());
            assert_eq!(&elf[..5], b"\x7fELF\x02");
            let machine = if arch == "x86_64" { 62 } else { 183 };
            assert_eq!(half(18), machine, "{arch}/{name}: e_machine");
            assert_eq!(half(16), 3, "{arch}/{name}: loads at a random address");
            let table =
                usize::try_from(u64::from_le_bytes(elf[32..40].try_into().unwrap())).unwrap();
            for header in 0..usize::from(half(56)) {
                let kind = word(table + header * usize::from(half(54)));
                assert_ne!(kind, 3, "{arch}/{name} wants a dynamic linker (PT_INTERP)");
            }
        }
    }
}
