//! The other ways to servers: through their hosts, and to Sentinels.

use crate::support::encrypted::Encrypted;
use crate::support::inventory::{InventoryText, NodeText};
use crate::support::sentinel::{LocalSentinel, await_together};
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES};
use crate::support::writer::Writer;
use crate::support::{Replctl, Sshds, ports};
use crate::tls::{every_family, speaking};
use std::time::Duration;

#[test]
fn sentinels_that_speak_tls_are_found_asked_and_promoted_through() {
    for family in speaking()
        .into_iter()
        .filter(|f| f.name == "debian" || every_family())
    {
        let trio = Encrypted::start(family, &[BACKLOG]);
        let sentinels: Vec<LocalSentinel> = (0..3)
            .map(|_| {
                let lines = trio.ca.directives(ports::free(), &trio.theirs);
                LocalSentinel::start_with(family, trio.ports[0], 5_000, None, &lines)
            })
            .collect();
        await_together(&sentinels);
        let operator = trio.operator();
        let seen = operator.run(&["sentinel", "status"]).ok();
        assert!(!seen.stdout.contains("failed"), "{seen}");
        let mut load = trio.load();
        load.per_second = Some(500);
        let writer = Writer::start(load);
        writer.await_more(500, Duration::from_secs(20));
        operator
            .run(&["promote", "slave1", "--yes"])
            .ok()
            .says("hand over from master to slave1 through Sentinel");
        writer.await_more(500, Duration::from_secs(20));
        trio.assert_primary(1);
        writer.stop().nothing_lost(trio.address(1));
        for sentinel in &sentinels {
            assert_eq!(
                sentinel.field("port"),
                trio.ports[1].to_string(),
                "{}",
                family.name
            );
        }
        // What is said of them alone: without TLS, at the ports that the hellos name, nobody
        // answers.
        let apart = trio.section() + "[sentinel]\ntls = false\n";
        let apart = trio.inventory_of(InventoryText::new("orders").raw(&apart));
        let operator = Replctl::new().inventory(&apart);
        let ran = operator.run(&["sentinel", "status"]);
        assert_ne!(ran.code, Some(0), "{ran}");
        assert!(ran.stdout.contains("speaks TLS"), "{ran}");
    }
}

#[test]
fn tls_goes_through_a_tunnel_too() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(sshds) = Sshds::start(3) else {
        return;
    };
    let trio = Encrypted::start(family, &[BACKLOG]);
    let mut text = InventoryText::new("orders")
        .without_sudo()
        .ssh("user", &sshds.user())
        .ssh("identity_file", sshds.key().to_str().unwrap())
        .ssh("known_hosts", sshds.known_hosts().to_str().unwrap())
        .raw(&trio.section());
    for ((name, port), host) in NAMES.iter().zip(&trio.ports).zip(sshds.hosts()) {
        let node = NodeText::new(name, "127.0.0.1")
            .port(*port)
            .ssh_port(host.port);
        let node = node.line("via = \"ssh\"");
        text = text.node(if *name == NAMES[0] {
            node
        } else {
            node.replicaof(NAMES[0])
        });
    }
    let operator = Replctl::new().inventory(&text.write(sshds.folder()));
    let mut load = trio.load();
    load.per_second = Some(500);
    let writer = Writer::start(load);
    writer.await_more(500, Duration::from_secs(20));
    operator.run(&["promote", "slave2", "--yes"]).ok();
    writer.await_more(500, Duration::from_secs(20));
    trio.assert_primary(2);
    writer.stop().nothing_lost(trio.address(2));
}
