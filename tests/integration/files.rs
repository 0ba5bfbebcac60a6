//! Files of hosts: a promotion keeps owner, mode, link and folder of configuration files that
//! replctl has not made. A person who plants links there cannot make root act for him. The oracles
//! are `ls -l`, hashes, and restarted servers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hostile;
mod operations;
mod site;

use crate::support::server::{Family, families};
use crate::support::{Ran, Sshds, figure, not_run};
use site::{Case, Link, Site, sh, tree};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const OWNERS: [(&str, &[u32]); 4] = [
    ("redis:redis", &[0o600, 0o640, 0o660, 0o755]),
    ("root:redis", &[0o640, 0o664]),
    ("root:root", &[0o644]),
    ("redis:adm", &[0o640]),
];
const FOLDERS: [(&str, u32); 4] = [
    ("redis:redis", 0o750),
    ("root:redis", 0o770),
    ("redis:redis", 0o2770),
    ("root:root", 0o1777),
];
const LINKS: [Link; 4] = [Link::No, Link::Beside, Link::Elsewhere, Link::IntoRoots];

/// The user and the groups of this machine that the cases are made of.
fn able() -> bool {
    let able = crate::support::user_id() == 0
        && sh("id -u redis >/dev/null 2>&1 && getent group adm >/dev/null && echo yes || true")
            == "yes\n";
    if !able {
        not_run("files of other users: needs root and the user `redis`");
    }
    able
}

/// The users of this machine who can read it, or run it.
fn access(path: &Path) -> Vec<(&'static str, char)> {
    let users = [
        ("redis", "--reuid redis --regid redis --init-groups"),
        ("adm", "--reuid 65534 --regid 4 --clear-groups"),
        ("nobody", "--reuid 65534 --regid 65534 --clear-groups"),
    ];
    // `-xdev` of folders does not count: the way there is the same before and after.
    let test = "for t in r x; do ! test -$t \"$1\" || printf $t; done";
    let each =
        users.map(|(_, how)| format!("setpriv {how} sh -c '{test}' sh {}; echo; ", path.display()));
    let said = sh(&each.concat());
    let users = users.iter().zip(said.lines());
    users
        .flat_map(|((name, _), may)| may.chars().map(|what| (*name, what)))
        .collect()
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (owner, modes) in OWNERS {
        for (n, mode) in modes.iter().enumerate() {
            for (f, folder) in FOLDERS.into_iter().enumerate() {
                for (l, link) in LINKS.into_iter().enumerate() {
                    // The first mode of each owner meets every folder and link; the others one of
                    // each.
                    if n == 0 || f == l {
                        all.push(Case {
                            owner,
                            mode: *mode,
                            link,
                            folder,
                            include: (n + f + l) % 2 == 1,
                        });
                    }
                }
            }
        }
    }
    all
}

/// Whether CONFIG REWRITE can replace it. It cannot replace a link in a sticky folder that its own
/// user made, or one in a folder that the server cannot write.
fn can_be_rewritten(case: Case) -> bool {
    let sticky = case.folder.1 & 0o1000 != 0;
    !sticky || (case.link == Link::No && case.owner.starts_with("redis"))
}

