//! Topologies for tests, made from a few words.

use super::{
    Address, Link, Node, Product, Replication, Role, Server, State, Topology, Trouble, TroubleKind,
    Upstream, Version,
};
use std::collections::BTreeMap;

/// A version from its parts.
pub fn version(major: u16, minor: u16, patch: u16) -> Version {
    Version {
        major,
        minor,
        patch,
    }
}

/// A healthy primary with nothing in it.
pub fn server() -> Server {
    Server {
        product: Product::Redis,
        version: version(7, 0, 15),
        run_id: String::new(),
        config_file: None,
        process_id: None,
        uptime_seconds: Some(60),
        cluster_enabled: false,
        loading: None,
        disk: crate::topology::persistence::Disk::default(),
        used_memory: Some(1_000_000),
        maxmemory: Some(0),
        keys: BTreeMap::new(),
        expiring_fields: None,
        sync_full: Some(0),
        sync_partial_ok: Some(0),
        replication: Replication {
            role: Role::Primary,
            offset: 100,
            replid: "a".repeat(40),
            replid2: None,
            second_offset: None,
            backlog: None,
            replicas: Vec::new(),
            failover: None,
            priority: Some(100),
        },
        sentinels: Some(0),
        claims: Some(0),
        config: BTreeMap::new(),
        has_password: Some(false),
        replica_auth: Some(super::ReplicaAuth::Unset),
        certificate: None,
    }
}

/// The address of node `i` of a sample: 10.0.0.1 with ports from 6379.
pub fn address(i: usize) -> Address {
    Address::new("10.0.0.1", 6379 + u16::try_from(i).unwrap_or(0))
}

/// A node that answers; `of`: the address it replicates from, with the link up.
pub fn node(name: &str, i: usize, of: Option<Address>) -> Node {
    let mut server = server();
    server.run_id = format!("{i:040}");
    if let Some(address) = of {
        let upstream = Upstream {
            address,
            link: Link::Up,
            offset: 100,
            last_io_seconds: Some(0),
            down_since_seconds: None,
            sync: None,
            read_only: true,
        };
        server.replication.role = Role::Replica(upstream);
    }
    Node {
        name: name.into(),
        address: address(i),
        announced: address(i),
        resolved: Vec::new(),
        reached: Vec::new(),
        names_there: BTreeMap::new(),
        sight: crate::topology::Sight::default(),
        state: State::Up(Box::new(server)),
        persisted: None,
        service: None,
    }
}

/// A node that refuses connections.
pub fn down(name: &str, i: usize) -> Node {
    let trouble = Trouble {
        kind: TroubleKind::Refused,
        detail: "connection refused".to_owned(),
    };
    Node {
        state: State::Down(trouble),
        ..node(name, i, None)
    }
}

/// The seed's three nodes, all well.
pub fn seed() -> Topology {
    Topology {
        nodes: vec![
            node("master", 0, None),
            node("slave1", 1, Some(address(0))),
            node("slave2", 2, Some(address(0))),
        ]
        .into(),
    }
}
