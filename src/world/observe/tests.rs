#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::findings::{Code, Context, findings};
use crate::inventory::{Auth, ServerSettings, ServerSource, SshSettings, Via};
use crate::topology::{Address, Link};
use crate::world::lag;
use crate::world::resp::tcp;
use crate::world::testing::{Direct, TestServer, free_port};
use std::time::Instant;

pub(super) fn spec(name: &str, host: &str, port: u16) -> NodeSpec {
    NodeSpec {
        line: (1, 1),
        name: name.into(),
        address: Address::new(host, port),
        announce: None,
        replicaof: None,
        priority: None,
        ssh: SshSettings::default(),
        via: Via::Direct,
        service: crate::inventory::ServiceSettings::default(),
        tls: None,
        config: BTreeMap::new(),
    }
}

pub(super) fn inventory(nodes: Vec<NodeSpec>) -> Inventory {
    Inventory {
        path: "/inventory.toml".into(),
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
            hostnames: false,
        },
        nodes,
        sentinel: None,
        hooks: crate::inventory::hooks::Hooks::default(),
    }
}

fn secret(text: &str) -> ServerLogin {
    ServerLogin::from(text)
}

pub(super) fn logins(login: Option<ServerLogin>) -> Logins {
    Logins::from(login)
}

#[tokio::test]
async fn a_deployment_is_seen_whole() {
    let servers = TestServer::start_deployment(
        2,
        &[
            "requirepass s3cr3t-word",
            "masterauth s3cr3t-word",
            "maxmemory 100mb",
        ],
    );
    let names = ["master", "slave1", "slave2"];
    let nodes = names
        .iter()
        .zip(&servers)
        .map(|(name, s)| spec(name, "127.0.0.1", s.port))
        .collect();
    let seen = topology(
        &inventory(nodes),
        &logins(Some(secret("s3cr3t-word"))),
        &Direct,
        32,
    )
    .await;
    let server = seen.nodes[1].server().unwrap();
    assert_eq!(server.has_password, Some(true));
    assert_eq!(server.replica_auth, Some(ReplicaAuth::Right));
    assert_eq!(server.sentinels, Some(0));
    assert_eq!(server.maxmemory, Some(100 << 20));
    assert_eq!(
        server.config.get("databases").map(String::as_str),
        Some("16")
    );
    // Only Valkey has it.
    let known = |d: &&str| *d == "rdb-version-check" || server.config.contains_key(*d);
    assert!(DIRECTIVES.iter().all(known), "{:?}", server.config);
    assert!(
        !format!("{seen:?}").contains("s3cr3t-word"),
        "a secret was kept"
    );
    assert!(seen.nodes[0].is_primary());
    for replica in &seen.nodes[1..] {
        assert_eq!(replica.upstream().unwrap().link, Link::Up);
        assert_eq!(seen.upstream_of(replica).unwrap().name.0, "master");
    }
}

#[tokio::test]
async fn other_passwords_and_forbidden_config_are_told() {
    let wrong = TestServer::start(&["masterauth other"]);
    let conn = Conn::open(
        tcp(&Address::new("127.0.0.1", wrong.port)).await.unwrap(),
        Some(&secret("pw")),
    )
    .await
    .unwrap();
    let seen = server(&conn, &logins(Some(secret("pw"))).replicas)
        .await
        .unwrap();
    assert_eq!(
        (seen.has_password, seen.replica_auth),
        (Some(false), Some(ReplicaAuth::Wrong))
    );
    let seen = server(&conn, &logins(None).replicas).await.unwrap();
    assert_eq!(
        seen.replica_auth,
        Some(ReplicaAuth::Wrong),
        "a primary without a password refuses any"
    );

    let closed = TestServer::start(&["user default on nopass ~* &* +@all -config -pubsub"]);
    let conn = Conn::open(
        tcp(&Address::new("127.0.0.1", closed.port)).await.unwrap(),
        None,
    )
    .await
    .unwrap();
    let seen = server(&conn, &logins(None).replicas).await.unwrap();
    assert_eq!(
        (seen.replica_auth, seen.sentinels, seen.config.len()),
        (None, None, 0)
    );

    let renamed = TestServer::start(&["rename-command CONFIG \"\""]);
    let conn = Conn::open(
        tcp(&Address::new("127.0.0.1", renamed.port)).await.unwrap(),
        None,
    )
    .await
    .unwrap();
    assert!(
        server(&conn, &logins(None).replicas)
            .await
            .unwrap()
            .config
            .is_empty()
    );
}

