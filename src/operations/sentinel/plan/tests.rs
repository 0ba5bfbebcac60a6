//! What is refused, and what is warned of. The simulator tests what is done.

use super::*;
use crate::config::directives::parse as directives;
use crate::engine::warning::sentences;
use crate::inventory::parse::parse;
use crate::plan::facts::ConfigFile;
use crate::topology::sentinel::{View, ViewState};
use crate::topology::{Address, PersistedRole, TroubleKind, sample};
use std::path::Path;

/// Three Sentinels that are to come beside the tutorial's three nodes.
struct Case {
    inventory: Inventory,
    topology: Topology,
    watch: Option<Watch>,
    members: BTreeMap<NodeName, Result<Member, Trouble>>,
    hosts: BTreeMap<NodeName, Result<HostFacts, Unseen>>,
}

fn inventory(nodes: &str, section: &str) -> Inventory {
    let text = format!(
        "[deployment]\nname = \"orders\"\nauth = \"none\"\n[server]\nsource = \"package\"\n{nodes}\n[sentinel]\n{section}\n"
    );
    parse(Path::new("i"), &text).unwrap()
}

const NODES: &str = "[[node]]\nname = \"master\"\naddress = \"10.0.0.1\"\n[[node]]\nname = \"slave1\"\naddress = \"10.0.0.2\"\nreplicaof = \"master\"\n[[node]]\nname = \"slave2\"\naddress = \"10.0.0.3\"\nreplicaof = \"master\"";
const THREE: &str = "nodes = [\"master\", \"slave1\", \"slave2\"]";

fn host() -> HostFacts {
    HostFacts {
        arch: "x86_64".into(),
        login: "root".into(),
        root: true,
        systemd: true,
        writable: true,
        owner_uid: Some(998),
        package: Some("/usr/bin/redis-server".into()),
        ..HostFacts::default()
    }
}

fn silent() -> Trouble {
    Trouble {
        kind: TroubleKind::Refused,
        detail: "connection refused".to_owned(),
    }
}

impl Case {
    fn new(nodes: &str, section: &str) -> Self {
        let inventory = inventory(nodes, section);
        let names = || inventory.sentinels().iter().map(|n| n.name.clone());
        let members = names().map(|n| (n, Err(silent()))).collect();
        let hosts = names().map(|n| (n, Ok(host()))).collect();
        let address = |i: usize| inventory.nodes[i].address.clone();
        let seen = inventory.nodes.iter().enumerate().map(|(i, spec)| Node {
            address: address(i),
            announced: address(i),
            ..sample::node(&spec.name.0, i, (i > 0).then(|| address(0)))
        });
        Self {
            topology: Topology {
                nodes: seen.collect(),
            },
            inventory,
            watch: None,
            members,
            hosts,
        }
    }

    fn plan(&self) -> Result<Plan, Vec<Refusal>> {
        let around = SentinelInput {
            topology: &self.topology,
            watch: self.watch.as_ref(),
            members: &self.members,
            hosts: &self.hosts,
            payload: &[],
        };
        plan(
            &self.inventory,
            self.inventory.sentinel.as_ref().unwrap(),
            &around,
        )
    }

    fn refused(&self) -> String {
        let all = self.plan().unwrap_err();
        let all: Vec<String> = all
            .into_iter()
            .map(|r| format!("{} | {}", r.why, r.hint))
            .collect();
        all.join("\n")
    }

    fn warned(&self) -> String {
        sentences(&self.plan().unwrap().warnings).join("\n")
    }

    fn host(&mut self, name: &str) -> &mut HostFacts {
        self.hosts.get_mut(&name.into()).unwrap().as_mut().unwrap()
    }

    fn runs(&mut self, name: &str, sees: Option<Sees>) {
        self.host(name).listener = Listener::Ours;
        let watches = sees.iter().map(|_| "orders".to_owned()).collect();
        self.members
            .insert(name.into(), Ok(Member { watches, sees }));
    }
}

fn sees(primary: &str) -> Sees {
    Sees {
        run_id: Some("a".repeat(40)),
        primary: Some(Address::new(primary, 6379)),
        flags: vec!["master".to_owned()],
        quorum: 2,
        down_after_ms: 5_000,
        failover_timeout_ms: 60_000,
        parallel_syncs: 1,
        ..Sees::default()
    }
}

fn says(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "no `{wanted}` in:\n{text}");
    }
}

#[test]
fn the_primary_that_is_there_is_watched() {
    let mut case = Case::new(NODES, THREE);
    // After a promotion, what the inventory named first no longer counts.
    let nodes = &mut case.topology.nodes;
    let state = nodes[0].state.clone();
    nodes[0].state = std::mem::replace(&mut nodes[1].state, state);
    let plan = case.plan().unwrap();
    let text = format!("{plan:?}");
    assert!(
        text.contains("sentinel monitor orders 10.0.0.2 6379 2"),
        "{text}"
    );
    assert!(!text.contains("monitor orders 10.0.0.1"), "{text}");
}

#[test]
fn without_one_primary_nothing_is_set_up() {
    let mut case = Case::new(NODES, THREE);
    case.topology.nodes[0] = sample::down("master", 0);
    says(&case.refused(), &["no primary answers", "replctl status"]);
    let mut case = Case::new(NODES, THREE);
    case.topology.nodes[1].state = sample::node("slave1", 1, None).state;
    says(&case.refused(), &["`master` and `slave1` are primaries"]);
}

