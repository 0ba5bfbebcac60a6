//! Cases about known keys of the host.

use super::super::sshd::{Lab, Sshd, run};
use super::{Case, In, OPENSSH, OnlySsh, Oracle, Out, case};
use std::process::Command;

pub(super) const CASES: &[Case] = &[
    case(
        "a file named by a variable",
        "UserKnownHostsFile ${HOME}/../../../..DIR/known\n",
        In,
    ),
    case(
        "the machine's file",
        "UserKnownHostsFile none\nGlobalKnownHostsFile DIR/known\n",
        In,
    ),
    case(
        "no file at all",
        "UserKnownHostsFile none\n",
        Out(&["not known", "--accept-new-host-keys"]),
    ),
    case("hashed names", "UserKnownHostsFile DIR/hashed\n", In),
    case("patterns", "UserKnownHostsFile DIR/patterns\n", In),
    case(
        "a pattern that is negated",
        "UserKnownHostsFile DIR/negated\n",
        Out(&["not known"]),
    ),
    case(
        "a name without the port",
        "UserKnownHostsFile DIR/portless\n",
        In,
    ),
    case(
        "another key",
        "UserKnownHostsFile DIR/changed\n",
        Out(&["not the one that is known", "ssh-keygen -R"]),
    ),
    case(
        "an alias",
        "HostKeyAlias db-alias\nUserKnownHostsFile DIR/aliased\n",
        In,
    ),
    case(
        "an alias with another key",
        "HostKeyAlias changed-alias\nUserKnownHostsFile DIR/aliased\nStrictHostKeyChecking accept-new\n",
        Out(&["not the one that is known"]),
    ),
    case(
        "strict and unknown",
        "StrictHostKeyChecking yes\nUserKnownHostsFile DIR/nothing\n",
        Out(&["not known"]),
    ),
    case(
        "new keys accepted",
        "StrictHostKeyChecking accept-new\nUserKnownHostsFile DIR/new1\n",
        OnlySsh(&["not known", "--accept-new-host-keys"]),
    ),
    case(
        "everything accepted",
        "StrictHostKeyChecking no\nUserKnownHostsFile DIR/changed2\n",
        OnlySsh(&["not the one that is known"]),
    ),
    case(
        "a list of revoked keys",
        "RevokedHostKeys DIR/revoked\n",
        Out(&["revoked", "RevokedHostKeys"]),
    ),
    case(
        "a list of revoked keys that is missing",
        "RevokedHostKeys DIR/nothing\n",
        Out(&["RevokedHostKeys"]),
    ),
    case(
        "a binary list",
        "RevokedHostKeys DIR/krl\n",
        Out(&["revoked"]),
    ),
    case(
        "a binary list by SHA-256",
        "RevokedHostKeys DIR/krl-sha256\n",
        Out(&["revoked"]),
    ),
    case(
        "a binary list that is cut short",
        "RevokedHostKeys DIR/krl-short\n",
        Out(&["RevokedHostKeys"]),
    ),
    case(
        "a line that revokes",
        "UserKnownHostsFile DIR/known-revoked\n",
        Out(&["@revoked"]),
    ),
    case(
        "a command that knows the kind",
        "KnownHostsCommand DIR/knows-kind %I %t %K %f %h %p\nUserKnownHostsFile none\n",
        In,
    ),
    case(
        "a command that knows another key",
        "KnownHostsCommand DIR/knows-other %H\nUserKnownHostsFile none\n",
        Out(&["not the one that is known", "KnownHostsCommand"]),
    ),
    case(
        "a command that revokes",
        "KnownHostsCommand DIR/revokes\n",
        Out(&["revoked"]),
    ),
    case(
        "a command that fails",
        "KnownHostsCommand DIR/fails\n",
        Out(&["KnownHostsCommand"]),
    ),
    case(
        "a command that is not there",
        "KnownHostsCommand DIR/nothing\nUserKnownHostsFile none\n",
        Out(&["KnownHostsCommand"]),
    ),
    case(
        "vouched for, and its key is not known",
        "UserKnownHostsFile DIR/authority\n",
        OnlySsh(&["@cert-authority", "certificates", OPENSSH]),
    ),
    case(
        "vouched for, and its key is known",
        "UserKnownHostsFile DIR/authority DIR/vouched-known\n",
        In,
    ),
    case(
        "vouched for by somebody else",
        "UserKnownHostsFile DIR/authority-other\n",
        Out(&["not known", "@cert-authority"]),
    ),
    case(
        "several files, by tokens, and of one the name has a space",
        "UserKnownHostsFile DIR/nothing-%n-%p \"DIR/known hosts\"\nVerifyHostKeyDNS yes\nStrictHostKeyChecking yes\n",
        In,
    ),
    case(
        "several names, of which one is relative",
        "UserKnownHostsFile DIR/new2 ./no-such-file\nStrictHostKeyChecking accept-new\n",
        OnlySsh(&["UserKnownHostsFile", "does not tell where a name ends"]),
    ),
    case(
        "lists that revoke nothing here",
        "RevokedHostKeys DIR/krl-others\nUserKnownHostsFile DIR/known-revoked-others\n",
        In,
    ),
    case(
        "a command that revokes after very much",
        "KnownHostsCommand DIR/revokes-late\n",
        Out(&["KnownHostsCommand", "longer than 4 MiB"]),
    ),
    case(
        "a command that revokes after its end",
        "KnownHostsCommand DIR/revokes-behind\n",
        Out(&["revoked"]),
    ),
    case(
        "a command that opens its output",
        "KnownHostsCommand DIR/knows %H\nUserKnownHostsFile none\n",
        In,
    ),
];

