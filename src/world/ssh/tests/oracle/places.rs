//! The places where a configuration sets something, and options that change nothing here.

use super::{Case, In, Oracle, Out, case};
use std::process::Command;

pub(super) const CASES: &[Case] = &[
    case(
        "an include",
        "IdentityFile none\nInclude DIR/included\n",
        In,
    ),
    case(
        "a match of the host",
        "Match host 127.0.0.1\n Port 1\nMatch originalhost db\n Port 1\n",
        Out(&["port 1"]),
    ),
    case(
        "a match by a command",
        "Match exec \"test %n = db\"\n Port 1\n",
        Out(&["port 1"]),
    ),
    case(
        "a match by a slow command",
        "Match exec \"sleep 5\"\n IdentityFile DIR/key\n",
        In,
    ),
    case(
        "an option that does not exist",
        "NoSuchOption yes\n",
        Out(&["ssh -G", "nosuchoption"]),
    ),
    case(
        "what changes nothing here",
        "Include DIR/nothing\nHost !db *\n Port 1\nMatch user no-such-user\n Port 1\nMatch exec \"test %n = other\"\n Port 1\nHost *\n IgnoreUnknown NoSuchOption\nNoSuchOption yes\nGSSAPIAuthentication yes\nHostbasedAuthentication yes\nForwardAgent yes\nForwardX11 no\nLocalForward DIR/sock 127.0.0.1:1\nCompression yes\nServerAliveInterval 1\nTCPKeepAlive no\nRekeyLimit 1G 1h\nIPQoS none\nSetEnv A=b\nSendEnv LANG\nRequestTTY no\nLogLevel ERROR\nEscapeChar none\nControlMaster no\nControlPath DIR/control-%C\nAddKeysToAgent no\n",
        In,
    ),
];

/// The files that tokens name.
pub(super) fn make(oracle: &Oracle) {
    let said = |command: &mut Command| {
        let out = command.output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    let machine = said(Command::new("uname").arg("-n"));
    let id = said(Command::new("id").arg("-u"));
    let short = machine.split('.').next().unwrap();
    let hashed = oracle.fill(&format!("{machine}127.0.0.1PORTMYSELF"));
    let hash = said(Command::new("sh").args([
        "-c",
        "printf %s \"$1\" | sha1sum | cut -c1-40",
        "-",
        &hashed,
    ]));
    for name in [
        "db-key",
        "db-alias-key",
        "id-127.0.0.1-PORT-MYSELF",
        "id6-::1",
        "a%b",
        "a key",
        &hash,
        &format!("{id}-MYSELF-{short}-{machine}-db"),
    ] {
        let name = oracle.fill(name);
        std::fs::copy(oracle.lab.path("key"), oracle.lab.path(&name)).unwrap();
    }
    oracle.write("included", "Host *\n IdentityFile DIR/key\n");
}
