//! Servers that replctl did not make, started as in real life: by hand with arguments, with
//! includes, without a file, from a folder that they may not write in. The roles that the plan and
//! `status` report are compared with a real restart.

#![allow(clippy::unwrap_used)]

mod bench;

use crate::support::server::Family;
use bench::Bench;

/// The families that read and write their files differently: 6.x expands no patterns.
fn some() -> Vec<&'static Family> {
    let wanted = ["debian", "redis-6.0", "valkey-8.1"];
    let all = crate::support::server::families().iter();
    all.filter(|f| wanted.contains(&f.name) || crate::support::server::all_of_them())
        .collect()
}

/// How the second server is started, and why its role stays or not.
const STARTS: [&str; 5] = ["file", "argument", "include", "no file", "include first"];

/// Two servers, the second a replica by one of [`STARTS`].
fn made(bench: &mut Bench, how: &str) {
    bench.start(0, "", &[]);
    let port = bench.port(0).to_string();
    let line = format!("replicaof 127.0.0.1 {port}\n");
    match how {
        "file" => bench.start(1, &line, &[]),
        "argument" => bench.start(1, "", &["--replicaof", "127.0.0.1", &port]),
        "no file" => {
            bench.start_without_file(1);
            bench.follow(1, 0);
        }
        _ => {
            let extra = bench.file(1, "extra.conf", &line);
            let after = if how == "include" {
                ""
            } else {
                "replicaof no one\n"
            };
            bench.start(1, &format!("include {extra}\n{after}"), &[]);
            if !after.is_empty() {
                bench.follow(1, 0);
            }
        }
    }
    bench.linked(1);
}

/// Compares the forecast of `status` with a real restart of all servers at once: before and after a
/// promotion.
#[test]
fn the_forecast_is_what_a_restart_of_all_gives() {
    crate::support::rotation::each_family(|index, family| {
        for (way, how) in STARTS.into_iter().enumerate() {
            // Two or so of them here, each on some families; all on all of them in `make test-all`.
            if (way + index) % 3 != 0 && !crate::support::server::all_of_them() {
                continue;
            }
            let Some(mut bench) = Bench::new(family) else {
                return;
            };
            made(&mut bench, how);
            for step in ["as it was made", "after a promotion"] {
                if step == "after a promotion" {
                    let mut words = vec!["promote", "b", "--yes"];
                    for accepted in ["no-config-file", "role-on-command-line", "role-in-include"] {
                        words.extend(["--ignore", accepted]);
                    }
                    bench.run(&words).ok();
                }
                let foretold = bench.foretold();
                for n in [0, 1] {
                    bench.restart(n);
                }
                for (n, role) in foretold.into_iter().enumerate() {
                    let what = format!("{}, {how}, {step}: server {n}", family.name);
                    // Arguments that a process does not show may hold a role: "not known" is true
                    // then, too.
                    let unseen = role.is_none() && ["argument", "no file"].contains(&how);
                    assert!(
                        unseen || role.as_ref() == Some(&bench.next_role(n)),
                        "{what}: {role:?}, and it is {}",
                        bench.next_role(n)
                    );
                }
                // Afterwards they may follow each other, as it was foretold.
                if step == "as it was made" {
                    bench.follow(1, 0);
                }
            }
        }
    });
    crate::support::figure(&format!(
        "forecast of {} ways to start a server, checked by restarts of all, over {} families",
        STARTS.len(),
        crate::support::rotation::some_families().len()
    ));
}

/// K3.1.
#[test]
fn a_role_on_the_command_line_is_told_before_and_comes_back() {
    // The others run under a loader, and show their arguments.
    for family in some() {
        let Some(mut bench) = Bench::new(family) else {
            return;
        };
        bench.start(0, "", &[]);
        let port = bench.port(0).to_string();
        let arguments = ["--replicaof", "127.0.0.1", &port];
        bench.start(1, "", &arguments);
        bench.linked(1);
        bench
            .status(0)
            .says("a new role of `b` would end with its process");
        let refused = bench.run(&["promote", "b", "--yes"]).code(3);
        let refused = refused.says("`b` will not keep its role after a restart");
        refused.says("replctl promote b --ignore role-on-command-line");
        assert_eq!(
            bench.role(0),
            "master",
            "{}: refused, and changed",
            family.name
        );
        let accepted = ["promote", "b", "--yes", "--ignore", "role-on-command-line"];
        let done = bench.run(&accepted).ok();
        assert!(
            !done.stdout.contains("b  primary, role written"),
            "{}",
            done.stdout
        );
        assert_eq!(bench.role(1), "master");
        // The oracle: started again as it was, it has its old role.
        bench.restart(1);
        assert_eq!(bench.role(1), "slave", "{}", family.name);
    }
}

#[test]
fn a_server_that_shows_no_arguments_and_had_none_is_believed() {
    for family in some() {
        let Some(mut bench) = Bench::new(family) else {
            return;
        };
        bench.start(0, "", &[]);
        bench.start(1, "", &[]);
        bench.follow(1, 0);
        let told = bench.status(4);
        told.says("`b` follows `a`, but not by its configuration file: restarted, it is a primary");
        let done = bench.run(&["promote", "b", "--yes"]).ok();
        assert_eq!(
            done.stdout.matches("role written to its file").count(),
            2,
            "{}",
            done.stdout
        );
        bench.restart(0);
        bench.restart(1);
        assert_eq!(
            (bench.role(0), bench.role(1)),
            ("slave".into(), "master".into())
        );
    }
}

