//! The refusals of adopting a node: each alone, by its ground, and all at once.

mod lost;

use crate::config::directives::Directive;
use crate::engine::{Adopt, Ground, Refusal};
use crate::plan::facts::boot::{AtBoot, Inside, Open, Processes};
use crate::simulation::adopt::model::{Adopting, World, at_boot};
use crate::topology::Address;
use crate::topology::service::whole::Stated;

/// The refusals of adopting the replica of two nodes, after `with` has changed the input.
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
    let lines = refused(|of| {
        of.access.strays = Ok(vec!["shop".to_owned()]);
        of.stated.push(Stated {
            comment: Vec::new(),
            line: Directive {
                name: "user".to_owned(),
                args: Vec::new(),
            },
            file: Some("/etc/redis/redis.conf".to_owned()),
        });
    });
    let says = |part: &str| lines.iter().any(|r| r.why.contains(part));
    assert!(says("`user` lines") && says("shop"), "{lines:#?}");
    one(Ground::Secret, "has a password", |of| {
        of.stated.push(Stated {
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

fn directive(name: &str, args: &[&str], file: Option<&str>) -> Stated {
    Stated {
        comment: Vec::new(),
        line: Directive {
            name: name.to_owned(),
            args: args.iter().map(|a| (*a).to_owned()).collect(),
        },
        file: file.map(str::to_owned),
    }
}

fn boot(of: &mut Adopting, with: impl Fn(&mut AtBoot)) {
    let mut boot = at_boot();
    with(&mut boot);
    of.boot = Some(Ok(boot));
}

#[test]
fn what_else_starts_it_is_named() {
    one(Ground::Foreign, "shop.service starts redis-server", |of| {
        boot(of, |boot| boot.wanted_by.push("shop.service".to_owned()));
    });
    one(Ground::Foreign, "redis.timer starts redis-server", |of| {
        boot(of, |boot| boot.triggers.push("redis.timer".to_owned()));
    });
    one(Ground::Unsupported, "`generated`", |of| {
        boot(of, |boot| "generated".clone_into(&mut boot.state));
    });
    one(Ground::Foreign, "other.service is started at boot", |of| {
        boot(of, |b| b.others.push(("other.service".to_owned(), 6379)));
    });
    assert_eq!(
        refused(|of| boot(of, |b| b.others.push(("x.service".to_owned(), 6380)))),
        []
    );
    one(Ground::Version, "was replaced since", |of| {
        boot(of, |boot| boot.replaced = true);
    });
    one(Ground::Unknown, "started at boot is not known", |of| {
        of.boot = Some(Err("no answer".to_owned()));
    });
    for parent in ["systemd", "bash", "sh"] {
        one(Ground::Foreign, "may start it again", |of| {
            host(of).old.as_mut().unwrap().unit = false;
            let holder = host(of).base.facts.holder.as_mut().unwrap();
            holder.parent = Some((parent.to_owned(), 900));
        });
    }
    one(Ground::Unknown, "`dir data`", |of| {
        host(of).old.as_mut().unwrap().unit = false;
        of.stated
            .push(directive("dir", &["data"], Some("/srv/r.conf")));
    });
}

#[test]
fn a_unit_that_is_more_than_its_server_is_refused() {
    one(Ground::Unsupported, "has Type=oneshot", |of| {
        boot(of, |b| "oneshot".clone_into(&mut b.processes.kind));
    });
    one(Ground::Unsupported, "has RemainAfterExit=yes", |of| {
        boot(of, |b| b.processes.remains = Some(true));
    });
    one(Ground::Unknown, "no main process", |of| {
        boot(of, |b| b.processes.main = Some(0));
    });
    one(Ground::Foreign, "is 99, and not the server", |of| {
        boot(of, |b| b.processes.main = Some(99));
    });
    one(Ground::Foreign, "is no process of redis-server", |of| {
        boot(of, |b| b.processes.inside.clear());
    });
    one(
        Ground::Foreign,
        "another process, too: 99 (`sentinel`)",
        |of| {
            boot(of, |b| {
                b.processes.inside.push(Inside {
                    pid: 99,
                    parent: 1,
                    name: "sentinel".to_owned(),
                });
            });
        },
    );
    one(Ground::Unknown, "does not say which processes", |of| {
        boot(of, |b| b.processes = Processes::default());
    });
}

#[test]
fn files_that_start_the_former_server_again_are_named() {
    let cron = "/var/spool/cron/crontabs/root";
    for unit in [true, false] {
        one(Ground::Foreign, cron, |of| {
            host(of).old.as_mut().unwrap().unit = unit;
            boot(of, |b| b.scripts.push(cron.to_owned()));
        });
    }
    one(Ground::Foreign, "multi-user.target starts", |of| {
        boot(of, |b| b.by_lines = b.wanted_by.clone());
    });
    one(Ground::Host, "others than root may write at /srv", |of| {
        boot(of, |b| {
            b.open_to_others = Some(Open::Path("/srv".to_owned()));
        });
    });
}

/// A command that is pasted as it stands breaks nothing else of the host.
#[test]
fn a_hint_fits_the_place_that_is_open_to_others() {
    let hint = |open: &Open| {
        let refused = refused(|of| boot(of, |b| b.open_to_others = Some(open.clone())));
        assert_eq!(refused.len(), 1, "{refused:#?}");
        refused[0].hint.clone()
    };
    let path = hint(&Open::Path("/srv/a b".to_owned()));
    assert!(path.contains("chmod go-w '/srv/a b';"), "{path}");
    let link = hint(&Open::Link("/srv/l".to_owned()));
    assert!(link.contains("chown -h root /srv/l;"), "{link}");
    for open in [
        Open::Sticky("/tmp".to_owned()),
        Open::Unknown("/l has too many links".to_owned()),
    ] {
        let hint = hint(&open);
        assert!(!hint.contains("chmod") && hint.contains("`dir`"), "{hint}");
    }
}

/// `Type=simple` alone would end a server that goes into the background.
#[test]
fn a_hint_about_a_unit_says_what_its_server_needs_with_it() {
    type With = fn(&mut AtBoot);
    let all: [With; 3] = [
        |b| b.processes.remains = Some(true),
        |b| b.processes.main = Some(0),
        |b| b.processes.main = Some(99),
    ];
    for with in all {
        let refused = refused(|of| boot(of, with));
        let hint = &refused[0].hint;
        assert!(hint.contains("`daemonize no`"), "{hint}");
        assert!(hint.ends_with("restart redis-server.service"), "{hint}");
    }
}

#[test]
fn what_is_not_taken_over_is_named() {
    one(Ground::Unsupported, "speaks TLS", |of| {
        of.live.insert("tls-port".to_owned(), "6380".to_owned());
    });
    one(Ground::Unsupported, "has no systemd", |of| {
        host(of).base.facts.systemd = false;
    });
}

#[test]
fn what_would_be_lost_or_shown_is_named() {
    one(Ground::Secret, "users that no file has", |of| {
        of.access.strays = Ok(vec!["shop".to_owned()]);
    });
    // CONFIG REWRITE writes the default user.
    assert_eq!(
        refused(|of| of.stated.push(directive("user", &[], Some("/f")))),
        []
    );
    let file = Some("/etc/redis/redis.conf");
    one(Ground::Secret, "loads /m.so with arguments", |of| {
        of.stated
            .push(directive("loadmodule", &["/m.so", "canary"], file));
    });
    let shown = format!(
        "{:?}",
        refused(|of| of
            .stated
            .push(directive("loadmodule", &["/m.so", "canary"], file)))
    );
    assert!(!shown.contains("canary"), "{shown}");
}

/// The refusals of adopting a primary alone, after `with` has changed the input.
fn refused_alone(with: impl Fn(&mut Adopting)) -> Vec<Refusal> {
    let world = World::new(&[None], 1, true);
    with(&mut world.lock());
    let op = Adopt {
        nodes: vec!["n0".into()],
        hand_back: false,
        pause: true,
    };
    let planned = world.lock().plan(&op);
    planned.map_or_else(|why| why, |_| Vec::new())
}

#[test]
fn a_primary_alone_is_not_restarted_where_others_may_take_over() {
    assert_eq!(refused_alone(|_| {}), []);
    let refused = refused_alone(|of| of.watched = true);
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(refused[0].why.contains("Sentinels watch"), "{refused:#?}");
    let refused = refused_alone(|of| of.strangers.push(Address::new("10.0.0.9", 6379)));
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(refused[0].why.contains("10.0.0.9:6379"), "{refused:#?}");
    let older = refused_alone(|of| of.version = Some((6, 2, 14)));
    let says = |r: &Refusal| r.why.contains("does not tell how many keys");
    assert!(older.iter().any(says), "{older:#?}");
}

#[test]
fn what_a_run_must_be_able_to_put_back_is_on_disk_before_it_is_done() {
    let world = World::new(&[None, Some(0)], 0b11, true);
    let op = Adopt {
        nodes: Vec::new(),
        hand_back: false,
        pause: false,
    };
    let plan = world.lock().plan(&op).unwrap();
    let stage = &plan.stages[0];
    let place = |words: &str| {
        let of = |s: &crate::engine::Step| s.action.to_string().contains(words);
        stage.steps.iter().position(of).unwrap()
    };
    for words in [
        "from starting redis-server.service again by itself",
        "save its data and stop it",
        "keep redis-server.service from starting at boot",
        "write the unit",
        "start the server on port",
        "out of /ops/inventory.toml",
    ] {
        assert!(stage.steps[place(words)].is_noted_first(), "{words}");
    }
    assert!(place("by itself") < place("wait until in sync"));
    assert!(place("wait until it has loaded") < stage.steps.len());
}
