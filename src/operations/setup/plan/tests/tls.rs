//! Certificates in the plan: brought where they differ, and read by a server that runs.

use super::stage::{NAMES, Stage};
use super::{InitialNode, setup};
use crate::actions::host::Certificates;
use crate::inventory::{ServerSource, Tls};
use crate::plan::facts::Ownership;
use crate::topology::NodeName;

const CONF: &str = "/db/redis/6379/conf";

/// Nodes that speak TLS and that should have these files. `there`: which of the files lie there
/// already as they should.
fn stage(begin: [InitialNode; 3], wanted: &[&str], there: &[&str]) -> Stage {
    let mut stage = Stage::new(begin);
    stage.inventory.server.source = ServerSource::Package(None);
    for (i, name) in NAMES.iter().enumerate() {
        stage.inventory.nodes[i].tls = Some(Tls::default());
        let host = stage.hosts.get_mut(&NodeName::from(*name)).unwrap();
        let host = host.as_mut().unwrap();
        host.package_manager = Some("apt-get".into());
        for file in wanted {
            host.wanted_certificates.push(Certificates {
                path: format!("{CONF}/{file}"),
                sources: vec![format!("/home/me/{file}")],
                sha256: "new".into(),
            });
            let sha256 = if there.contains(file) { "new" } else { "old" };
            let own = Ownership {
                mode: 0o600,
                uid: host.owner_uid.unwrap_or(998),
            };
            let path = format!("{CONF}/{file}");
            host.certificates.insert(path, (sha256.into(), own));
        }
    }
    stage
}

/// What is done about certificates, on one node.
fn steps(stage: &Stage) -> Vec<String> {
    let mut op = setup(None);
    op.nodes = vec!["slave1".into()];
    let plan = stage.plan(&op).unwrap();
    let all = plan.steps().map(|s| s.action.to_string());
    all.filter(|a| a.contains("tls")).collect()
}

#[test]
fn a_new_certificate_is_brought_to_a_running_server_and_read() {
    let up = [
        InitialNode::FullPrimary,
        InitialNode::Replica { of: 0 },
        InitialNode::Replica { of: 0 },
    ];
    let all = ["tls.crt", "tls.key", "tls-ca.crt"];
    let brought = "bring /db/redis/6379/conf/{tls.crt,tls.key,tls-ca.crt} for redis alone";
    let read = |name: &str, file: &str| format!("set {name} {CONF}/{file}");
    assert_eq!(steps(&stage(up, &all, &all)), [""; 0]);
    assert_eq!(
        steps(&stage(up, &all, &["tls.key"])),
        [brought, &read("tls-cert-file", "tls.crt")]
    );
    // Where its own certificate is not replctl's to bring.
    assert_eq!(
        steps(&stage(up, &["tls-ca.crt"], &[])),
        [
            "bring /db/redis/6379/conf/tls-ca.crt for redis alone",
            &read("tls-ca-cert-file", "tls-ca.crt")
        ]
    );
}
