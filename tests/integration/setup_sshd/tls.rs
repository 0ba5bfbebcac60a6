//! `setup` of a TLS deployment: the files on its hosts and their access rights, no port without
//! TLS, and a new certificate.

use crate::setup_sshd::bench::{Bench, NAMES, PASSWORD, mode};
use crate::support::certs::{Authority, Pair};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// `[tls]` of nodes whose certificates are called after them.
fn section(ca: &Authority, own: &Pair) -> String {
    let folder = ca.cert.parent().unwrap().display();
    let line = |key: &str, file: &Path| format!("{key} = {:?}\n", file.to_str().unwrap());
    [
        "\n[tls]\n".to_owned(),
        line("ca", &ca.cert),
        line("cert", &own.cert),
        line("key", &own.key),
        format!(
            "server_cert = \"{folder}/{{node}}.crt\"\nserver_key = \"{folder}/{{node}}.key\"\n"
        ),
    ]
    .concat()
}

#[test]
fn bare_hosts_become_a_deployment_that_speaks_tls_alone() {
    let server = Path::new("/usr/bin/redis-server");
    if !server.exists() {
        return; // said by those that need every family
    }
    let Some(mut bench) = Bench::with(3, Some(server)) else {
        return;
    };
    let folder = tempfile::TempDir::new().unwrap();
    let ca = Authority::new(folder.path(), "ca");
    let pairs = NAMES.map(|name| ca.issue(name, &["127.0.0.1"]));
    let plain = bench.text.clone();
    let tls = section(&ca, &ca.issue("operator", &["operator"]));
    bench.text = plain.clone().raw(&tls);
    bench.write();
    let first = bench.run(&["setup", "--yes"]).ok().says("with 2 replicas");
    let key = std::fs::read_to_string(&pairs[0].key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    for text in [&first.stdout, &first.stderr] {
        assert!(!text.contains(secret) && !text.contains(PASSWORD));
    }
    let mut grep = Command::new("grep");
    grep.args(["-rlF", secret]).arg(bench.operator.home());
    assert_eq!(grep.status().unwrap().code(), Some(1), "the journal has it");
    for (n, pair) in pairs.iter().enumerate() {
        let conf = bench.config(n).parent().unwrap().to_owned();
        for file in ["tls.crt", "tls.key", "tls-ca.crt", "redis.cnf"] {
            assert_eq!(mode(&conf.join(file)), 0o600, "{file}");
        }
        let there = std::fs::read_to_string(conf.join("tls.key")).unwrap();
        let here = std::fs::read_to_string(&pair.key).unwrap();
        assert_eq!(there.trim(), here.trim());
        let text = std::fs::read_to_string(bench.config(n)).unwrap();
        for line in ["port 0", "tls-replication yes", "tls-auth-clients yes"] {
            assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
        }
    }
    bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
    bench.run(&["promote", "slave1", "--yes"]).ok();
    bench.run(&["status"]).ok();
    // A new certificate is brought, and read without a restart.
    ca.issue("master", &["new.example.org"]);
    bench.run(&["setup", "--yes"]).ok().says("tls.crt");
    let told = bench.run(&["status", "--no-ssh"]).code(4);
    assert!(
        told.stdout
            .contains("is for `new.example.org`, and not for `127.0.0.1`"),
        "{told}"
    );
    bench.text = plain.raw(&(tls + "server_name = \"new.example.org\"\n"));
    bench.write();
    let told = bench.run(&["status", "--no-ssh"]).code(4);
    assert!(!told.stdout.contains("`master` (127"), "{told}");
}

#[test]
fn what_cannot_speak_tls_is_refused_before_anything_is_touched() {
    let Some(mut bench) = Bench::new(1) else {
        return;
    };
    let folder = tempfile::TempDir::new().unwrap();
    let ca = Authority::new(folder.path(), "ca");
    let pair = ca.issue("master", &["127.0.0.1"]);
    let plain = bench.text.clone();
    bench.text = plain
        .clone()
        .raw(&section(&ca, &ca.issue("operator", &["x"])));
    bench.write();
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&pair.key, mode).unwrap();
    bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("`master` is to speak TLS, and the embedded server was built without it")
        .says("`source = \"package\"` in [server]")
        .says("is open to others: its mode is 0644");
    bench.text = plain.raw("\n[tls]\n");
    bench.write();
    bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("the inventory names no certificate for it")
        .says("the inventory does not say whose certificates it takes");
    assert!(!bench.db().exists());
}
