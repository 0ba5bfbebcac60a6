//! Keys, certificates and agents.

use super::super::sshd::{Lab, Running, run};
use super::{Case, In, OPENSSH, OnlySsh, Out, case};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(super) const CASES: &[Case] = &[
    case("plain", "", In),
    case(
        "a token of the host as it was asked for",
        "IdentityFile DIR/%n-key\n",
        In,
    ),
    case(
        "tokens of address, port and user",
        "IdentityFile DIR/id-%h-%p-%r\n",
        In,
    ),
    case("the hash of all", "IdentityFile DIR/%C\n", In),
    case(
        "tokens of this machine",
        "IdentityFile DIR/%i-%u-%L-%l-%k\n",
        In,
    ),
    case(
        "the alias as a token",
        "HostKeyAlias db-alias\nUserKnownHostsFile DIR/aliased\nIdentityFile DIR/%k-key\n",
        In,
    ),
    case(
        "the home as a token",
        "IdentityFile %d/../../../..DIR/key\n",
        In,
    ),
    case(
        "the home as a variable",
        "IdentityFile ${HOME}/../../../..DIR/key\n",
        In,
    ),
    case(
        "the home as a tilde",
        "IdentityFile ~/../../../..DIR/key\n",
        In,
    ),
    case("a percent sign", "IdentityFile DIR/a%%b\n", In),
    case(
        "a variable that is not set",
        "IdentityFile ${NO_SUCH_VARIABLE}/key\n",
        Out(&["NO_SUCH_VARIABLE"]),
    ),
    case(
        "a variable that is not set, and a key",
        "IdentityFile ${NO_SUCH_VARIABLE}/key\nIdentityFile DIR/key\n",
        Out(&["NO_SUCH_VARIABLE"]),
    ),
    case(
        "a token that ssh does not know",
        "IdentityFile DIR/%Q\n",
        Out(&["%Q"]),
    ),
    case("quotation marks", "IdentityFile \"DIR/a key\"\n", In),
    case(
        "several files",
        "IdentityFile DIR/stray\nIdentityFile DIR/missing\nIdentityFile DIR/key\n",
        In,
    ),
    case(
        "a stray key",
        "IdentityFile DIR/stray\n",
        Out(&["stray", "ssh-copy-id"]),
    ),
    case("no key at all", "IdentityFile none\n", Out(&[])),
    case(
        "a key that others can read",
        "IdentityFile DIR/open\n",
        Out(&["hint: chmod 600", "open"]),
    ),
    case(
        "a locked key",
        "IdentityFile DIR/locked\n",
        Out(&["passphrase", "ssh-add"]),
    ),
    case("an rsa key", "IdentityFile DIR/rsa\n", In),
    case("an ecdsa key", "IdentityFile DIR/ecdsa\n", In),
    case(
        "a short rsa key",
        "IdentityFile DIR/rsa\nRequiredRSASize 3072\n",
        Out(&["RequiredRSASize"]),
    ),
    case(
        "the agent only",
        "IdentityAgent DIR/agent\nIdentityFile none\n",
        In,
    ),
    case(
        "an agent named by a token",
        "IdentityAgent DIR/agent-%n\nIdentityFile none\n",
        In,
    ),
    case(
        "an agent that is not there",
        "IdentityAgent DIR/nobody\nIdentityFile none\n",
        Out(&["nobody"]),
    ),
    case(
        "an agent that is not there, and a file",
        "IdentityAgent DIR/nobody\n",
        In,
    ),
    case(
        "no agent",
        "IdentityAgent none\nIdentityFile DIR/agentkey.pub\n",
        Out(&["agentkey.pub"]),
    ),
    case(
        "a public key whose private half the agent has",
        "IdentityAgent DIR/agent\nIdentityFile DIR/agentkey.pub\n",
        In,
    ),
    case(
        "the same, and nothing else",
        "IdentityAgent DIR/agent\nIdentitiesOnly yes\nIdentityFile DIR/agentkey.pub\n",
        In,
    ),
    case(
        "a public key that the agent lacks",
        "IdentityAgent DIR/agent\nIdentitiesOnly yes\nIdentityFile DIR/stray.pub\n",
        Out(&["stray.pub"]),
    ),
    case(
        "a private key that is gone",
        "IdentityAgent DIR/agent\nIdentitiesOnly yes\nIdentityFile DIR/agentkey\n",
        In,
    ),
    case(
        "a certificate beside the key",
        "IdentityFile DIR/certified\n",
        In,
    ),
    case(
        "a certificate named",
        "IdentityFile DIR/elsewhere\nCertificateFile DIR/cert-of-elsewhere.pub\n",
        In,
    ),
    case(
        "a certificate named by tokens",
        "IdentityFile DIR/elsewhere\nCertificateFile DIR/cert-of-%n.pub\n",
        In,
    ),
    case(
        "a certificate for an ecdsa key",
        "IdentityFile DIR/certecdsa\n",
        In,
    ),
    case(
        "a certificate for an rsa key",
        "IdentityFile DIR/certrsa\n",
        In,
    ),
    case(
        "a certificate that has run out",
        "IdentityFile DIR/expired\n",
        Out(&["expired"]),
    ),
    case(
        "a certificate for somebody else",
        "IdentityFile DIR/other\n",
        Out(&[]),
    ),
    case(
        "a certificate that the agent has",
        "IdentityAgent DIR/agent\nIdentityFile none\nUser MYSELF\nPubkeyAcceptedAlgorithms *-cert-v01@openssh.com\n",
        In,
    ),
    case(
        "a certificate whose key the agent has",
        "IdentityAgent DIR/agent2\nIdentityFile none\nCertificateFile DIR/cert-of-elsewhere.pub\n",
        OnlySsh(&["cert-of-elsewhere.pub", OPENSSH]),
    ),
    case(
        "certificates not allowed",
        "IdentityFile DIR/certified\nPubkeyAcceptedAlgorithms ssh-ed25519\n",
        Out(&[]),
    ),
    case(
        "an algorithm for the rsa key",
        "IdentityFile DIR/rsa\nPubkeyAcceptedAlgorithms rsa-sha2-256\n",
        In,
    ),
    case(
        "rsa not allowed",
        "IdentityFile DIR/rsa\nPubkeyAcceptedAlgorithms ssh-ed25519\n",
        Out(&["PubkeyAcceptedAlgorithms"]),
    ),
    case(
        "ed25519 taken away",
        "PubkeyAcceptedAlgorithms -ssh-ed25519*\n",
        Out(&["PubkeyAcceptedAlgorithms"]),
    ),
    case(
        "the agent's key not allowed",
        "IdentityAgent DIR/agent\nIdentityFile none\nPubkeyAcceptedAlgorithms ecdsa-sha2-nistp256\n",
        Out(&["PubkeyAcceptedAlgorithms"]),
    ),
    case(
        "only passwords",
        "PreferredAuthentications password,keyboard-interactive\n",
        Out(&[]),
    ),
    case(
        "keys among others",
        "PreferredAuthentications password,publickey\n",
        In,
    ),
    case("no keys", "PubkeyAuthentication no\n", Out(&[])),
    case(
        "no passwords",
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n",
        In,
    ),
    case(
        "a user who is not there",
        "User no-such-user\n",
        Out(&["no-such-user"]),
    ),
];

