//! Three nodes in memory that do what a plan says.

use super::begin::{InitialNode, origin, running};
use crate::actions::Action;
use crate::actions::host::{HostAction, PayloadInfo};
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::config::directives::{parse, persisted_role};
use crate::config::server::{Stamp, Supervision, render};
use crate::config::{Paths, block};
use crate::engine::{Plan, Refusal, Setup};
use crate::inventory::{Auth, Inventory, NodeSpec, ServerSettings, ServerSource, SshSettings, Via};
use crate::plan::facts::{ConfigFile, HostFacts, Listener, Ownership, StoredData, Unseen};
use crate::topology::{
    Address, Link, Node, NodeName, PersistedRole, Product, Role, State, Topology, Upstream, sample,
};
use std::collections::BTreeMap;

/// A folder that is its server's alone.
const PRIVATE: Ownership = Ownership {
    mode: 0o750,
    uid: 998,
};

pub const NAMES: [&str; 3] = ["master", "slave1", "slave2"];

/// The world.
pub struct Stage {
    pub inventory: Inventory,
    pub topology: Topology,
    pub hosts: BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    pub payload: Vec<PayloadInfo>,
    /// Whose data each node has; `None`: none.
    lineage: [Option<usize>; 3],
}

pub fn index(name: &NodeName) -> usize {
    NAMES.iter().position(|n| *n == name.0).unwrap()
}

fn address(i: usize) -> Address {
    Address::new(format!("192.168.0.1{}0", i + 2), 6379)
}

pub fn inventory() -> Inventory {
    let nodes = NAMES.iter().enumerate().map(|(i, name)| NodeSpec {
        name: NodeName::from(*name),
        line: (1, 1),
        address: address(i),
        announce: None,
        replicaof: (i > 0).then(|| NodeName::from("master")),
        priority: None,
        ssh: SshSettings::default(),
        via: Via::Auto,
        service: crate::inventory::ServiceSettings::default(),
        tls: None,
        config: BTreeMap::new(),
    });
    Inventory {
        path: "inventory.toml".into(),
        digest: String::new(),
        name: "orders".into(),
        auth: Auth::None,
        accounts: crate::inventory::Accounts::default(),
        tls: None,
        server: ServerSettings {
            source: ServerSource::Embedded,
            directory: "/db/redis".into(),
            databases: 16,
            user: "redis".into(),
            hostnames: true,
        },
        nodes: nodes.collect(),
        sentinel: None,
        hooks: crate::inventory::hooks::Hooks::default(),
    }
}

pub fn payload() -> PayloadInfo {
    PayloadInfo {
        arch: "x86_64".into(),
        product: Product::Redis,
        version: sample::version(7, 0, 15),
        sha256: "ab".repeat(32),
        bytes: 3_000_000,
    }
}

pub fn bare_host() -> HostFacts {
    HostFacts {
        arch: "x86_64".into(),
        login: "root".into(),
        host_name: "debian".into(),
        root: true,
        systemd: true,
        writable: true,
        free_bytes: Some(1 << 34),
        memory_bytes: Some(1 << 31),
        clock_ahead_seconds: Some(0),
        hosts: "127.0.0.1 localhost\n".into(),
        ..HostFacts::default()
    }
}

impl Stage {
    pub fn new(begin: [InitialNode; 3]) -> Self {
        let mut world = Self {
            inventory: inventory(),
            topology: Topology {
                nodes: Vec::new().into(),
            },
            hosts: BTreeMap::new(),
            payload: vec![payload()],
            lineage: [None; 3],
        };
        for (i, kind) in begin.into_iter().enumerate() {
            let name = NodeName::from(NAMES[i]);
            let mut node = Node {
                address: address(i),
                announced: address(i),
                ..sample::down(NAMES[i], i)
            };
            if running(kind) {
                node.state = sample::node(NAMES[i], i, None).state;
            }
            world.topology.nodes.push(node);
            world.hosts.insert(name.clone(), Ok(bare_host()));
            if kind != InitialNode::Bare {
                world.install(&name);
            }
        }
        for (i, kind) in begin.into_iter().enumerate() {
            world.begin(i, kind, begin);
        }
        world
    }