/// K3.2.
#[test]
fn an_include_that_gives_a_role_wins_over_a_primary() {
    for family in some() {
        let Some(mut bench) = Bench::new(family) else {
            return;
        };
        bench.start(0, "", &[]);
        let follow = format!("replicaof 127.0.0.1 {}\n", bench.port(0));
        let extra = bench.file(1, "extra.conf", &follow);
        bench.start(1, &format!("include {extra}\n"), &[]);
        bench.linked(1);
        let refused = bench.run(&["promote", "b", "--yes"]).code(3);
        refused.says(&format!(
            "{extra}, which its configuration file includes, says `{}`",
            follow.trim()
        ));
        bench
            .run(&["promote", "b", "--yes", "--ignore", "role-in-include"])
            .ok();
        bench.restart(1);
        assert_eq!(bench.role(1), "slave", "{}", family.name);
    }
}

/// K3.3.
#[test]
fn an_include_without_a_role_stands_in_no_way() {
    for family in some() {
        let Some(mut bench) = Bench::new(family) else {
            return;
        };
        bench.start(0, "", &[]);
        let extra = bench.file(1, "extra.conf", "maxmemory 100mb\n");
        let line = format!("replicaof 127.0.0.1 {}\ninclude {extra}\n", bench.port(0));
        bench.start(1, &line, &[]);
        bench.linked(1);
        let done = bench.run(&["promote", "b", "--yes"]).ok();
        assert_eq!(
            done.stdout.matches("role written to its file").count(),
            2,
            "{}",
            done.stdout
        );
        bench.restart(0);
        bench.restart(1);
        assert_eq!(
            (bench.role(0), bench.role(1)),
            ("slave".into(), "master".into())
        );
        bench.linked(0);
        bench.status(0);
    }
}

/// Relative includes, from the folder that `dir` has set; patterns where the server expands them;
/// and one inside another.
#[test]
fn includes_are_followed_as_the_server_follows_them() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(mut bench) = Bench::new(family) else {
        return;
    };
    bench.start(0, "", &[]);
    let port = bench.port(0);
    bench.file(1, "10-first.inc", &format!("replicaof 127.0.0.1 {port}\n"));
    bench.file(1, "20-last.inc", "include deep.conf\n");
    bench.file(1, "deep.conf", "replicaof no one\n");
    bench.start(1, "include *.inc\n", &[]);
    assert_eq!(bench.role(1), "master", "the server reads it otherwise");
    bench.follow(1, 0);
    bench
        .status(4)
        .says("but not by")
        .says("deep.conf, which it includes");
}

/// K3.4.
#[test]
fn without_a_file_a_role_ends_with_its_process() {
    for family in some() {
        let Some(mut bench) = Bench::new(family) else {
            return;
        };
        bench.start(0, "", &[]);
        bench.start_without_file(1);
        bench.follow(1, 0);
        bench.status(0).says("runs without a configuration file");
        bench
            .run(&["promote", "b", "--yes"])
            .code(3)
            .says("--ignore no-config-file");
        assert_eq!(bench.role(0), "master");
        // The same without any SSH: INFO says it.
        let refused = bench.without_ssh(&["promote", "b", "--dry-run"]).code(3);
        refused.says("it runs without a configuration file");
        bench
            .run(&["promote", "b", "--yes", "--ignore", "no-config-file"])
            .ok();
        assert_eq!(bench.role(1), "master");
        bench.status(0);
    }
}

/// K3.4.
#[test]
fn a_folder_that_the_server_may_not_write_in_is_told_before() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(mut bench) = Bench::as_user(family, "redis") else {
        return;
    };
    bench.start(0, "", &[]);
    bench.start(1, "", &[]);
    bench.follow(1, 0);
    bench.lock(1);
    let refused = bench.run(&["promote", "b", "--yes"]).code(3);
    refused
        .says("its user may not write in")
        .says("--ignore read-only-config");
    let done = bench
        .run(&["promote", "b", "--yes", "--ignore", "read-only-config"])
        .ok();
    assert!(
        !done.stdout.contains("b  primary, role written"),
        "{}",
        done.stdout
    );
    // A sticky folder of somebody else's lets nobody replace a file of somebody else's.
    bench.stick(1);
    bench
        .run(&["promote", "a", "--yes"])
        .code(3)
        .says("lets only the owner of a file replace it");
}

/// K3.6.
#[test]
fn config_that_was_renamed_is_told_as_that_and_accepted_as_that() {
    for family in some() {
        let Some(mut bench) = Bench::new(family) else {
            return;
        };
        bench.start(0, "", &[]);
        bench.start(1, "rename-command CONFIG \"\"\n", &[]);
        bench.follow(1, 0);
        let refused = bench.run(&["promote", "b", "--yes"]).code(3);
        refused
            .says("does not know CONFIG")
            .says("--ignore permissions");
        let done = bench
            .run(&["promote", "b", "--yes", "--ignore", "permissions"])
            .ok();
        assert!(done.stdout.contains("role NOT written"), "{}", done.stdout);
        assert_eq!(bench.role(1), "master");
    }
}