#[tokio::test]
async fn every_bad_node_is_a_row_and_none_takes_long() {
    let good = TestServer::start(&[]);
    let frozen = TestServer::start(&[]);
    frozen.freeze();
    let locked = TestServer::start(&["requirepass pw"]);
    let astray = TestServer::start(&["replicaof 127.0.0.1 1"]);
    let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http_port = http.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = http.accept().unwrap();
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let nodes = vec![
        spec("good", "localhost", good.port),
        spec("frozen", "127.0.0.1", frozen.port),
        spec("locked", "127.0.0.1", locked.port),
        spec("astray", "127.0.0.1", astray.port),
        spec("http", "127.0.0.1", http_port),
        spec("closed", "127.0.0.1", free_port()),
        spec("nameless", "no-such-name.invalid", 6379),
    ];
    let begin = Instant::now();
    let seen = topology(&inventory(nodes), &logins(None), &Direct, 32).await;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let kinds: Vec<Option<TroubleKind>> = seen
        .nodes
        .iter()
        .map(|node| match &node.state {
            State::Up(_) => None,
            State::Down(trouble) => Some(trouble.kind),
        })
        .collect();
    let expected = [
        None,
        Some(TroubleKind::Frozen),
        Some(TroubleKind::PasswordMissing),
        None,
        Some(TroubleKind::NotRedis),
        Some(TroubleKind::Refused),
        Some(TroubleKind::NameUnknown),
    ];
    assert_eq!(kinds, expected);
    let upstream = seen.nodes[3].upstream().unwrap();
    assert_eq!(
        (
            upstream.link,
            upstream.down_since_seconds,
            upstream.address.port
        ),
        (Link::Down, None, 1)
    );
    assert!(
        seen.nodes[0].resolved.contains(&"127.0.0.1".to_owned()),
        "{:?}",
        seen.nodes[0].resolved
    );
}

#[tokio::test]
async fn an_upstream_known_by_another_name_is_recognised() {
    let primary = TestServer::start(&[]);
    let replica = TestServer::start(&[&format!("replicaof localhost {}", primary.port)]);
    let nodes = vec![
        spec("a", "127.0.0.1", primary.port),
        spec("b", "127.0.0.1", replica.port),
    ];
    let seen = topology(&inventory(nodes), &logins(None), &Direct, 2).await;
    assert_eq!(seen.nodes[1].upstream().unwrap().address.host, "localhost");
    assert_eq!(seen.upstream_of(&seen.nodes[1]).unwrap().name.0, "a");
}

#[tokio::test]
async fn a_write_load_does_not_make_a_replica_look_behind_and_a_frozen_one_does() {
    let servers = TestServer::start_deployment(2, &[]);
    let port = servers[0].port;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
        let mut connection = client.get_connection().unwrap();
        let value = "x".repeat(1000);
        while matches!(
            stopped.try_recv(),
            Err(std::sync::mpsc::TryRecvError::Empty)
        ) {
            let mut pipeline = redis::pipe();
            for key in 0..50 {
                pipeline.cmd("SET").arg(key).arg(&value).ignore();
            }
            pipeline.query::<()>(&mut connection).unwrap();
        }
    });
    let names = ["master", "slave1", "slave2"];
    let nodes: Vec<NodeSpec> = names
        .iter()
        .zip(&servers)
        .map(|(name, s)| spec(name, "127.0.0.1", s.port))
        .collect();
    let inventory = inventory(nodes);
    servers[0].await_that("writes", |info| !info.contains("master_repl_offset:0\r"));
    let seen = topology(&inventory, &logins(None), &Direct, 32).await;
    assert!(seen.nodes[0].server().unwrap().replication.offset > 0);
    for replica in &seen.nodes[1..] {
        // One or two write batches may be in flight, but not everything written during the look.
        assert!(
            seen.behind(replica).unwrap() < 500_000,
            "{:?}",
            seen.behind(replica)
        );
    }
    let lags = lag::seconds(&seen, &inventory, None, &Direct, 32).await;
    assert_eq!(lags.len(), 2);
    assert!(
        lags.values().all(|lag| !lag.at_least && lag.seconds < 1.0),
        "{lags:?}"
    );
    drop(stop);
    writer.join().unwrap();

    let primary = connect(&Direct, &inventory.nodes[0], None).await.unwrap();
    let replica = connect(&Direct, &inventory.nodes[1], None).await.unwrap();
    let idle = lag::chase(&primary, &replica).await.unwrap();
    assert!(!idle.at_least, "{idle:?}");
    // A replica that stops applying: it answers, and its offset stands still.
    servers[1].command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    servers[0].command(&["SET", "more", "data"]).unwrap();
    let late = lag::chase(&primary, &replica).await.unwrap();
    assert!(late.at_least && late.seconds >= 2.0, "{late:?}");
}