    /// As after an earlier setup.
    fn install(&mut self, name: &NodeName) {
        let spec = self.inventory.get(name).unwrap().clone();
        let paths = Paths::new("/db/redis", 6379);
        let unit = crate::config::unit::unit(&paths, &self.inventory, &spec);
        let lines = block::hosts_lines(
            self.inventory
                .nodes
                .iter()
                .map(|n| (n.address.host.as_str(), n.name.0.as_str())),
        );
        let facts = self.facts(name);
        facts.owner_uid = Some(998);
        facts
            .servers
            .insert(payload().directory_name(), payload().sha256);
        facts.current = Some(payload().directory_name());
        let private = Ownership {
            mode: 0o750,
            uid: 998,
        };
        facts
            .directories
            .insert(paths.root().into(), Ownership::default());
        facts
            .directories
            .insert(paths.servers(), Ownership::default());
        let above = paths.above().into_iter();
        let open = above.map(|d| (d, Ownership::default()));
        facts.directories.extend(open);
        facts.directories.insert(paths.data(), private);
        facts
            .directories
            .extend(paths.below().map(|d| (d, private)));
        facts.unit = Some(unit);
        facts.unit_enabled = true;
        facts.host_name = name.0.clone();
        facts.hosts = block::put(&facts.hosts, "orders", &lines);
    }

    fn begin(&mut self, i: usize, kind: InitialNode, all: [InitialNode; 3]) {
        let name = NodeName::from(NAMES[i]);
        let (of, keys) = match kind {
            InitialNode::Bare => return,
            InitialNode::StoppedPrimary { keys } => (None, keys),
            InitialNode::EmptyPrimary => (None, false),
            InitialNode::FullPrimary => (None, true),
            InitialNode::StoppedReplica { of, keys } => (Some(of), keys),
            InitialNode::Replica { of } => (Some(of), true),
        };
        let spec = self.inventory.get(&name).unwrap().clone();
        let upstream = of.map(address);
        let text = render(
            &self.inventory,
            &spec,
            Supervision::Systemd,
            upstream.as_ref(),
        )
        .text;
        let facts = self.facts(&name);
        facts.config = Some(config_file(&text));
        facts.data = if keys {
            StoredData::Keys
        } else {
            StoredData::Empty
        };
        if running(kind) {
            facts.listener = Listener::Ours;
            self.set_role(i, upstream);
            self.server(i).keys = if keys {
                [(0, 10)].into()
            } else {
                BTreeMap::new()
            };
        }
        self.lineage[i] = keys.then(|| origin(i, all));
    }

    fn facts(&mut self, name: &NodeName) -> &mut HostFacts {
        self.hosts.get_mut(name).unwrap().as_mut().unwrap()
    }

    fn server(&mut self, i: usize) -> &mut crate::topology::Server {
        match &mut self.topology.nodes[i].state {
            State::Up(server) => server,
            State::Down(_) => panic!("{} does not run", NAMES[i]),
        }
    }

    fn set_role(&mut self, i: usize, of: Option<Address>) {
        self.server(i).replication.role = of.map_or(Role::Primary, |address| {
            Role::Replica(Upstream {
                address,
                link: Link::Up,
                offset: 100,
                last_io_seconds: Some(0),
                down_since_seconds: None,
                sync: None,
                read_only: true,
            })
        });
    }

    pub fn plan(&self, op: &Setup) -> Result<Plan, Vec<Refusal>> {
        super::plan(
            op,
            &self.inventory,
            &self.topology,
            &self.hosts,
            &self.payload,
        )
    }

    /// Does what the plan says; `discard` is the node whose data may go.
    pub fn carry_out(&mut self, plan: &Plan, discard: Option<usize>, what: &str) {
        for step in plan.steps() {
            let i = index(&step.node);
            match &step.action {
                Action::Host(action) => self.host(i, action),
                Action::Role(RoleAction::Follow { address, .. }) => {
                    self.set_role(i, Some(address.clone()));
                }
                Action::Server(ServerAction::PersistRole) => {
                    let role = self.server(i).replication.role.clone();
                    self.facts(&step.node).config.as_mut().unwrap().role = match role {
                        Role::Primary => PersistedRole::Primary,
                        Role::Replica(up) => PersistedRole::ReplicaOf(up.address),
                    };
                }
                Action::Server(ServerAction::SetDirective { name, value }) => {
                    self.server(i).config.insert(name.clone(), value.clone());
                }
                Action::Server(ServerAction::AwaitAnswer { .. }) => drop(self.server(i)),
                Action::Server(ServerAction::AwaitInSync { with, .. }) => {
                    let above = index(with);
                    assert_eq!(self.top(above), self.top(i), "{what}");
                    let new = self.lineage[self.top(i).unwrap()];
                    let old = self.lineage[i];
                    assert!(
                        old.is_none() || old == new || discard == Some(i),
                        "{what}: {} lost its data",
                        step.node
                    );
                    self.lineage[i] = new;
                }
                Action::Server(ServerAction::ProveWrite { replicas }) => {
                    assert!(self.topology.nodes[i].is_primary(), "{what}");
                    let at = |n: &NodeName| self.top(index(n)) == Some(i);
                    assert!(replicas.iter().all(at), "{what}");
                }
                other => panic!("{what}: {other}"),
            }
        }
    }