/// The state of a server's file before the operation.
struct Before {
    access: Vec<(&'static str, char)>,
    link: Option<PathBuf>,
    folder: std::fs::Metadata,
}

impl Before {
    fn of(node: &site::Node, case: Case) -> Self {
        Self {
            access: access(&node.target(case.link)),
            link: std::fs::read_link(node.config()).ok(),
            folder: node.config().parent().unwrap().metadata().unwrap(),
        }
    }
}

/// K2.1, K2.2: after `promote` both files are no more open than before, links are in place, and
/// both servers restart with their roles.
fn stays_as_it_was(sshds: &Sshds, family: &Family, case: Case) {
    let mut site = Site::start(Some(sshds), family, [case, case]);
    let before: Vec<_> = site.nodes.iter().map(|n| Before::of(n, case)).collect();
    // A look at a host ends after 10 s. A machine of many tests may be too busy for it, and replctl
    // then says that it has not seen the files.
    let mut plan = site.operator.run(&["promote", "b", "--dry-run"]).ok();
    for _ in 0..2 {
        if plan.stdout.contains("cannot see") || plan.stderr.contains("cannot see") {
            plan = site.operator.run(&["promote", "b", "--dry-run"]).ok();
        }
    }
    let lost = case.link == Link::IntoRoots;
    let told = plan.stderr.contains("is a link to") || plan.stdout.contains("is a link to");
    assert_eq!(lost, told, "{plan}");
    let ran = site.operator.run(&["promote", "b", "--yes"]).ok();
    for (node, before) in site.nodes.iter().zip(&before) {
        let what = format!("{case:?} {} {ran}", family.name);
        let config = node.config();
        if lost {
            let of_root = || config.metadata().unwrap().uid() == 0;
            assert!(!config.is_symlink() || of_root(), "{what}");
        } else {
            assert_eq!(std::fs::read_link(&config).ok(), before.link, "{what}");
        }
        is_no_wider(&config, before, case, &ran);
        nothing_is_left_beside(node);
    }
    for node in &mut site.nodes {
        node.restart();
    }
    assert_eq!(site.nodes[1].role(), "master", "{case:?} {}", family.name);
    assert_eq!(
        site.nodes[0].role(),
        site.nodes[1].port.to_string(),
        "{case:?}"
    );
}

/// No user gained read or write access to the file or its folder. The server still has access.
fn is_no_wider(config: &Path, before: &Before, case: Case, ran: &Ran) {
    let meta = config.metadata().unwrap();
    let what = format!("{:o} {case:?} {ran}", meta.mode());
    assert!(meta.is_file() && meta.mode() & 0o7111 == 0, "{what}");
    assert_eq!(meta.mode() & 0o666 & !case.mode & !0o400, 0, "{what}");
    let text = std::fs::read_to_string(config).unwrap();
    if case.include && text.contains(site::PASSWORD) {
        assert_eq!(meta.mode() & 0o7, 0, "{what}");
        let said = "in a file which it includes";
        assert!(
            ran.stdout.contains(said) || ran.stderr.contains(said),
            "{what}"
        );
    }
    let now = access(config);
    assert!(now.contains(&("redis", 'r')), "{what}");
    assert!(
        now.iter().all(|a| before.access.contains(a)),
        "{now:?} {:?} {what}",
        before.access
    );
    let folder = config.parent().unwrap().metadata().unwrap();
    assert_eq!(
        (folder.mode(), folder.uid(), folder.gid()),
        (
            before.folder.mode(),
            before.folder.uid(),
            before.folder.gid()
        )
    );
}

/// No file of replctl's own is left in the folders of a node.
fn nothing_is_left_beside(node: &site::Node) {
    let left = tree(&node.own);
    let ours = |k: &&String| k.contains("replctl") && !k.contains("replctl-files-");
    assert_eq!(left.keys().find(ours), None, "{left:?}");
    let named = |k: &&String| k.rsplit('/').next().unwrap().contains("replctl-");
    assert_eq!(left.keys().find(named), None, "{left:?}");
}

#[test]
fn files_of_every_owner_mode_link_and_folder_stay_as_narrow_and_hold_their_roles() {
    if !able() {
        return;
    }
    let (Some(sshds), Some(debian)) = (Sshds::start(1), Family::debian()) else {
        return;
    };
    let etc = tree(Path::new("/etc"));
    let all: Vec<Case> = cases()
        .into_iter()
        .filter(|c| can_be_rewritten(*c))
        .collect();
    for some in all.chunks(3) {
        std::thread::scope(|scope| {
            for case in some {
                scope.spawn(|| stays_as_it_was(&sshds, debian, *case));
            }
        });
    }
    // The families differ in how they write: 6.0 into the file itself, later ones a new one.
    for family in families()
        .iter()
        .filter(|f| f.is_one_file() && f.name != "debian" && f.name != "embedded")
    {
        for case in &all {
            let wanted =
                case.folder.1 == 0o750 && (case.owner == "root:root" || case.mode == 0o600);
            if wanted && !(family.name == "redis-6.0" && case.owner == "root:root") {
                stays_as_it_was(&sshds, family, *case);
            }
        }
    }
    assert_eq!(tree(Path::new("/etc")), etc);
    figure(&format!(
        "files: {} kinds of files through a promotion and a restart",
        all.len()
    ));
}

/// K2.6: without SSH replctl cannot see the file. It says so before the question, and again at the
/// end.
#[test]
fn without_ssh_who_may_read_the_file_is_said_not_to_be_known() {
    let Some(debian) = Family::debian().filter(|_| able()) else {
        return;
    };
    let case = Case {
        owner: "redis:redis",
        mode: 0o600,
        link: Link::No,
        folder: ("redis:redis", 0o750),
        include: false,
    };
    let mut site = Site::start(None, debian, [case, case]);
    let words = "who may read";
    site.operator
        .run(&["promote", "b", "--dry-run"])
        .ok()
        .says("replctl cannot see who may read");
    let ran = site
        .operator
        .run(&["promote", "b", "--yes"])
        .ok()
        .says(words);
    for node in &mut site.nodes {
        let file = node.config().display().to_string();
        assert!(
            ran.stderr.contains(&file) || ran.stdout.contains(&file),
            "{ran}"
        );
        // This is why.
        assert_eq!(node.config().metadata().unwrap().mode() & 0o777, 0o644);
        node.restart();
    }
    assert_eq!(site.nodes[1].role(), "master");
}

/// K2.6: the server makes its file readable for all. With SSH that ends sooner than one round trip
/// to a distant host takes.
#[test]
fn with_ssh_a_widened_file_is_narrow_again_at_once() {
    let Some(debian) = Family::debian().filter(|_| able()) else {
        return;
    };
    let Some(sshds) = Sshds::start(1) else { return };
    let case = Case {
        owner: "redis:redis",
        mode: 0o600,
        link: Link::No,
        folder: ("redis:redis", 0o755),
        include: false,
    };
    let site = Site::start(Some(&sshds), debian, [case, case]);
    let file = site.nodes[1].config();
    let end = AtomicBool::new(false);
    let (mut open, mut seen) = (Duration::ZERO, false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let (mut open, mut since) = (Duration::ZERO, None);
            while !end.load(Ordering::Relaxed) {
                let wide = file.metadata().is_ok_and(|m| m.mode() & 0o077 != 0);
                match (wide, since) {
                    (true, None) => since = Some(Instant::now()),
                    (false, Some(began)) => {
                        open = open.max(Instant::elapsed(&began));
                        since = None;
                    }
                    (true, Some(_)) | (false, None) => {}
                }
            }
            assert!(since.is_none(), "it is open still");
            open
        });
        site.operator.run(&["promote", "b", "--yes"]).ok();
        end.store(true, Ordering::Relaxed);
        open = watching.join().unwrap();
        seen = open > Duration::ZERO;
    });
    figure(&format!(
        "files: open for others for {open:?} after CONFIG REWRITE (seen: {seen})"
    ));
    assert!(open < Duration::from_millis(500), "{open:?}");
}

/// K2.8: with any umask, no other user can write the inventory or read the password.
#[test]
fn no_umask_lets_others_write_the_inventory() {
    for (umask, wanted) in [("000", [0o644, 0o600]), ("077", [0o600, 0o600])] {
        let folder = tempfile::tempdir().unwrap();
        sh(&format!(
            "cd {}; umask {umask}; {} init master=192.168.0.120 slave1=192.168.0.130 --name orders",
            folder.path().display(),
            crate::support::Replctl::binary().display()
        ));
        let mode = |name: &str| folder.path().join(name).metadata().unwrap().mode() & 0o777;
        let modes = ["inventory.toml", "orders.password"].map(mode);
        assert_eq!(modes, wanted, "umask {umask}");
    }
}
