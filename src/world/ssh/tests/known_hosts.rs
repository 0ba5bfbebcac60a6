//! Compares the matcher with OpenSSH's own `ssh-keygen -F` and `-H`, and gives it nonsense.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::world::ssh::keyfile;
use crate::world::ssh::known_hosts::{
    KnownHosts, Verdict, fingerprint, line_for, name_of, type_of,
};
use base64::Engine as _;
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

/// A key of that type. Keys differ in one byte.
fn key(kind: &str, which: u8) -> Vec<u8> {
    let mut key = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
    key.extend_from_slice(kind.as_bytes());
    key.extend_from_slice(&[0, 0, 0, 32]);
    key.extend_from_slice(&[which; 32]);
    key
}

fn ed(which: u8) -> Vec<u8> {
    key("ssh-ed25519", which)
}

fn text(key: &[u8]) -> String {
    format!(
        "{} {}",
        type_of(key),
        base64::engine::general_purpose::STANDARD.encode(key)
    )
}

fn known(file: &str) -> KnownHosts {
    let mut known = KnownHosts::default();
    known.add("the file", file.as_bytes());
    known
}

#[test]
fn names_and_patterns() {
    let one = text(&ed(1));
    let cases = [
        ("host.example", "host.example", 22, true),
        ("Host.Example", "hOST.eXAMPLE", 22, true),
        ("host.example", "host.example.org", 22, false),
        ("a,host.example,b", "host.example", 22, true),
        ("192.168.0.*", "192.168.0.120", 22, true),
        ("192.168.0.?20", "192.168.0.120", 22, true),
        ("192.168.0.?20", "192.168.0.20", 22, false),
        ("*,!bad.example", "good.example", 22, true),
        ("*,!bad.example", "bad.example", 22, false),
        ("!bad.example,*", "bad.example", 22, false),
        ("!host.example", "host.example", 22, false),
        ("[host.example]:2222", "host.example", 2222, true),
        ("[host.example]:2222", "host.example", 22, false),
        ("[host.example]:2222", "host.example", 2223, false),
        ("host.example", "host.example", 2222, true),
        ("[host.*]:*", "host.example", 2222, true),
        ("::1", "::1", 22, true),
        ("", "", 22, false),
        (
            "**********a",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
            22,
            false,
        ),
    ];
    for (names, host, port, hit) in cases {
        let known = known(&format!("{names} {one} a comment\n"));
        let verdict = known.look_up(host, port, &ed(1));
        assert_eq!(
            verdict == Verdict::Known,
            hit,
            "{names} {host} {port}: {verdict:?}"
        );
    }
}

#[test]
fn verdicts() {
    let (one, two, three, rsa) = (
        text(&ed(1)),
        text(&ed(2)),
        text(&ed(3)),
        text(&key("ssh-rsa", 1)),
    );
    let file = format!(
        "# comment\n\nh {rsa}\nh {one}\nh {two}\n@revoked h,i {three}\n@cert-authority * {one}\nbroken\nh ssh-ed25519 !!!\n@odd h {one}\n"
    );
    let known = known(&file);
    assert_eq!(known.look_up("h", 22, &ed(1)), Verdict::Known);
    assert_eq!(
        known.look_up("h", 22, &ed(2)),
        Verdict::Known,
        "any of several keys of one kind"
    );
    let Verdict::Changed(place) = known.look_up("h", 22, &ed(4)) else {
        panic!()
    };
    assert_eq!(
        (place.line, place.key_type.as_str(), place.file.as_str()),
        (4, "ssh-ed25519", "the file"),
        "the one of its kind"
    );
    assert_eq!(place.fingerprint, fingerprint(&ed(1)));
    let Verdict::Revoked(place) = known.look_up("h", 22, &ed(3)) else {
        panic!()
    };
    assert_eq!(place.line, 6);
    assert!(matches!(
        known.look_up("i", 22, &ed(3)),
        Verdict::Revoked(_)
    ));
    assert_eq!(
        known.look_up("i", 22, &ed(1)),
        Verdict::Unknown,
        "a certificate authority is no host key"
    );
    let Verdict::Changed(place) = known.look_up("h", 22, &key("ecdsa-sha2-nistp256", 1)) else {
        panic!()
    };
    assert_eq!(place.line, 3);
    assert_eq!(
        known.look_up("h", 2222, &ed(9)),
        Verdict::Unknown,
        "a key without a port proves nothing against another port"
    );
    assert!(matches!(
        known.look_up("h", 2222, &ed(3)),
        Verdict::Revoked(_)
    ));
    assert_eq!(known.key_types("h", 22), ["ssh-rsa", "ssh-ed25519"]);
    assert_eq!(known.key_types("h", 2222), ["ssh-rsa", "ssh-ed25519"]);
    assert!(known.key_types("i", 22).is_empty());
}

#[test]
fn several_files_are_one() {
    let mut known = known(&format!("h {}\n", text(&ed(1))));
    known.add(
        "the other",
        format!("h {}\n@revoked * {}\n", text(&ed(2)), text(&ed(1))).as_bytes(),
    );
    assert_eq!(known.look_up("h", 22, &ed(2)), Verdict::Known);
    let Verdict::Revoked(place) = known.look_up("h", 22, &ed(1)) else {
        panic!()
    };
    assert_eq!((place.file.as_str(), place.line), ("the other", 2));
}

