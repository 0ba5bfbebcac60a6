//! What a restart would lose, or would stop meanwhile, is refused or written first.

use super::{boot, directive, host, one, refused};
use crate::engine::{Adopt, Ground};
use crate::simulation::adopt::model::{Adopting, World};
use crate::topology::Address;
use crate::topology::service::Writable;
use crate::topology::service::access::Module;

#[test]
fn what_only_the_running_server_knows_is_not_lost() {
    let file = Some("/etc/redis/redis.conf");
    let unknown = || Err("no answer".to_owned());
    one(Ground::Secret, "it has several passwords", |of| {
        of.access.limits = Ok(vec!["it has several passwords".to_owned()]);
    });
    one(Ground::Secret, "are not known: no answer", |of| {
        of.access.limits = unknown();
    });
    one(Ground::Secret, "cannot be compared", |of| {
        of.access.strays = Err("NOPERM".to_owned());
    });
    let module = |path: Option<&str>| Module {
        name: "bf".to_owned(),
        path: path.map(str::to_owned),
    };
    for path in [None, Some("/m.so")] {
        one(Ground::Difference, "no file of its loads", |of| {
            of.access.modules = Ok(Some(vec![module(path)]));
        });
        let said = refused(|of| {
            of.access.modules = Ok(Some(vec![module(path)]));
            of.stated.push(directive("loadmodule", &["/m.so"], file));
        });
        assert_eq!(said, []);
    }
    one(Ground::Difference, "does not know FLUSHALL", |of| {
        of.access.missing = Ok(vec!["flushall".to_owned()]);
    });
    one(Ground::Difference, "renames KEYS", |of| {
        of.stated
            .push(directive("rename-command", &["KEYS", ""], file));
    });
    let said = refused(|of| {
        of.access.missing = Ok(vec!["keys".to_owned()]);
        of.stated
            .push(directive("rename-command", &["KEYS", ""], file));
    });
    assert_eq!(said, []);
    let said = refused(|of| {
        of.access.missing = Ok(vec!["keys".to_owned()]);
        of.stated
            .push(directive("rename-command", &["KEYS", "canary"], file));
    });
    assert!(said[0].hint.contains("write it yourself"), "{said:?}");
    assert!(!format!("{said:?}").contains("canary"), "{said:?}");
}

#[test]
fn what_hidden_arguments_may_hold_is_written_or_it_is_refused() {
    let hides = |of: &mut Adopting| {
        of.hides = true;
        let host = host(of);
        host.old.as_mut().unwrap().unit = false;
    };
    assert_eq!(refused(hides), []);
    let unknown = || Err("no answer".to_owned());
    one(Ground::Difference, "which commands of `n1`", |of| {
        hides(of);
        of.access.missing = unknown();
    });
    one(Ground::Difference, "it knows no MODULE", |of| {
        hides(of);
        of.access.modules = Ok(None);
    });
    one(
        Ground::Unknown,
        "/etc/redis/redis.conf includes /x.conf",
        |of| {
            hides(of);
            of.stated
                .push(directive("timeout", &["7"], Some("/x.conf")));
        },
    );
    // A file that cannot be written is no file to come back with.
    let denied = Writable::No("its folder is another user's".to_owned());
    for writable in [denied, Writable::Unknown] {
        let said = refused(|of| {
            hides(of);
            of.writable = writable.clone();
        });
        assert!(
            said.iter().any(|r| r.why.contains("its server")),
            "{said:#?}"
        );
    }
}

#[test]
fn a_file_that_names_another_upstream_is_written_first() {
    let writes = |role: Option<Address>| {
        let world = World::new(&[None, Some(0)], 0b11, true);
        host(&mut world.lock()).old.as_mut().unwrap().role = role;
        let op = Adopt {
            nodes: vec!["n1".into()],
            hand_back: false,
            pause: false,
        };
        let plan = world.lock().plan(&op).unwrap();
        let mut steps = plan.steps().map(|s| s.action.to_string());
        steps.any(|s| s.contains("write its role"))
    };
    assert!(writes(Some(Address::new("10.0.0.99", 6379))));
    assert!(writes(None));
    assert!(!writes(Some(Address::new("10.0.0.1", 6379))));
}

#[test]
fn a_primary_that_would_refuse_writes_meanwhile_is_not_made_to() {
    let wants = |n: u64| move |of: &mut Adopting| of.min_replicas = n;
    one(
        Ground::Topology,
        "`n0` has `min-replicas-to-write 1`, and no replica in sync while `n1` is restarted",
        wants(1),
    );
    assert_eq!(refused(wants(0)), []);
    let world = World::new(&[None, Some(0), Some(0)], 0b111, true);
    let op = |pause| Adopt {
        nodes: Vec::new(),
        hand_back: false,
        pause,
    };
    world.lock().min_replicas = 1;
    assert!(world.lock().plan(&op(false)).is_ok());
    world.lock().min_replicas = 2;
    // Both replicas, and the old primary below the new one.
    let said = world.lock().plan(&op(false)).unwrap_err();
    let nodes = ["n1", "n2", "n0"].map(|n| format!("while `{n}` is restarted"));
    for node in nodes {
        assert!(
            said.iter().any(|r| r.why.contains(&node)),
            "{node}: {said:#?}"
        );
    }
    assert!(said[0].hint.ends_with("replctl adopt --all --ignore pause"));
    let plan = world.lock().plan(&op(true)).unwrap();
    let says = |w: &crate::engine::Warning| w.text().contains("refuses writes until the");
    assert_eq!(plan.warnings.iter().filter(|w| says(w)).count(), 3);
}

#[test]
fn limits_of_the_new_unit_and_names_that_are_not_copied_are_named() {
    let set = |name: &'static str, value: &'static str| {
        move |of: &mut Adopting| {
            of.live.insert(name.to_owned(), value.to_owned());
        }
    };
    one(
        Ground::Unsupported,
        "maxclients 70000",
        set("maxclients", "70000"),
    );
    one(Ground::Unsupported, "`appendfilename", |of| {
        set("appendonly", "yes")(of);
        set("appendfilename", "my log.aof")(of);
    });
    let masked = refused(|of| boot(of, |b| "masked".clone_into(&mut b.state)));
    assert!(
        masked[0].hint.contains("systemctl unmask redis-server"),
        "{masked:?}"
    );
    let other = r"redis\x2da.service";
    let other = refused(|of| boot(of, |b| b.others.push((other.to_owned(), 6379))));
    assert!(
        other[0]
            .hint
            .ends_with(r#"systemctl disable "redis\\x2da.service""#),
        "{other:?}"
    );
}
