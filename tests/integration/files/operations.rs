//! Every operation that writes a role: afterwards each server, restarted as its own user from its
//! own file, has that role, and the file is no more open. The files are like foreign ones: root's,
//! links, of another group.

use crate::files::site::{Case, Link, Site};
use crate::support::Sshds;
use crate::support::server::Family;
use std::os::unix::fs::MetadataExt;

const ROOTS: Case = Case {
    owner: "root:root",
    mode: 0o644,
    link: Link::No,
    folder: ("redis:redis", 0o750),
    include: false,
};
const LINKED: Case = Case {
    owner: "redis:adm",
    mode: 0o640,
    link: Link::Elsewhere,
    folder: ("root:redis", 0o770),
    include: false,
};

/// `master`, or which one it follows.
fn role(site: &Site, n: usize) -> String {
    let role = site.nodes[n].role();
    let upstream = site.nodes.iter().find(|o| o.port.to_string() == role);
    upstream.map_or(role.clone(), |o| o.name.to_owned())
}

fn hold(site: &mut Site, what: &str, wanted: [&str; 2]) {
    for (n, case) in [ROOTS, LINKED].into_iter().enumerate() {
        assert_eq!(role(site, n), wanted[n], "{what}: {}", site.nodes[n].name);
        let file = site.nodes[n].config();
        assert_eq!(file.is_symlink(), case.link == Link::Elsewhere, "{what}");
        let mode = file.metadata().unwrap().mode() & 0o7777;
        assert_eq!(mode & !case.mode, 0, "{what}: {mode:o}");
        site.nodes[n].restart();
    }
    for (n, wanted) in wanted.into_iter().enumerate() {
        assert_eq!(
            role(site, n),
            wanted,
            "{what}, restarted: {}",
            site.nodes[n].name
        );
    }
}

#[test]
fn each_operation_writes_roles_that_outlive_a_restart() {
    if !crate::files::able() {
        return;
    }
    let (Some(sshds), Some(debian)) = (Sshds::start(1), Family::debian()) else {
        return;
    };
    let mut site = Site::start(Some(&sshds), debian, [ROOTS, LINKED]);
    let run = |site: &Site, words: &[&str]| {
        // A primary that has just been started has an empty history: something is written, and has
        // arrived.
        let primary = site.nodes.iter().find(|n| n.role() == "master").unwrap();
        assert_eq!(
            primary.client().command(&["SET", "k", words[0]]).text(),
            "OK"
        );
        primary.client().command(&["WAIT", "1", "3000"]);
        site.operator.run(words).ok()
    };
    run(&site, &["promote", "b", "--yes"]);
    hold(&mut site, "promote", ["b", "master"]);
    site.in_sync(0);
    run(&site, &["undo", "last", "--yes"]);
    hold(&mut site, "undo", ["master", "a"]);
    site.in_sync(1);
    run(&site, &["detach", "b", "--yes"]);
    hold(&mut site, "detach", ["master", "master"]);
    run(&site, &["rejoin", "b", "--yes", "--discard-data", "b"]);
    site.in_sync(1);
    hold(&mut site, "rejoin", ["master", "a"]);
    site.in_sync(1);
    let mut stray = site.nodes[1].client();
    assert_eq!(stray.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    let repaired = site.operator.run(&["repair", "--keep", "a", "--yes"]).ok();
    assert_eq!(role(&site, 1), "a", "{repaired}");
    site.in_sync(1);
    hold(&mut site, "repair", ["master", "a"]);
    site.in_sync(1);
    run(&site, &["move", "b", "--under", "a", "--yes"]);
    hold(&mut site, "move", ["master", "a"]);
}