#[test]
fn hosts_that_cannot_be_used_are_told_all_at_once() {
    let mut case = Case::new(NODES, THREE);
    case.hosts
        .insert("sentinel@master".into(), Err("no route".to_owned().into()));
    case.host("sentinel@slave1").listener = Listener::Foreign("`nc -l`".into());
    case.host("sentinel@slave2").listener = Listener::Ours;
    says(
        &case.refused(),
        &[
            "cannot look at the host of `sentinel@master`: no route",
            "port 26379 of the host of `sentinel@slave1` is taken by `nc -l`",
            "`sentinel@slave2` runs and gives no usable answer: connection refused",
        ],
    );
    let mut case = Case::new(NODES, THREE);
    case.members
        .insert("sentinel@master".into(), Ok(Member::default()));
    says(&case.refused(), &["`sentinel@master` is two machines"]);
}

#[test]
fn those_that_mean_another_primary_are_not_joined() {
    let mut case = Case::new(NODES, THREE);
    case.runs("sentinel@slave1", Some(sees("10.0.0.3")));
    says(
        &case.refused(),
        &[
            "watches 10.0.0.3:6379 as the primary of `orders`",
            "`master` (10.0.0.1:6379)",
        ],
    );
    // Known by another address, and the same process.
    let mut known = sees("192.0.2.1");
    known.primary_run_id = Some(format!("{:040}", 0));
    case.runs("sentinel@slave1", Some(known));
    case.plan().unwrap();
    let mut busy = sees("10.0.0.3");
    busy.flags.push("failover_in_progress".to_owned());
    case.runs("sentinel@slave1", Some(busy));
    says(&case.refused(), &["in the middle of a failover"]);
}

#[test]
fn a_stopped_one_with_a_former_primary_is_started_only_beside_others_that_know() {
    let mut case = Case::new(NODES, THREE);
    case.host("sentinel@slave2").config = Some(ConfigFile {
        stamp: None,
        role: PersistedRole::Primary,
        directives: directives("sentinel monitor orders 10.0.0.2 6379 2\n"),
        ownership: crate::plan::facts::Ownership {
            mode: 0o600,
            uid: 998,
        },
    });
    says(
        &case.refused(),
        &[
            "its file /db/redis/26379/conf/sentinel.cnf says that 10.0.0.2:6379 is the primary",
            "remove that file",
        ],
    );
    case.runs("sentinel@master", Some(sees("10.0.0.1")));
    case.plan().unwrap();
}

#[test]
fn a_second_group_by_another_name_is_refused_and_strangers_are_counted() {
    let mut case = Case::new(NODES, THREE);
    let view = View {
        address: Address::new("10.9.9.9", 26379),
        state: ViewState::Up(Box::new(sees("10.0.0.1"))),
    };
    let watch = Watch {
        name: "mymaster".to_owned(),
        other_names: Vec::new(),
        hosts: std::collections::BTreeMap::new(),
        counted: 1,
        views: vec![view],
    };
    case.watch = Some(watch.clone());
    says(
        &case.refused(),
        &["as `mymaster` already", "`name = \"mymaster\"`"],
    );
    case.watch = Some(Watch {
        name: "orders".to_owned(),
        ..watch
    });
    says(
        &case.warned(),
        &["10.9.9.9:26379 watches as well, and is not under [sentinel]"],
    );
    let others = case.plan().unwrap();
    let text = others.steps().last().unwrap().action.to_string();
    says(&text, &["3 other Sentinels"]);
}

#[test]
fn too_few_an_even_number_and_one_host_are_warned_of() {
    let of = |section: &str| Case::new(NODES, section).warned();
    says(&of("nodes = [\"master\"]"), &["one Sentinel is not enough"]);
    says(
        &of("nodes = [\"master\", \"slave1\"]"),
        &["two Sentinels cannot outvote"],
    );
    let four = of("nodes = [\"master\", \"slave1\", \"slave2\", \"10.0.0.9\"]");
    says(
        &four,
        &["4 Sentinels survive no more failures than 3: a majority of them is 3"],
    );
    let one_host = of("nodes = [\"master\", \"master:26380\", \"slave1\"]");
    says(&one_host, &["several Sentinels are on 10.0.0.1"]);
    let three = of(THREE);
    assert!(
        !three.contains("several") && !three.contains("majority"),
        "{three}"
    );
    says(&three, &["give them a `password` under [sentinel]"]);
    assert_eq!(of(&format!("{THREE}\npassword = {{ env = \"S\" }}")), "");
}

#[test]
fn names_take_a_sentinel_that_resolves_them() {
    let nodes = NODES.replace("10.0.0.1", "db1.example.org");
    let mut case = Case::new(&nodes, THREE);
    let plan = case.plan().unwrap();
    let text = format!("{plan:?}");
    says(
        &text,
        &[
            "sentinel resolve-hostnames yes",
            "monitor orders db1.example.org 6379 2",
        ],
    );
    for node in &mut case.topology.nodes {
        if let crate::topology::State::Up(server) = &mut node.state {
            server.version = sample::version(6, 0, 16);
        }
    }
    says(
        &case.refused(),
        &["Sentinels before 6.2 cannot resolve them"],
    );
}