    fn host(&mut self, i: usize, action: &HostAction) {
        let facts = self.facts(&NodeName::from(NAMES[i]));
        match action.clone() {
            HostAction::MakeUser { .. } => facts.owner_uid = Some(998),
            HostAction::MakeDirectories {
                shared, private, ..
            } => {
                facts
                    .directories
                    .extend(shared.into_iter().map(|d| (d, Ownership::default())));
                let owned = |d| (d, PRIVATE);
                facts.directories.extend(private.into_iter().map(owned));
            }
            HostAction::PutServer { server, into } => {
                let name = into.rsplit('/').next().unwrap().to_owned();
                facts.servers.insert(name, server.sha256);
            }
            HostAction::LinkServer { target, .. } => facts.current = Some(target),
            HostAction::WriteConfig { text, .. } => facts.config = Some(config_file(&text)),
            HostAction::ProtectConfig { .. } => {
                facts.config.as_mut().unwrap().ownership = Ownership {
                    mode: 0o600,
                    uid: 998,
                };
            }
            HostAction::StampConfig { stamp, .. } => {
                facts.config.as_mut().unwrap().stamp = Some(stamp);
            }
            HostAction::WriteUnit { text, .. } => {
                facts.unit = Some(text);
                facts.unit_enabled = true;
            }
            HostAction::WriteBlock { path, owner, lines } => {
                let file = match path.as_str() {
                    "/etc/hosts" => &mut facts.hosts,
                    _ => facts.rc_local.as_mut().unwrap(),
                };
                *file = block::put(file, &owner, &lines);
            }
            HostAction::SetHostName { name } => facts.host_name = name,
            HostAction::StartServer(_) => {
                facts.listener = Listener::Ours;
                let (role, data) = (facts.config.as_ref().unwrap().role.clone(), facts.data);
                self.topology.nodes[i].state = sample::node(NAMES[i], i, None).state;
                self.set_role(
                    i,
                    match role {
                        PersistedRole::ReplicaOf(address) => Some(address),
                        _ => None,
                    },
                );
                if data == StoredData::Keys {
                    self.server(i).keys = [(0, 10)].into();
                }
            }
            other => panic!("{other}"),
        }
    }

    /// The primary that a running node's upstreams end at.
    fn top(&self, i: usize) -> Option<usize> {
        let mut at = i;
        for _ in 0..4 {
            let node = &self.topology.nodes[at];
            node.server()?;
            match node.upstream() {
                None => return Some(at),
                Some(up) => at = index(&self.topology.at(&up.address)?.name),
            }
        }
        None
    }

    pub fn is_one_tree(&self, what: &str) {
        assert_eq!(self.topology.primaries().count(), 1, "{what}");
        let tops: Vec<_> = (0..3).map(|i| self.top(i)).collect();
        assert!(
            tops.iter().all(|t| t.is_some() && *t == tops[0]),
            "{what}: {tops:?}"
        );
        for (node, facts) in self.topology.nodes.iter().zip(self.hosts.values()) {
            let file = &facts.as_ref().unwrap().config.as_ref().unwrap().role;
            let live = node.upstream().map(|u| &u.address);
            let same = match file {
                PersistedRole::Primary => live.is_none(),
                PersistedRole::ReplicaOf(address) => live == Some(address),
                PersistedRole::Unknown(_) | PersistedRole::Unwritten => false,
            };
            assert!(same, "{what}: {} would come back as {file:?}", node.name);
        }
    }
}

pub fn config_file(text: &str) -> ConfigFile {
    let directives = parse(text);
    ConfigFile {
        stamp: Stamp::of(text),
        role: persisted_role(&directives),
        directives,
        ownership: Ownership {
            mode: 0o600,
            uid: 998,
        },
    }
}