#[tokio::test]
async fn a_way_that_hangs_is_given_up() {
    struct Nowhere;
    impl Reach for Nowhere {
        async fn open(&self, _: &NodeSpec) -> Result<Box<dyn Stream>, Trouble> {
            std::future::pending().await
        }
    }
    let seen = topology(
        &inventory(vec![spec("a", "127.0.0.1", 1)]),
        &logins(None),
        &Nowhere,
        1,
    )
    .await;
    assert!(
        matches!(&seen.nodes[0].state, State::Down(trouble) if trouble.kind == TroubleKind::NoAnswer)
    );
}

/// Code and message of what is found on these nodes.
async fn found(nodes: Vec<NodeSpec>, password: Option<&str>) -> Vec<(Code, String)> {
    let password = password.map(secret);
    let seen = topology(&inventory(nodes), &logins(password.clone()), &Direct, 8).await;
    let context = Context {
        deployment: "orders".into(),
        password: password.is_some(),
        ..Context::default()
    };
    findings(&seen, &context)
        .into_iter()
        .map(|f| (f.code, f.message))
        .collect()
}

#[tokio::test]
async fn the_slip_of_the_tutorial_is_found_on_real_servers() {
    let primary = TestServer::start(&["repl-diskless-sync no"]);
    let port = primary.port;
    // Nothing listens on 127.0.0.2.
    let replica = TestServer::start(&[&format!("replicaof 127.0.0.2 {port}")]);
    let nodes = || {
        vec![
            spec("slave1", "127.0.0.1", port),
            spec("slave2", "127.0.0.1", replica.port),
        ]
    };
    let told = found(nodes(), None).await;
    let expected = format!(
        "`slave2` replicates from 127.0.0.2:{port}, which is no node of the inventory (closest: `slave1`, 127.0.0.1:{port}), and the link has never been up"
    );
    assert_eq!(told, [(Code::UpstreamUnknown, expected)]);
    // What the hint's command does to the stray replica.
    replica
        .command(&["REPLICAOF", "127.0.0.1", &port.to_string()])
        .unwrap();
    replica.await_info("master_link_status:up");
    assert_eq!(found(nodes(), None).await, []);
}

#[tokio::test]
async fn a_replica_without_the_password_is_told_why_its_link_is_down() {
    let primary = TestServer::start(&["requirepass pw", "masterauth pw"]);
    let replica = TestServer::start(&[
        "requirepass pw",
        &format!("replicaof 127.0.0.1 {}", primary.port),
    ]);
    let told = found(
        vec![
            spec("a", "127.0.0.1", primary.port),
            spec("b", "127.0.0.1", replica.port),
        ],
        Some("pw"),
    )
    .await;
    let expected = "the link of `b` to `a` has never been up: `a` wants a password and `b` has no `masterauth`";
    assert_eq!(told, [(Code::NeverLinked, expected.to_owned())]);
}

#[tokio::test]
async fn a_frozen_primary_and_a_circle_are_found_on_real_servers() {
    let servers = TestServer::start_deployment(2, &[]);
    let nodes = || {
        ["master", "slave1", "slave2"]
            .iter()
            .zip(&servers)
            .map(|(n, s)| spec(n, "127.0.0.1", s.port))
            .collect()
    };
    servers[0].freeze();
    let told = found(nodes(), None).await;
    assert_eq!(
        told.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
        [Code::NoPrimary, Code::Unreachable]
    );
    assert!(
        told[1]
            .1
            .contains("the link of `slave1` and `slave2` to it is up, last heard from"),
        "{told:?}"
    );
    servers[0].thaw();
    servers[0]
        .command(&["REPLICAOF", "127.0.0.1", &servers[1].port.to_string()])
        .unwrap();
    let told = found(nodes(), None).await;
    assert_eq!(told[1].0, Code::Loop, "{told:?}");
    assert!(
        told[1]
            .1
            .starts_with("`master` and `slave1` replicate from each other"),
        "{told:?}"
    );
}