/// A folder with a real key, for ssh-keygen reads no other, and its public half.
fn real_key() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    super::sshd::run(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(folder.path().join("key")),
    );
    let public = std::fs::read_to_string(folder.path().join("key.pub")).unwrap();
    (folder, keyfile::public(&public).unwrap())
}

/// Whether ssh-keygen succeeds, and what it prints.
fn keygen(args: &[&str], file: &Path) -> (bool, String) {
    let mut command = Command::new("ssh-keygen");
    let out = command.args(args).arg("-f").arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    (out.status.success(), said)
}

const HOSTS: [(&str, u16); 3] = [("192.168.0.120", 22), ("Web.Example", 2222), ("::1", 22)];

fn lines_for(key: &[u8], salt: Option<&[u8]>) -> String {
    HOSTS
        .iter()
        .map(|(host, port)| line_for(host, *port, key, salt) + "\n")
        .collect()
}

#[test]
fn openssh_reads_what_we_write() {
    let (folder, real) = real_key();
    let file = folder.path().join("known_hosts");
    for salt in [None, Some([7_u8; 20].as_slice())] {
        let lines = lines_for(&real, salt);
        std::fs::write(&file, &lines).unwrap();
        for (host, port) in HOSTS {
            let found = keygen(&["-F", &name_of(host, port)], &file).0;
            assert!(found, "{host} in\n{lines}");
            assert_eq!(known(&lines).look_up(host, port, &real), Verdict::Known);
        }
        assert!(!keygen(&["-F", "other.example"], &file).0);
    }
    let shown = keygen(&["-l"], &folder.path().join("key.pub")).1;
    assert!(shown.contains(&fingerprint(&real)), "{shown}");
}

#[test]
fn we_read_what_openssh_hashes() {
    let (folder, real) = real_key();
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, lines_for(&real, None)).unwrap();
    assert!(keygen(&["-H"], &file).0);
    let hashed = std::fs::read_to_string(&file).unwrap();
    assert!(hashed.lines().all(|l| l.starts_with("|1|")), "{hashed}");
    for (host, port) in HOSTS {
        let verdict = known(&hashed).look_up(host, port, &real);
        assert_eq!(verdict, Verdict::Known, "{host}");
        let other = known(&hashed).look_up(host, port, &ed(1));
        assert!(matches!(other, Verdict::Changed(_)), "{other:?}");
    }
}

#[test]
fn private_key_files_seen_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kind, format, passphrase) in [
        ("a", "ed25519", "RFC4716", ""),
        ("b", "ed25519", "RFC4716", "secret"),
        ("c", "rsa", "PEM", ""),
        ("d", "rsa", "PEM", "secret"),
        ("e", "rsa", "PKCS8", ""),
        ("f", "rsa", "PKCS8", "secret"),
    ] {
        let file = folder.path().join(name);
        super::sshd::run(
            Command::new("ssh-keygen")
                .args(["-q", "-t", kind, "-m", format, "-N", passphrase, "-f"])
                .arg(&file),
        );
        let seen = keyfile::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(seen.encrypted, !passphrase.is_empty(), "{name}");
        let beside = keyfile::public(
            &std::fs::read_to_string(folder.path().join(format!("{name}.pub"))).unwrap(),
        );
        assert!(beside.is_some());
        assert!(seen.public.is_none() || seen.public == beside, "{name}");
        assert_eq!(seen.public.is_some(), format == "RFC4716", "{name}");
    }
    assert_eq!(keyfile::parse("ssh-ed25519 AAAA comment"), None);
    assert_eq!(
        keyfile::parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        None
    );
}

proptest! {
    #[test]
    fn nonsense_never_panics_and_is_never_known(line in "\\PC{0,120}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut known = KnownHosts::default();
        known.add("f", &bytes);
        known.add("f", line.as_bytes());
        prop_assert_eq!(known.look_up("host", 22, &ed(1)), Verdict::Unknown);
        let _ = type_of(&bytes);
        let _ = keyfile::parse(&line);
        let _ = keyfile::public(&line);
    }

    #[test]
    fn near_misses_of_a_line_never_panic(
        names in "[|@!*?,\\[\\]:a-c1=/+]{0,30}",
        cut in 0_usize..80,
        host in "[a-c*?\\[\\]:]{0,12}",
        port in any::<u16>(),
    ) {
        let mut encoded = text(&ed(1));
        encoded.truncate(encoded.len().saturating_sub(cut));
        let known = known(&format!("{names} {encoded}\n"));
        let _ = known.look_up(&host, port, &ed(1));
        let _ = known.key_types(&host, port);
        let begin = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
        let _ = keyfile::parse(&format!("{begin}b3BlbnNzaC1rZXktdjEA{}", encoded.get(12..).unwrap_or_default()));
    }

    #[test]
    fn what_is_written_is_found(host in "[a-z0-9.-]{1,20}", port in 1_u16.., which in any::<u8>(), salt in any::<Option<[u8; 20]>>()) {
        let line = line_for(&host, port, &ed(which), salt.as_ref().map(<[u8; 20]>::as_slice));
        prop_assert_eq!(known(&line).look_up(&host, port, &ed(which)), Verdict::Known);
        let changed = matches!(known(&line).look_up(&host, port, &ed(which.wrapping_add(1))), Verdict::Changed(_));
        prop_assert!(changed);
    }
}
