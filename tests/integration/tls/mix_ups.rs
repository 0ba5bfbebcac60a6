//! Each mix-up is reported as what it is, with a hint. A node that is only misunderstood is not
//! changed.

use crate::support::Replctl;
use crate::support::certs::Wanted;
use crate::support::encrypted::Encrypted;
use crate::support::inventory::InventoryText;
use crate::support::server::Family;

const DAY: i64 = 86_400;

/// The report of `status` about each node that it cannot read: its kind, and the hint.
fn troubles(operator: &Replctl<'_>) -> Vec<(String, String, String)> {
    let ran = operator.run(&["status", "--no-ssh", "--json"]).code(4);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = json["findings"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .filter(|f| f["code"] == "unreachable")
        .map(|f| (text(&f["node"]), text(&f["data"]["kind"]), text(&f["hint"])))
        .collect()
}

#[test]
fn each_mix_up_is_told_with_the_way_out_of_it() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Encrypted::start(family, &[]);
    let text = || InventoryText::new("orders").raw(&trio.section());
    // At the port without TLS, over it; at the port for TLS, without it; for another name.
    let mut wrong = std::fs::read_to_string(trio.inventory_of(text())).unwrap();
    let port = |port: u16| format!("port = {port}\n");
    wrong = wrong.replace(&port(trio.ports[0]), &port(trio.servers[0].port));
    for (i, line) in [
        (1, "tls = false"),
        (2, "tls = { server_name = \"db.example.org\" }"),
    ] {
        wrong = wrong.replace(
            &port(trio.ports[i]),
            &format!("{}{line}\n", port(trio.ports[i])),
        );
    }
    let file = trio.folder().join("wrong.toml");
    std::fs::write(&file, &wrong).unwrap();
    let told = troubles(&Replctl::new().inventory(&file));
    let kinds: Vec<&str> = told.iter().map(|(_, kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["no-tls", "wants-tls", "certificate-name"],
        "{told:#?}"
    );
    for (hint, part) in told
        .iter()
        .map(|t| &t.2)
        .zip(["`tls-port`", "`[tls]`", "`server_name`"])
    {
        assert!(hint.contains(part), "{hint}");
    }
    // Nobody is sent a certificate, and nobody who issued theirs is trusted.
    let bare = trio.inventory_of(InventoryText::new("orders").raw("[tls]\n"));
    let told = troubles(&Replctl::new().inventory(&bare));
    assert!(
        told.iter().all(|t| t.1 == "certificate-untrusted"),
        "{told:#?}"
    );
    let ca = format!("[tls]\nca = {:?}\n", trio.ca.cert.to_str().unwrap());
    let bare = trio.inventory_of(InventoryText::new("orders").raw(&ca));
    let told = troubles(&Replctl::new().inventory(&bare));
    assert!(
        told.iter().all(|t| t.1 == "client-certificate-missing"),
        "{told:#?}"
    );
    let loud = format!("{ca}verify = \"none\"\n").replace("ca = ", "# ");
    let bare = trio.inventory_of(InventoryText::new("orders").raw(&loud));
    Replctl::new()
        .inventory(&bare)
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("warning: nobody knows to whom passwords and data go");
}

#[test]
fn a_primary_whose_certificate_has_ended_is_alive() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Encrypted::start(family, &[]);
    let operator = trio.operator();
    let show = |name: &str, until: i64| {
        let pair = trio.ca.issue_as(&Wanted {
            name,
            names: &["127.0.0.1"],
            valid: (-2 * DAY, until),
        });
        let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
        let words = ["CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key];
        assert_eq!(trio.servers[0].client().command(&words).text(), "OK");
    };
    show("soon", 3 * DAY + 60);
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("the certificate of `master` expires in 3 days");
    show("over", -DAY);
    let told = troubles(&operator);
    assert_eq!(told[0].1, "certificate-expired");
    assert!(told[0].2.contains("config set tls-cert-file"), "{told:#?}");
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("`master` is alive, so its writes can be saved, and only replctl cannot use it: its certificate expired");
    trio.assert_primary(0);
}

#[test]
fn who_replicates_without_tls_is_told_of_and_sent_where_there_is_none() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Encrypted::start(family, &[]);
    let operator = trio.operator();
    let set = |i: usize, name: &str, value: &str| {
        let words = ["CONFIG", "SET", name, value];
        assert_eq!(trio.servers[i].client().command(&words).text(), "OK");
    };
    // A link that cannot come up.
    set(2, "tls-replication", "no");
    let port = trio.ports[0].to_string();
    let mut slave2 = trio.servers[2].client();
    slave2.command(&["REPLICAOF", "NO", "ONE"]);
    slave2.command(&["REPLICAOF", "127.0.0.1", &port]);
    let where_tls = format!("127.0.0.1:{port} is where `master` speaks TLS");
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says(&format!(
            "it replicates without TLS (tls-replication no), and {where_tls}"
        ))
        .says("config set tls-replication yes");
    // The same node is sent to the other port, and one that changes the primary does that for all.
    operator.run(&["promote", "slave1", "--yes"]).ok();
    let info = slave2.info("replication");
    assert_eq!(info["master_port"], trio.servers[1].port.to_string());
    assert_eq!(info["master_link_status"], "up");
    operator
        .run(&["status", "--no-ssh"])
        .ok()
        .says("`slave2` replicates without TLS (tls-replication no): data and the replication password can be read on the way");
    // One that offers none to those that need it.
    set(2, "tls-replication", "yes");
    let mut text = std::fs::read_to_string(trio.inventory()).unwrap();
    let (with, without) = (trio.ports[0], trio.servers[0].port);
    text = text.replace(
        &format!("port = {with}\n"),
        &format!("port = {without}\ntls = false\n"),
    );
    let file = trio.folder().join("mixed.toml");
    std::fs::write(&file, text).unwrap();
    let operator = Replctl::new().inventory(&file);
    set(0, "tls-port", "0");
    let why = "could not follow `master`: it replicates over TLS (tls-replication yes), and `master` has no tls-port";
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says(&format!("`slave1` {why}"));
    operator
        .run(&["promote", "master", "--yes"])
        .code(3)
        .says(&format!("`slave1` {why}"))
        .says("--ignore tls-replication");
    operator
        .run(&["move", "slave2", "--under", "master", "--yes"])
        .code(3)
        .says(why);
    assert_eq!(trio.role(1), "master");
}