fn sign(lab: &Lab, key: &str, principal: &str, validity: &str) {
    let user = lab.path(key).with_extension("pub");
    run(Command::new("ssh-keygen")
        .args(["-q", "-s"])
        .arg(lab.path("userca"))
        .args(["-I", key, "-n", principal, "-V", validity])
        .arg(user));
}

pub(super) fn make(lab: &Lab) {
    for (name, kind, phrase) in [
        ("stray", "ed25519", ""),
        ("agentkey", "ed25519", ""),
        ("locked", "ed25519", "open sesame"),
        ("rsa", "rsa", ""),
        ("ecdsa", "ecdsa", ""),
        ("userca", "ed25519", ""),
        ("certified", "ed25519", ""),
        ("elsewhere", "ed25519", ""),
        ("certecdsa", "ecdsa", ""),
        ("certrsa", "rsa", ""),
        ("certagent", "ed25519", ""),
        ("expired", "ed25519", ""),
        ("other", "ed25519", ""),
    ] {
        lab.keygen(name, kind, phrase);
    }
    let me = Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    for key in [
        "certified",
        "elsewhere",
        "certecdsa",
        "certrsa",
        "certagent",
    ] {
        sign(lab, key, me.trim(), "always:forever");
    }
    sign(lab, "expired", me.trim(), "20200101:20200102");
    sign(lab, "other", "somebody-else", "always:forever");
    let moved = lab.path("cert-of-elsewhere.pub");
    std::fs::rename(lab.path("elsewhere-cert.pub"), &moved).unwrap();
    std::fs::copy(&moved, lab.path("cert-of-db.pub")).unwrap();
    let read = |name: &str| std::fs::read_to_string(lab.path(name)).unwrap();
    let mut text = String::new();
    for key in ["key", "agentkey", "locked", "rsa", "ecdsa"] {
        text.push_str(&read(&format!("{key}.pub")));
    }
    writeln!(text, "cert-authority {}", read("userca.pub").trim()).unwrap();
    std::fs::write(lab.path("authorized_keys"), text).unwrap();
    std::fs::copy(lab.path("key"), lab.path("open")).unwrap();
    std::fs::set_permissions(lab.path("open"), std::fs::Permissions::from_mode(0o644)).unwrap();
}

fn start(lab: &Lab, name: &str, keys: &[&str]) -> Running {
    let socket = lab.path(name);
    let agent = Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let agent = Running(agent);
    let end = Instant::now() + Duration::from_secs(10);
    while !socket.exists() {
        assert!(Instant::now() < end, "ssh-agent does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    for key in keys {
        run(Command::new("ssh-add")
            .arg("-q")
            .arg(lab.path(key))
            .env("SSH_AUTH_SOCK", &socket));
    }
    agent
}

/// One agent with the certified key and the plain one, and one with the key whose certificate is in
/// a file.
pub(super) fn agent(lab: &Lab) -> [Running; 2] {
    let agents = [
        start(lab, "agent", &["certagent", "agentkey"]),
        start(lab, "agent2", &["elsewhere"]),
    ];
    std::fs::remove_file(lab.path("agentkey")).unwrap();
    std::os::unix::fs::symlink(lab.path("agent"), lab.path("agent-db")).unwrap();
    agents
}
