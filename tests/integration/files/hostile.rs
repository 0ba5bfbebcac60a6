//! The server's user is hostile: it gives any answer and plants any link. Root must do nothing for
//! it.

use crate::files::site::{Case, Link, PASSWORD, Site, sh, tree};
use crate::support::process::Leased;
use crate::support::server::Family;
use crate::support::{Sshds, await_that, ports};
use std::path::Path;
use std::time::Duration;

const CASE: Case = Case {
    owner: "redis:redis",
    mode: 0o640,
    link: Link::No,
    folder: ("redis:redis", 0o750),
    include: false,
};

/// Runs sh as the server's user until it is dropped.
fn as_redis(line: &str, log: &Path) -> Leased {
    let line = format!("exec setpriv --reuid redis --regid redis --init-groups sh -c '{line}'");
    Leased::start(Path::new("/bin/sh"), &["-c", &line], log)
}

/// K2.4: while the role is written, the file is swapped for a link to a file of root's and back, as
/// fast as possible.
#[test]
fn a_file_that_is_swapped_for_a_link_gets_root_to_do_nothing() {
    if !crate::files::able() {
        return;
    }
    let (Some(sshds), Some(debian)) = (Sshds::start(1), Family::debian()) else {
        return;
    };
    let site = Site::start(Some(&sshds), debian, [CASE, CASE]);
    let etc = tree(Path::new("/etc"));
    // A file of root's that everybody can read, and one that nobody can.
    let bait = site.root.path().join("bait");
    sh(&format!(
        "mkdir {0}; echo a >{0}/open; echo b >{0}/shut; chmod 666 {0}/open; chmod 600 {0}/shut",
        bait.display()
    ));
    let before = tree(&bait);
    let conf = site.nodes[1].config();
    let conf = conf.display();
    let swap = format!(
        "cp {conf} {conf}.own; n=0; while :; do n=$((n+1)); for t in open shut; do ln -sfn {0}/$t {conf}.l; mv -f {conf}.l {conf}; \
         for x in new before; do ln -sfn {0}/planted {conf}.replctl-$x 2>/dev/null; done; \
         cp {conf}.own {conf}.f; mv -f {conf}.f {conf}; done; echo $n >{conf}.n; done",
        bait.display()
    );
    let swapping = as_redis(&swap, &site.root.path().join("swap.log"));
    for n in 0..12 {
        let to = ["b", "a"][n % 2];
        // Whether its role came into its file is the user's own affair.
        let ran = site
            .operator
            .run(&["promote", to, "--yes", "--abandon-unfinished"]);
        assert!(matches!(ran.code, Some(0 | 1 | 3 | 5)), "{ran}");
    }
    let rounds = std::fs::read_to_string(format!("{conf}.n")).unwrap();
    assert!(rounds.trim().parse::<u32>().unwrap() > 100, "{rounds}");
    drop(swapping);
    assert_eq!(tree(&bait), before);
    assert_eq!(tree(Path::new("/etc")), etc);
}

/// A proxy that names another file as the server's.
const LIAR: &str = r#"use strict; use IO::Socket::INET; use IO::Select;
my ($listen, $to, $true, $false) = @ARGV;
$SIG{CHLD} = "IGNORE";
my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $listen, Listen => 50, ReuseAddr => 1) or die;
while (my $c = $l->accept) {
  next if fork;
  my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $to) or exit;
  my $sel = IO::Select->new($c, $s);
  while (my @r = $sel->can_read) { for my $h (@r) {
    sysread($h, my $d, 1 << 20) or exit;
    $d =~ s/\Q$true\E/$false/g if $h == $s;
    my $o = $h == $s ? $c : $s; print $o $d; $o->flush; } }
}
"#;

/// The path that the liar names: as long as the true one, so that the lengths in the protocol stay
/// right.
fn lie(site: &Site, file: &str, bait: &Path) -> String {
    let node = &site.nodes[1];
    let lie = match file {
        "lnk" => {
            let store = format!("{}/store", node.own.display());
            sh(&format!(
                "ln -s /etc/shadow {store}/l; chown -h redis {store}/l"
            ));
            format!("{store}/l")
        }
        "bait" => bait.display().to_string(),
        file => file.to_owned(),
    };
    let own = node.config().display().to_string();
    format!("{}{lie}", "/".repeat(own.len() - lie.len()))
}

/// Puts that proxy in front of the second node, run by that user.
fn lies(site: &Site, user: &str, lie: &str) -> Leased {
    let (liar, real) = (ports::free(), site.nodes[1].port);
    let own = site.nodes[1].config().display().to_string();
    let program = site.root.path().join("liar.pl");
    std::fs::write(&program, LIAR).unwrap();
    let start = format!(
        "exec setpriv --reuid {user} --regid {user} --init-groups perl {} {liar} {real} {own} {lie}",
        program.display()
    );
    let log = site.root.path().join("liar.log");
    let process = Leased::start(Path::new("/bin/sh"), &["-c", &start], &log);
    await_that("the liar to listen", Duration::from_secs(5), || {
        std::net::TcpStream::connect(("127.0.0.1", liar)).is_ok()
    });
    let mut client = site.nodes[1].client();
    let announce = ["CONFIG", "SET", "replica-announce-port", &liar.to_string()];
    assert_eq!(client.command(&announce).text(), "OK");
    let primary = site.nodes[0].port.to_string();
    client.command(&["REPLICAOF", "NO", "ONE"]);
    client.command(&["REPLICAOF", "127.0.0.1", &primary]);
    site.in_sync(1);
    let inventory = site.root.path().join("inventory.toml");
    let text = std::fs::read_to_string(&inventory).unwrap();
    let text = text.replace(&real.to_string(), &liar.to_string());
    std::fs::write(&inventory, text).unwrap();
    process
}

/// K2.3: a server's word about its file gives it no more rights than the server's user has.
#[test]
fn a_server_that_names_a_file_of_roots_gets_root_to_do_nothing() {
    if !crate::files::able() {
        return;
    }
    let (Some(sshds), Some(debian)) = (Sshds::start(1), Family::debian()) else {
        return;
    };
    let etc = tree(Path::new("/etc"));
    for user in ["redis", "root"] {
        for file in ["/etc/passwd", "/etc/shadow", "lnk", "bait"] {
            let mut site = Site::start(Some(&sshds), debian, [CASE, CASE]);
            let bait = site.root.path().join("x");
            sh(&format!("echo a >{0}; chmod 646 {0}", bait.display()));
            let lie = lie(&site, file, &bait);
            let _liar = lies(&site, user, &lie);
            let ran = site.operator.run(&["promote", "b", "--yes"]);
            assert!(matches!(ran.code, Some(0 | 5)), "{user} {file}: {ran}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(
                !said.contains(&format!("read back from {lie}")),
                "{user} {file}: {ran}"
            );
            assert!(!said.contains(PASSWORD), "{ran}");
            site.nodes[1].stop();
            assert_eq!(tree(Path::new("/etc")), etc, "{user} {file}: {ran}");
            let said = sh(&format!("stat -c '%a %U %G' {0}; cat {0}", bait.display()));
            assert_eq!(said, "646 root root\na\n", "{user} {file}: {ran}");
        }
    }
}
