//! Sentinels that speak TLS, as the nodes they watch do.

use crate::sentinel_setup::bench::NAMES;
use crate::sentinel_setup::group::Group;
use crate::support::certs::Authority;
use std::path::Path;

#[test]
fn sentinels_of_a_deployment_with_tls_speak_nothing_else() {
    let server = Path::new("/usr/bin/redis-server");
    if !server.exists() {
        return; // said by those that need every family
    }
    let folder = tempfile::TempDir::new().unwrap();
    let ca = Authority::new(folder.path(), "ca");
    for name in NAMES {
        ca.issue(name, &["127.0.0.1"]);
    }
    let own = ca.issue("operator", &["operator"]);
    let shown = folder.path().display();
    let section = format!(
        "\n[tls]\nca = {:?}\ncert = {:?}\nkey = {:?}\nserver_cert = \"{shown}/{{node}}.crt\"\nserver_key = \"{shown}/{{node}}.key\"\n",
        ca.cert.to_str().unwrap(),
        own.cert.to_str().unwrap(),
        own.key.to_str().unwrap(),
    );
    let change = |bench: &mut crate::sentinel_setup::bench::Bench| {
        bench.text = bench.text.clone().raw(&section);
    };
    let Some(group) = Group::with(Some(server), change) else {
        return;
    };
    group.run(&["sentinel", "setup", "--yes"]).ok();
    for n in 0..3 {
        let conf = group.folder(n).join("conf");
        let text = std::fs::read_to_string(conf.join("sentinel.cnf")).unwrap();
        let tls = format!("tls-port {}", group.ports[n]);
        for line in ["port 0", "tls-replication yes", &tls] {
            assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
        }
        assert_eq!(
            crate::sentinel_setup::bench::mode(&conf.join("tls.key")),
            0o600
        );
    }
    group.run(&["sentinel", "status"]).ok();
    group
        .run(&["sentinel", "setup", "--yes"])
        .ok()
        .says("Nothing to do");
    group.run(&["promote", "slave1", "--yes"]).ok();
    group.run(&["status"]).ok();
    group.run(&["sentinel", "remove", "--purge", "--yes"]).ok();
    assert!(!group.folder(0).exists());
}
