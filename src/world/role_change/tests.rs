//! The in-doubt rule on real servers: a role change that was sent to a frozen server counts neither
//! as done nor as failed. The test kills its connection and looks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::connections::Connections;
use super::super::replication::Acted;
use super::super::resp::{Conn, tcp};
use super::super::role::{self, LiveRole};
use super::super::testing::{TestServer, closing};
use super::{demote, follow, promote, settle, to_replica};
use crate::engine::journal::Effect;
use crate::topology::{Address, NodeName};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TIMES: usize = 10;
/// Longer than a reply may take inside a fence, and shorter than the look at what became of it.
const SOON: Duration = Duration::from_millis(700);

/// Replicas of one primary, and the connections to them.
struct Replicas {
    primary: TestServer,
    other: TestServer,
    all: Vec<TestServer>,
    connections: Connections,
}

impl Replicas {
    fn start() -> Self {
        let mut all = TestServer::start_deployment(TIMES, &[]);
        let primary = all.remove(0);
        let ports: Vec<u16> = all.iter().map(|s| s.port).collect();
        let open = move |node: NodeName| {
            let index: usize = node.0.parse().unwrap();
            let address = Address::new("127.0.0.1", ports[index]);
            let opened: futures::future::BoxFuture<'static, _> =
                Box::pin(async move { Conn::open(tcp(&address).await?, None).await });
            opened
        };
        Self {
            primary,
            other: TestServer::start(&[]),
            all,
            connections: Connections::new(Box::new(open), 4),
        }
    }

    fn names(&self) -> Vec<NodeName> {
        (0..self.all.len())
            .map(|i| NodeName(i.to_string()))
            .collect()
    }

    /// The ids of the connections that the role changes are sent over.
    async fn ids(&self) -> Vec<Option<u64>> {
        let names = self.names();
        let conns = names.iter().map(|n| self.connections.get(n));
        let ids: Vec<_> = join_all(conns)
            .await
            .into_iter()
            .map(|c| c.unwrap().client_id())
            .collect();
        assert!(ids.iter().all(Option::is_some));
        ids
    }

    fn role(&self, index: usize) -> LiveRole {
        role::parse(&self.all[index].command(&["ROLE"]).unwrap()).unwrap()
    }

    fn freeze(&self) {
        self.all.iter().for_each(TestServer::freeze);
    }

    fn thaw(&self) {
        self.all.iter().for_each(TestServer::thaw);
    }

    /// The result of everything sent is unknown. Then each is settled, and the reported role stays
    /// true.
    async fn in_doubt(&self, ids: &[Option<u64>], acted: Vec<Acted>) -> Vec<LiveRole> {
        for result in acted {
            assert_eq!(result.unwrap_err().effect, Effect::Unknown);
        }
        self.thaw();
        let names = self.names();
        let settled = names
            .iter()
            .zip(ids)
            .map(|(name, id)| settle(&self.connections, name, *id));
        let told: Vec<LiveRole> = join_all(settled)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        for (index, told) in told.iter().enumerate() {
            assert!(
                same(told, &self.role(index)),
                "{told:?} {:?}",
                self.role(index)
            );
        }
        told
    }
}

