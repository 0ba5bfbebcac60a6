//! What stands against adopting a node: each alone, by its ground; and all of it at once.

use crate::config::directives::Directive;
use crate::engine::{Adopt, Ground, Refusal};
use crate::simulation::adopt::model::{Adopting, World};
use crate::topology::service::whole::Told;

/// The refusals of adopting the replica of two nodes, once `with` has changed what is seen.
fn refused(with: impl Fn(&mut Adopting)) -> Vec<Refusal> {
    let world = World::new(&[None, Some(0)], 0b11, true);
    with(&mut world.lock());
    let op = Adopt {
        nodes: vec!["n1".into()],
        hand_back: false,
        pause: false,
    };
    let planned = world.lock().plan(&op);
    planned.map_or_else(|why| why, |_| Vec::new())
}

#[track_caller]
fn one(ground: Ground, says: &str, with: impl Fn(&mut Adopting)) {
    let refused = refused(with);
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(refused[0].ground, ground, "{refused:#?}");
    assert!(refused[0].why.contains(says), "{says}: {refused:#?}");
    assert!(!refused[0].hint.is_empty());
}

fn host(of: &mut Adopting) -> &mut crate::simulation::adopt::model::Host {
    of.hosts.get_mut(&"n1".into()).unwrap()
}

#[test]
fn nothing_stands_against_it() {
    assert_eq!(refused(|_| {}), []);
}

#[test]
fn what_stands_against_it_is_named_with_its_way() {
    one(Ground::Host, "is not root", |of| {
        host(of).base.facts.root = false;
    });
    one(Ground::Host, "/db/redis/6379 is there already", |of| {
        let facts = &mut host(of).base.facts;
        facts.directories.insert(
            "/db/redis/6379".to_owned(),
            crate::plan::facts::Ownership::default(),
        );
    });
    one(Ground::Host, "MB free for /db/redis", |of| {
        host(of).base.facts.free_bytes = Some(70 << 20);
        host(of).has = 1 << 30;
    });
    one(Ground::Version, "brings", |of| {
        of.version = Some((7, 2, 4));
    });
    one(Ground::Foreign, "supervisord", |of| {
        host(of).old.as_mut().unwrap().unit = false;
        let holder = host(of).base.facts.holder.as_mut().unwrap();
        holder.parent = Some(("supervisord".to_owned(), 3));
    });
    one(Ground::Secret, "`user` lines", |of| {
        of.told.push(Told {
            comment: Vec::new(),
            line: Directive {
                name: "user".to_owned(),
                args: Vec::new(),
            },
            file: Some("/etc/redis/redis.conf".to_owned()),
        });
    });
    one(Ground::Secret, "stands on its command line", |of| {
        of.told.push(Told {
            comment: Vec::new(),
            line: Directive {
                name: "requirepass".to_owned(),
                args: vec!["x".to_owned()],
            },
            file: None,
        });
    });
    one(Ground::Host, "/run/redis/redis.sock", |of| {
        of.live
            .insert("unixsocket".to_owned(), "/run/redis/redis.sock".to_owned());
    });
    one(Ground::Inventory, "has 32 databases", |of| {
        of.live.insert("databases".to_owned(), "32".to_owned());
    });
    one(Ground::Inventory, "replica-priority 7", |of| {
        of.live
            .insert("replica-priority".to_owned(), "7".to_owned());
    });
}

#[test]
fn all_of_it_comes_at_once() {
    let all = refused(|of| {
        host(of).base.facts.root = false;
        of.version = Some((6, 0, 16));
        of.live.insert("databases".to_owned(), "32".to_owned());
    });
    let grounds: Vec<Ground> = all.iter().map(|r| r.ground).collect();
    assert_eq!(
        grounds,
        [Ground::Host, Ground::Version, Ground::Inventory],
        "{all:#?}"
    );
}

#[test]
fn a_host_that_cannot_be_seen_and_a_server_that_is_down() {
    one(
        Ground::Unreachable,
        "cannot look at the host of `n1`",
        |of| host(of).base.dead = true,
    );
    one(Ground::Unreachable, "does not answer", |of| {
        host(of).old.as_mut().unwrap().runs = false;
    });
}
