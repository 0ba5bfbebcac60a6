//! Keys, certificates and agents.

use super::super::sshd::{Lab, Running, run};
use super::{Case, In, OPENSSH, OnlySsh, Out, case};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

pub(super) const CASES: &[Case] = &[
    case(
        "a token of the host as it was asked for",
        "IdentityFile DIR/%n-key\n",
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
        "the home as a variable",
        "IdentityFile ${HOME}/../../../..DIR/key\n",
        In,
    ),
    case(
        "a variable that is not set",
        "IdentityFile ${NO_SUCH_VARIABLE}/key\n",
        Out(&["NO_SUCH_VARIABLE"]),
    ),
    case(
        "a token that ssh does not know",
        "IdentityFile DIR/%Q\n",
        Out(&["%Q"]),
    ),
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
    case("no key at all", "IdentityFile none\n", Out(&["no key"])),
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
    case("an ecdsa key", "IdentityFile DIR/ecdsa\n", In),
    case(
        "a short rsa key",
        "IdentityFile DIR/rsa\nRequiredRSASize 3072\n",
        Out(&["RequiredRSASize"]),
    ),
    case(
        "an agent that is not there",
        "IdentityAgent DIR/nobody\nIdentityFile none\n",
        Out(&["nobody"]),
    ),
    case(
        "no agent",
        "IdentityAgent none\nIdentityFile DIR/agentkey.pub\n",
        Out(&["agentkey.pub"]),
    ),
    case(
        "a public key that the agent lacks",
        "IdentityAgent DIR/agent\nIdentitiesOnly yes\nIdentityFile DIR/stray.pub\n",
        Out(&["stray.pub"]),
    ),
    case(
        "a certificate beside the key",
        "IdentityFile DIR/certified\n",
        In,
    ),
    case(
        "a certificate named by tokens",
        "IdentityFile DIR/elsewhere\nCertificateFile DIR/cert-of-%n.pub\n",
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
        Out(&["other-cert.pub", "no key and no password was accepted"]),
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
        Out(&["no key and no password was accepted", "certified"]),
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
        Out(&[
            "no key and no password was accepted",
            "there was no key to try",
        ]),
    ),
    case(
        "no keys",
        "PubkeyAuthentication no\n",
        Out(&["there was no key to try"]),
    ),
    case(
        "a user who is not there",
        "User no-such-user\n",
        Out(&["no-such-user"]),
    ),
    case(
        "quotation marks, a percent sign and tokens of address, port and user",
        "IdentityFile \"DIR/a key\"\nIdentityFile DIR/a%%b\nIdentityFile ~/../../../..DIR/id-%h-%p-%r\nPreferredAuthentications password,publickey\nPasswordAuthentication no\n",
        In,
    ),
    case(
        "an agent named by a token, and a key whose private half is gone",
        "IdentityAgent DIR/agent-%n\nIdentitiesOnly yes\nIdentityFile DIR/agentkey\n",
        In,
    ),
    case(
        "an rsa key in a file that does not tell it",
        "IdentityFile DIR/pem\nRequiredRSASize 2048\n",
        In,
    ),
    case(
        "the key of a token in the agent",
        "IdentityAgent DIR/token\nIdentityFile none\n",
        OnlySsh(&[
            "cannot use keys of security tokens (sk-ssh-ed25519@openssh.com)",
            OPENSSH,
        ]),
    ),
    case(
        "the key of a token, whose public half is a file",
        "IdentityAgent DIR/token\nIdentitiesOnly yes\nIdentityFile DIR/tokenkey.pub\n",
        OnlySsh(&["cannot use keys of security tokens", OPENSSH]),
    ),
    case(
        "a short rsa key in a file that does not tell it",
        "IdentityFile DIR/pem\nRequiredRSASize 3072\n",
        Out(&["RequiredRSASize is 3072, and it has 2048 bits"]),
    ),
    case(
        "an ecdsa key in a file that does not tell it, and rsa only",
        "IdentityFile DIR/ecpem\nPubkeyAcceptedAlgorithms rsa-sha2-256\n",
        Out(&["PubkeyAcceptedAlgorithms does not allow ecdsa"]),
    ),
    case(
        "a certificate of the agent for a short rsa key",
        "IdentityAgent DIR/agent3\nIdentityFile none\nRequiredRSASize 3072\n",
        Out(&["RequiredRSASize is 3072, and it has 2048 bits"]),
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
        ("certrsa", "rsa", ""),
        ("certagent", "ed25519", ""),
        ("expired", "ed25519", ""),
        ("other", "ed25519", ""),
    ] {
        lab.keygen(name, kind, phrase);
    }
    for (name, of) in [("pem", "rsa"), ("ecpem", "ecdsa")] {
        std::fs::copy(lab.path(of), lab.path(name)).unwrap();
        run(Command::new("ssh-keygen")
            .args(["-q", "-p", "-m", "PEM", "-N", "", "-f"])
            .arg(lab.path(name)));
    }
    let me = Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    for key in ["certified", "elsewhere", "certrsa", "certagent"] {
        sign(lab, key, me.trim(), "always:forever");
    }
    sign(lab, "expired", me.trim(), "20200101:20200102");
    sign(lab, "other", "somebody-else", "always:forever");
    let moved = lab.path("cert-of-elsewhere.pub");
    std::fs::rename(lab.path("elsewhere-cert.pub"), &moved).unwrap();
    std::fs::copy(&moved, lab.path("cert-of-db.pub")).unwrap();
    let read = |name: &str| std::fs::read_to_string(lab.path(name)).unwrap();
    let mut text = String::new();
    super::token::plug_in(lab);
    for key in ["key", "agentkey", "locked", "rsa", "ecdsa", "tokenkey"] {
        text.push_str(&read(&format!("{key}.pub")));
    }
    writeln!(text, "cert-authority {}", read("userca.pub").trim()).unwrap();
    std::fs::write(lab.path("authorized_keys"), text).unwrap();
    std::fs::copy(lab.path("key"), lab.path("open")).unwrap();
    std::fs::set_permissions(lab.path("open"), std::fs::Permissions::from_mode(0o644)).unwrap();
}

/// One agent with the certified key and the plain one, one with the key whose certificate is in a
/// file, and one with a certified RSA key.
pub(super) fn agent(lab: &Lab) -> [Running; 3] {
    let agents = [
        lab.agent("agent", &["certagent", "agentkey"]),
        lab.agent("agent2", &["elsewhere"]),
        lab.agent("agent3", &["certrsa"]),
    ];
    std::fs::remove_file(lab.path("agentkey")).unwrap();
    std::os::unix::fs::symlink(lab.path("agent"), lab.path("agent-db")).unwrap();
    agents
}