/// The same role; where the links are is another matter.
fn same(told: &LiveRole, now: &LiveRole) -> bool {
    match (told, now) {
        (LiveRole::Primary { .. }, LiveRole::Primary { .. }) => true,
        (LiveRole::Replica { upstream: told, .. }, LiveRole::Replica { upstream: now, .. }) => {
            told == now
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_promotion_sent_to_a_frozen_server_is_settled_by_looking() {
    let replicas = Replicas::start();
    let ids = replicas.ids().await;
    replicas.freeze();
    let names = replicas.names();
    let acted = join_all(names.iter().map(|n| promote(&replicas.connections, n))).await;
    replicas.in_doubt(&ids, acted).await;
}

#[tokio::test]
async fn following_another_sent_to_a_frozen_server_is_settled_by_looking() {
    let replicas = Replicas::start();
    let ids = replicas.ids().await;
    replicas.freeze();
    let names = replicas.names();
    let to = Address::new("127.0.0.1", replicas.other.port);
    let acted = join_all(
        names
            .iter()
            .map(|n| follow(&replicas.connections, n, &to, false)),
    )
    .await;
    let told = replicas.in_doubt(&ids, acted).await;
    for role in told {
        let LiveRole::Replica { upstream, .. } = role else {
            panic!("{role:?}");
        };
        assert!([replicas.primary.port, replicas.other.port].contains(&upstream.port));
    }
}

/// It thaws while it is being looked at: then the answer is the truth, whichever it is.
#[tokio::test]
async fn a_server_that_thaws_in_between_is_told_as_it_is() {
    let replicas = Replicas::start();
    replicas.ids().await;
    replicas.freeze();
    let names = replicas.names();
    let acts = join_all(names.iter().map(|n| promote(&replicas.connections, n)));
    let (acted, ()) = futures::future::join(acts, async {
        tokio::time::sleep(SOON).await;
        replicas.thaw();
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (index, result) in acted.into_iter().enumerate() {
        let now = replicas.role(index);
        match result {
            Ok(_) => assert!(matches!(now, LiveRole::Primary { .. }), "{now:?}"),
            Err(failure) => {
                assert_eq!(failure.effect, Effect::None, "{failure:?}");
                assert!(matches!(now, LiveRole::Replica { .. }), "{now:?}");
            }
        }
    }
}

/// A reply of the server is an answer, and no doubt.
#[tokio::test]
async fn a_refused_role_change_certainly_had_no_effect() {
    let server = TestServer::start(&[
        "rename-command REPLICAOF \"\"",
        "rename-command SLAVEOF \"\"",
    ]);
    let port = server.port;
    let connections = Connections::new(
        Box::new(move |_| {
            let opened: futures::future::BoxFuture<'static, _> = Box::pin(async move {
                let stream = tcp(&Address::new("127.0.0.1", port)).await?;
                Conn::open(stream, None).await
            });
            opened
        }),
        4,
    );
    let node = NodeName::from("n");
    assert_eq!(
        promote(&connections, &node).await.unwrap_err().effect,
        Effect::None
    );
    let to = Address::new("127.0.0.1", 1);
    assert_eq!(
        follow(&connections, &node, &to, false)
            .await
            .unwrap_err()
            .effect,
        Effect::None
    );
}

/// Right before a demotion, the roles of the others are read over the open connections. If one is a
/// primary by now, the demotion ends with nothing changed.
#[tokio::test]
async fn a_primary_is_not_demoted_beside_another() {
    let replicas = Replicas::start();
    let names = replicas.names();
    for index in 0..2 {
        replicas.all[index]
            .command(&["REPLICAOF", "NO", "ONE"])
            .unwrap();
    }
    let to = Address::new("127.0.0.1", replicas.primary.port);
    let others = &names[1..3];
    for name in others {
        replicas.connections.get(name).await.unwrap();
    }
    let failed = demote(&replicas.connections, &names[0], &to, others).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.effect, Effect::None);
    assert!(
        failed.why.starts_with("`1` is a primary now"),
        "{}",
        failed.why
    );
    assert!(matches!(replicas.role(0), LiveRole::Primary { .. }));
    // A replica among the others is no obstacle.
    let done = demote(&replicas.connections, &names[0], &to, &names[2..3]).await;
    assert!(done.unwrap().text.starts_with("follows 127.0.0.1:"));
}

/// A node that returns or hands over must be a primary. If somebody else has made it a replica, it
/// gets its upstream back.
#[tokio::test]
async fn a_replica_that_is_met_in_place_of_a_primary_is_put_back() {
    let replicas = Replicas::start();
    let name = &replicas.names()[0];
    let conn = replicas.connections.get(name).await.unwrap();
    let to = Address::new("127.0.0.1", replicas.other.port);
    let failed = to_replica(&replicas.connections, name, &conn, &to, SOON).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.effect, Effect::None);
    assert!(
        failed.why.ends_with("its role was put back"),
        "{}",
        failed.why
    );
    let LiveRole::Replica { upstream, .. } = replicas.role(0) else {
        panic!("it is no replica")
    };
    assert_eq!(upstream.port, replicas.primary.port);
}

/// A Sentinel that changes a role closes the connections of all clients of that server. The one
/// over which a doubt is settled may be among them.
#[tokio::test]
async fn a_connection_that_is_closed_at_once_is_followed_by_another() {
    let server = TestServer::start(&[]);
    let closing = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ports = [
        server.port,
        closing.local_addr().unwrap().port(),
        server.port,
    ];
    tokio::spawn(async move { while closing.accept().await.is_ok() {} });
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    let open = move |_: NodeName| {
        let port = ports[count.fetch_add(1, Ordering::Relaxed)];
        let opened: futures::future::BoxFuture<'static, _> = Box::pin(async move {
            Conn::open(tcp(&Address::new("127.0.0.1", port)).await?, None).await
        });
        opened
    };
    let connections = Connections::new(Box::new(open), 1);
    let name = NodeName::from("0");
    let id = connections.get(&name).await.unwrap().client_id();
    let role = settle(&connections, &name, id).await.unwrap();
    assert!(matches!(role, LiveRole::Primary { .. }));
    assert_eq!(opened.load(Ordering::Relaxed), 3);
}

/// Three Sentinels correct one role, one after the other. Each closes all connections of clients.
#[tokio::test]
async fn a_doubt_is_settled_though_the_connection_is_closed_three_times() {
    let server = TestServer::start(&[]);
    let behind = Address::new("127.0.0.1", closing(server.port, "KILL", 4).await);
    let open = move |_: NodeName| {
        let behind = behind.clone();
        let opened: futures::future::BoxFuture<'static, _> =
            Box::pin(async move { Conn::open(tcp(&behind).await?, None).await });
        opened
    };
    let connections = Connections::new(Box::new(open), 1);
    let node = NodeName("a".to_owned());
    let id = connections.get(&node).await.unwrap().client_id();
    // The first connection, which is to be killed, passes: nothing is killed over it.
    let settled = settle(&connections, &node, id).await;
    assert!(
        matches!(settled, Ok(LiveRole::Primary { .. })),
        "{settled:?}"
    );
}
