//! Topologies for tests, in a few words: the tutorial's three nodes and what can become of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

/// The history most test servers are of.
pub const HISTORY: &str = "4b7f12913cbd9758583ec97583f48febeafc843a";

/// A server with 2,001 keys, one backlog of 1 MiB, and its role still open.
fn server(run: &str, role: Role, offset: u64) -> Server {
    Server {
        product: Product::Redis,
        version: Version {
            major: 7,
            minor: 0,
            patch: 15,
        },
        run_id: format!("run of {run}"),
        config_file: Some("/db/redis/6379/conf/redis.cnf".into()),
        process_id: None,
        uptime_seconds: Some(3600),
        cluster_enabled: false,
        loading: None,
        disk: crate::topology::persistence::Disk::default(),
        used_memory: Some(1_569_640),
        maxmemory: Some(0),
        keys: BTreeMap::from([(0, 2001)]),
        expiring_fields: None,
        sync_full: Some(2),
        sync_partial_ok: Some(0),
        replication: Replication {
            role,
            offset,
            replid: HISTORY.into(),
            replid2: None,
            second_offset: None,
            backlog: Some(Backlog {
                first: 1,
                held: offset,
                size: 1 << 20,
            }),
            replicas: Vec::new(),
            failover: None,
            priority: None,
        },
        sentinels: Some(0),
        claims: Some(0),
        config: BTreeMap::new(),
        has_password: Some(true),
        replica_auth: Some(ReplicaAuth::Right),
        certificate: None,
    }
}

fn node(name: &str, host: &str, state: State) -> Node {
    let address = Address::new(host, 6379);
    Node {
        name: name.into(),
        announced: address.clone(),
        address,
        resolved: Vec::new(),
        reached: Vec::new(),
        names_there: BTreeMap::new(),
        sight: crate::topology::Sight::default(),
        state,
        persisted: None,
        service: None,
    }
}

/// A primary on port 6379 of `host`.
pub fn primary(name: &str, host: &str, offset: u64) -> Node {
    node(
        name,
        host,
        State::Up(Box::new(server(name, Role::Primary, offset))),
    )
}

/// A replica of port 6379 of `upstream`, its link up.
pub fn replica(name: &str, host: &str, upstream: &str, offset: u64) -> Node {
    let role = Role::Replica(Upstream {
        address: Address::new(upstream, 6379),
        link: Link::Up,
        offset,
        last_io_seconds: Some(1),
        down_since_seconds: None,
        sync: None,
        read_only: true,
    });
    let mut server = server(name, role, offset);
    server.replication.priority = Some(100);
    node(name, host, State::Up(Box::new(server)))
}

/// A node that does not answer.
pub fn down(name: &str, host: &str, kind: TroubleKind, detail: &str) -> Node {
    node(
        name,
        host,
        State::Down(Trouble {
            kind,
            detail: detail.into(),
        }),
    )
}

/// The tutorial's deployment: `master`, `slave1`, `slave2`, healthy.
pub fn healthy() -> Topology {
    Topology {
        nodes: vec![
            primary("master", "192.168.0.120", 5000),
            replica("slave1", "192.168.0.130", "192.168.0.120", 5000),
            replica("slave2", "192.168.0.140", "192.168.0.120", 5000),
        ]
        .into(),
    }
}

/// The tutorial after its failover: `slave1` is primary, `master` is gone, and `slave2` was pointed
/// at 192.168.1.130.
pub fn typo() -> Topology {
    let mut slave2 = replica("slave2", "192.168.0.140", "192.168.1.130", 1270);
    slave2.link_down(Some(348));
    let gone = "no answer to the connection attempt within 2 s";
    Topology {
        nodes: vec![
            down("master", "192.168.0.120", TroubleKind::NoAnswer, gone),
            primary("slave1", "192.168.0.130", 1270),
            slave2,
        ]
        .into(),
    }
}

impl Node {
    /// The server behind it.
    pub fn up(&mut self) -> &mut Server {
        match &mut self.state {
            State::Up(server) => server,
            State::Down(_) => panic!("it is down"),
        }
    }

    /// Its replica's end of the link.
    pub fn link(&mut self) -> &mut Upstream {
        match &mut self.up().replication.role {
            Role::Replica(upstream) => upstream,
            Role::Primary => panic!("it is a primary"),
        }
    }

    /// Takes its link down.
    pub fn link_down(&mut self, seconds: Option<u64>) {
        let link = self.link();
        link.link = Link::Down;
        link.last_io_seconds = None;
        link.down_since_seconds = seconds;
    }
}
