//! Folders that are not root's alone, and folders that their user turned into links. Root makes
//! nothing and starts nothing there.

use super::files::{listing, owned, place, sh};
use super::local::{Bench, Local};
use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// Why there is no plan for this host.
async fn refused(bench: &Bench, shell: &Local) -> String {
    let refusals = bench.try_to_plan(shell, false).await.unwrap_err();
    let all: Vec<String> = refusals.into_iter().map(|r| r.why).collect();
    all.join("\n")
}

/// K2.5: root makes no folder and starts no program where others could change what is there.
#[tokio::test]
async fn a_directory_that_is_not_roots_alone_is_refused_by_name() {
    for shell in [Local::root(), Local::busybox()] {
        for how in [
            "chmod 777 D",
            "chown redis D",
            "chown root:redis D; chmod 775 D",
            "mv D D2; ln -s D2 D; chown -h redis D",
        ] {
            let mut bench = Bench::new(&shell);
            let place = place(&bench);
            bench.inventory.server.directory = place.display().to_string();
            sh(&how.replace('D', &place.display().to_string()));
            let why = refused(&bench, &shell).await;
            assert!(
                why.contains(&format!("may change {}", place.display())),
                "{shell:?} {how}: {why}"
            );
            for action in [
                HostAction::LinkServer {
                    link: format!("{}/server/current", place.display()),
                    target: "x".into(),
                },
                HostAction::MakeDirectories {
                    shared: vec![format!("{}/server", place.display())],
                    private: Vec::new(),
                    owner: "redis".into(),
                },
            ] {
                let why = bench.act(&shell, &action).await.unwrap_err();
                assert!(
                    why.contains("is not root's alone"),
                    "{shell:?} {how}: {why}"
                );
            }
            assert_eq!(listing(&place), [""; 0], "{shell:?} {how}");
        }
        // A link that root made to a place with more room is as good as a folder.
        let mut bench = Bench::new(&shell);
        let place = place(&bench);
        let link = PathBuf::from(bench.root()).join("link");
        symlink(&place, &link).unwrap();
        bench.inventory.server.directory = link.display().to_string();
        let plan = bench.plan(&shell, false).await;
        bench.carry_out(&shell, &plan).await;
        assert_eq!(bench.cli(&["PING"]), "PONG");
    }
}

/// Where a node's user turned a folder into a link, root makes and gives away nothing behind it.
#[tokio::test]
async fn folders_are_not_made_through_links_of_their_user() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let place = place(&bench);
        let bait = PathBuf::from(bench.root()).join("bait");
        fs::create_dir(&bait).unwrap();
        Bench::chmod(&bait.display().to_string(), 0o700);
        let own = place.join("6379");
        fs::create_dir(&own).unwrap();
        symlink(&bait, own.join("conf")).unwrap();
        sh(&format!("chown -hR redis:redis {}", own.display()));
        let make = HostAction::MakeDirectories {
            shared: vec![place.display().to_string()],
            private: vec![
                own.display().to_string(),
                own.join("conf").display().to_string(),
                own.join("logs").display().to_string(),
            ],
            owner: "redis".into(),
        };
        assert!(bench.act(&shell, &make).await.is_err(), "{shell:?}");
        assert_eq!(owned(&bait), "700 root:root", "{shell:?}");
        fs::remove_file(own.join("conf")).unwrap();
        bench.act(&shell, &make).await.unwrap();
        assert_eq!(owned(&own.join("logs")), "750 redis:redis", "{shell:?}");
        assert_eq!(owned(&own.join("conf")), "750 redis:redis", "{shell:?}");
    }
}