/// A host with a certificate.
pub(super) fn certify(lab: &Lab, many: &str) -> Sshd {
    lab.keygen("hostca", "ed25519", "");
    lab.host_key("vouchedkey", "ed25519");
    run(Command::new("ssh-keygen")
        .args(["-q", "-h", "-s"])
        .arg(lab.path("hostca"))
        .args(["-I", "h", "-n", "127.0.0.1"])
        .arg(lab.path("vouchedkey.pub")));
    let certificate = lab.path("vouchedkey-cert.pub");
    lab.sshd_with(
        &["vouchedkey"],
        &format!("{many}HostCertificate {}\n", certificate.display()),
    )
}

pub(super) fn make(oracle: &Oracle) {
    let lab = &oracle.lab;
    let other = lab.host_key("otherhost", "ed25519");
    let (ca, vouched) = (public(lab, "hostca"), public(lab, "vouchedkey"));
    let known = "[127.0.0.1]:PORT HOSTKEY\n";
    for (name, text) in [
        ("known hosts", known.to_owned()),
        ("hashed", known.to_owned()),
        ("patterns", "[127.0.*]:PORT,elsewhere HOSTKEY\n".to_owned()),
        ("negated", "[127.0.*]:*,![127.0.0.1]:* HOSTKEY\n".to_owned()),
        ("portless", "127.0.0.1 HOSTKEY\n".to_owned()),
        ("changed", format!("[127.0.0.1]:PORT {other}\n")),
        ("changed2", format!("[127.0.0.1]:PORT {other}\n")),
        ("rsa-known", "[127.0.0.1]:PORT RSAHOST\n".to_owned()),
        (
            "aliased",
            format!("db-alias HOSTKEY\nchanged-alias {other}\n"),
        ),
        ("revoked", "# these\n\nHOSTKEY a comment\n".to_owned()),
        ("known-revoked", format!("{known}@revoked * HOSTKEY\n")),
        (
            "known-revoked-others",
            format!("{known}@revoked * {other}\n@revoked elsewhere HOSTKEY\n"),
        ),
        (
            "authority",
            format!("@cert-authority [127.0.0.1]:VOUCHED {ca}\n"),
        ),
        ("authority-other", format!("@cert-authority * {other}\n")),
        ("vouched-known", format!("[127.0.0.1]:VOUCHED {vouched}\n")),
        ("by-sha256", format!("sha256: {}\n", public(lab, "hostkey"))),
    ] {
        oracle.write(&oracle.fill(name), &text);
    }
    lists(lab);
    oracle.script("knows", "echo \"$1 HOSTKEY\" >/dev/stdout");
    oracle.script(
        "revokes-late",
        "head -c 5000000 /dev/zero | tr '\\0' '\\n'\necho '@revoked * HOSTKEY'",
    );
    oracle.script("revokes-behind", "(sleep 0.3; echo '@revoked * HOSTKEY') &");
    oracle.script(
        "knows-kind",
        "echo \"$*\" >>DIR/knows.log\necho '[127.0.0.1]:PORT HOSTKEY'",
    );
    oracle.script("knows-other", &format!("echo \"$1 {other}\""));
    oracle.script("revokes", "echo '@revoked * HOSTKEY'");
    oracle.script("fails", "exit 1");
}

/// The lists that `ssh-keygen` makes.
fn lists(lab: &Lab) {
    run(Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(lab.path("hashed")));
    for (list, of) in [
        ("krl", "hostkey.pub"),
        ("krl-sha256", "by-sha256"),
        ("krl-others", "otherhost.pub"),
    ] {
        run(Command::new("ssh-keygen")
            .args(["-q", "-k", "-f"])
            .arg(lab.path(list))
            .arg(lab.path(of)));
    }
    let whole = std::fs::read(lab.path("krl-others")).unwrap();
    std::fs::write(lab.path("krl-short"), &whole[..whole.len() - 3]).unwrap();
}

/// Returns the difference where replctl and ssh do not pass the same words to `KnownHostsCommand`.
pub(super) fn asked_alike(oracle: &Oracle) -> Option<String> {
    let log = std::fs::read_to_string(oracle.lab.path("knows.log")).unwrap();
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    let alike = lines.len() == 4 && lines.chunks(2).all(|two| two[0] == two[1]);
    (!alike).then(|| format!("KnownHostsCommand is asked otherwise: {lines:#?}"))
}

/// Type and key of a public key.
fn public(lab: &Lab, name: &str) -> String {
    let text = std::fs::read_to_string(lab.path(&format!("{name}.pub"))).unwrap();
    text.split(' ')
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}
