#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::findings::{self, Context, PendingDemotion};
use crate::output::json;
use crate::topology::service::{Starter, Unit};
use crate::topology::testing::{down, healthy, primary, replica, typo};
use crate::topology::{Address, Loading, ReplicaAuth, TroubleKind, Version};
use proptest::prelude::*;

const WIDE: Options = Options {
    width: Some(120),
    utf8: true,
    colour: false,
};

fn context() -> Context {
    Context {
        deployment: "orders".into(),
        password: true,
        ..Context::default()
    }
}

fn shown_with(topology: &Topology, context: &Context, options: Options) -> String {
    let found = findings::findings(topology, context);
    render(
        &Shown {
            deployment: "orders",
            topology,
            findings: &found,
            lags: None,
            args: &Status::default(),
            codes: false,
        },
        options,
    )
}

fn shown(topology: &Topology) -> String {
    shown_with(topology, &context(), WIDE)
}

#[test]
fn a_healthy_deployment() {
    let topology = healthy();
    let lags = Lags::from([
        (
            "slave1".into(),
            Lag {
                seconds: 0.0,
                at_least: false,
            },
        ),
        (
            "slave2".into(),
            Lag {
                seconds: 2.0,
                at_least: true,
            },
        ),
    ]);
    let seen = Shown {
        args: &Status {
            all: true,
            ..Status::default()
        },
        codes: false,
        deployment: "orders",
        topology: &topology,
        findings: &[],
        lags: Some(&lags),
    };
    insta::assert_snapshot!(render(&seen, WIDE));
}

/// What starts each is shown where replctl did not make all of them.
#[test]
fn servers_of_others_are_shown_with_what_starts_them() {
    let mut topology = healthy();
    assert!(!shown(&topology).contains("run by"));
    let starters = [
        Starter::Unit(Box::new(unit("replctl-6379.service"))),
        Starter::Unit(Box::new(unit("redis\x1b[31m.service"))),
        Starter::Unknown("no SSH".into()),
    ];
    for (node, starter) in topology.nodes.iter_mut().zip(starters) {
        let mut service = Service::unseen(None, "no SSH");
        service.managed = matches!(&starter, Starter::Unit(u) if u.name.starts_with("replctl"));
        service.starter = starter;
        node.service = Some(Box::new(service));
    }
    insta::assert_snapshot!(shown(&topology));
}

fn unit(name: &str) -> Unit {
    Unit {
        name: name.into(),
        user: None,
        fragment: None,
        drop_ins: Vec::new(),
        exec_start: String::new(),
        enabled: Some(true),
        confined: Vec::new(),
    }
}

/// The only difference is the code behind the severity.
#[test]
fn verbose_shows_the_codes() {
    let topology = typo();
    let found = findings::findings(&topology, &context());
    let seen = Shown {
        deployment: "orders",
        topology: &topology,
        findings: &found,
        lags: None,
        args: &Status::default(),
        codes: true,
    };
    let text = render(&seen, WIDE);
    assert!(text.contains("2. problem (upstream-unknown): "), "{text}");
    let plain = found.iter().fold(text, |text, finding| {
        text.replacen(&format!(" ({}): ", finding.code.name()), ": ", 1)
    });
    // Where lines end is another matter.
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&plain), words(&shown(&topology)));
}

#[test]
fn the_slip_of_the_tutorial() {
    insta::assert_snapshot!(shown(&typo()));
}

#[test]
fn the_slip_on_sixty_columns_without_utf8() {
    insta::assert_snapshot!(shown_with(
        &typo(),
        &context(),
        Options {
            width: Some(60),
            utf8: false,
            colour: false
        }
    ));
}

#[test]
fn in_colour() {
    let mut topology = healthy();
    topology.nodes[2].link().read_only = false;
    let text = shown_with(
        &topology,
        &context(),
        Options {
            colour: true,
            ..WIDE
        },
    );
    insta::assert_snapshot!(text.replace('\u{1b}', "<ESC>"));
}

#[test]
fn a_dead_primary() {
    let mut topology = healthy();
    topology.nodes[0] = down(
        "master",
        "192.168.0.120",
        TroubleKind::Refused,
        "connection refused: nothing listens there",
    );
    topology.nodes[1].link_down(Some(12));
    topology.nodes[2].link_down(Some(90_000));
    insta::assert_snapshot!(shown(&topology));
}

#[test]
fn two_primaries() {
    let mut topology = healthy();
    topology.nodes[0].up().replication.offset = 9331;
    topology.nodes[1] = primary("slave1", "192.168.0.130", 5300);
    let new = &mut topology.nodes[1].up().replication;
    new.replid2 = Some(std::mem::replace(&mut new.replid, "of slave1".into()));
    new.second_offset = Some(5001);
    let pending = PendingDemotion {
        node: "master".into(),
        address: Address::new("192.168.0.130", 6379),
        since: "2026-11-23T06:34:00Z".parse().unwrap(),
    };
    insta::assert_snapshot!(shown_with(
        &topology,
        &Context {
            pending_demotions: vec![pending],
            ..context()
        },
        WIDE
    ));
}

#[test]
fn a_circle() {
    let mut topology = healthy();
    topology.nodes[0] = replica("master", "192.168.0.120", "192.168.0.130", 5000);
    insta::assert_snapshot!(shown(&topology));
}

#[test]
fn a_full_resync_and_a_chain() {
    let mut topology = healthy();
    topology.nodes[1].link_down(None);
    topology.nodes[1].link().sync = Some(SyncProgress {
        read: Some(12 << 20),
        total: Some(30 << 20),
        idle_seconds: None,
    });
    topology.nodes[1].up().loading = Some(Loading { percent: None });
    topology.nodes[2].link().address.host = "192.168.0.130".into();
    topology.nodes[2].up().version = Version {
        major: 6,
        minor: 2,
        patch: 14,
    };
    topology.nodes[0].up().replication.offset = 4_300_000;
    insta::assert_snapshot!(shown(&topology));
}

#[test]
fn passwords_refused_and_missing() {
    let mut topology = healthy();
    topology.nodes[1].link_down(None);
    topology.nodes[1].up().replica_auth = Some(ReplicaAuth::Unset);
    let words =
        "it refuses the password: WRONGPASS invalid username-password pair or user is disabled.";
    topology.nodes[2] = down(
        "slave2",
        "192.168.0.140",
        TroubleKind::PasswordRefused,
        words,
    );
    insta::assert_snapshot!(shown(&topology));
}

/// Names and words that try to write to the terminal, at every place where a server or a file can
/// have them.
fn hostile() -> Topology {
    const EVIL: &str = "\u{1b}[2J\u{1b}]0;gone\u{7}\r\n\u{202e}\u{9b}31m数";
    let mut topology = healthy();
    topology.nodes[0].announced.host = format!("{EVIL}.example");
    topology.nodes[1].name = format!("slave{EVIL}").as_str().into();
    topology.nodes[1].link().address.host = EVIL.into();
    topology.nodes[1].link_down(Some(3));
    topology.nodes[2] = down("slave2", "192.168.0.140", TroubleKind::NotRedis, EVIL);
    topology.nodes[0].up().replication.failover = Some(EVIL.into());
    topology.nodes[0]
        .up()
        .config
        .insert("logfile".into(), EVIL.into());
    topology
}

#[test]
fn escape_sequences_of_servers_do_not_reach_the_terminal() {
    let topology = hostile();
    let text = shown(&topology);
    let found = findings::findings(&topology, &context());
    let json = json::document(&crate::operations::status::report::json::status(&Shown {
        deployment: "orders",
        topology: &topology,
        findings: &found,
        lags: None,
        args: &Status::default(),
        codes: false,
    }));
    for output in [&text, &json] {
        let bad: Vec<char> = output
            .chars()
            .filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}')
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
    }
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        read["nodes"][2]["state"]["down"]["detail"],
        serde_json::json!(&topology_detail(&topology))
    );
    insta::assert_snapshot!(text);
}

fn topology_detail(topology: &Topology) -> String {
    match &topology.nodes[2].state {
        State::Down(trouble) => trouble.detail.clone(),
        State::Up(_) => panic!("it is up"),
    }
}

#[test]
fn the_json_of_the_slip() {
    let topology = typo();
    let found = findings::findings(&topology, &context());
    insta::assert_snapshot!(json::document(
        &crate::operations::status::report::json::status(&Shown {
            deployment: "orders",
            topology: &topology,
            findings: &found,
            lags: None,
            args: &Status::default(),
            codes: false,
        })
    ));
}

#[test]
fn a_thousand_nodes_are_shown_quickly() {
    let mut nodes = vec![primary("n0", "10.0.0.0", 10)];
    nodes.extend((1..1000).map(|n| {
        replica(
            &format!("n{n}"),
            &format!("10.0.{}.{}", n / 250, n % 250),
            "10.0.0.0",
            10,
        )
    }));
    let topology = Topology {
        nodes: nodes.into(),
    };
    let begin = std::time::Instant::now();
    let text = shown(&topology);
    assert!(
        text.starts_with("orders: primary n0 (10.0.0.0:6379), 999 replicas in sync\n"),
        "{}",
        &text[..200]
    );
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_a_server_can_say_breaks_it(
        infos in proptest::collection::vec((0usize..5, 0u64..=u64::MAX, 0u64..=u64::MAX, any::<bool>(), 0usize..5), 1..5),
        width in 1usize..200,
    ) {
        let host = |n: usize| format!("10.0.0.{n}");
        let nodes = infos.iter().enumerate().map(|(n, (up, offset, extreme, flag, other))| {
            let mut node = if *flag { primary(&n.to_string(), &host(n), *offset) } else { replica(&n.to_string(), &host(n), &host(*up), *offset) };
            let server = node.up();
            server.keys.insert(1, *extreme);
            server.keys.insert(2, u64::MAX);
            server.maxmemory = Some(*extreme / 2);
            server.used_memory = Some(*extreme);
            let r = &mut server.replication;
            r.second_offset = Some(*extreme);
            r.replid = other.to_string();
            r.replid2 = Some(up.to_string());
            if let Some(backlog) = &mut r.backlog {
                backlog.first = *extreme;
                backlog.size = u64::MAX;
            }
            if !*flag && other % 2 == 0 {
                node.link_down(Some(*extreme));
                node.link().sync = Some(SyncProgress { read: Some(*extreme), total: (*other == 0).then_some(*offset), idle_seconds: None });
            }
            node
        }).collect();
        let topology = Topology { nodes };
        let text = shown_with(&topology, &context(), Options { width: Some(width), utf8: true, colour: true });
        let begins = text.starts_with('\u{1b}') || text.starts_with("orders");
        prop_assert!(begins);
    }
}
