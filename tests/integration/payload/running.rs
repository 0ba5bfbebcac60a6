//! The embedded programs at work: in an empty root, under their other names, for the other
//! architecture, and beside the distribution's own server.

use crate::payload::process::Server;
use crate::payload::{extracted, installed, missing};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const HERE: &str = std::env::consts::ARCH;
const SOON: Duration = Duration::from_secs(10);

/// Fills a server with something of every type, and a function.
const FILL: &str = "for i = 1, 1000 do redis.call('SET', 's' .. i, string.rep('x', i)) end
    for i = 1, 300 do redis.call('RPUSH', 'l', i) redis.call('HSET', 'h', i, i) redis.call('SADD', 'set', 'm' .. i)
        redis.call('ZADD', 'z', i / 7, i) redis.call('PFADD', 'p', i) redis.call('XADD', 'x', i .. '-1', 'k', i) redis.call('SETBIT', 'b', i * 3, 1) end
    redis.call('SADD', 'ints', 1, 2, 3) redis.call('SET', 'ttl', 'v', 'EX', 10000) return redis.call('DBSIZE')";
const LIBRARY: &str = "#!lua name=lib\nredis.register_function('f', function(keys, args) return 'of the library' end)";

fn options(command: &mut Command, port: u16, directory: &str) {
    command.args([
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--dir",
        directory,
        "--save",
        "",
        "--enable-debug-command",
        "yes",
    ]);
    command.args(["--repl-diskless-sync-delay", "0"]);
}

/// A command inside a root folder that contains only the server. Root uses chroot, others a user
/// namespace; `None`: the machine allows neither.
fn enter(root: &Path) -> Option<Command> {
    let chroot = installed("chroot", "coreutils");
    let uid = Command::new("id").arg("-u").output().unwrap().stdout;
    if uid == b"0\n" {
        let mut command = Command::new(chroot);
        command.arg(root);
        return Some(command);
    }
    let unshare = installed("unshare", "util-linux");
    if !Command::new(&unshare)
        .args(["-r", "true"])
        .output()
        .unwrap()
        .status
        .success()
    {
        return None;
    }
    let mut command = Command::new(unshare);
    command.arg("-r").arg(chroot).arg(root);
    Some(command)
}

fn answers_and_saves(server: &mut Server) {
    assert_eq!(server.call(&["PING"]), "PONG");
    assert_eq!(server.call(&["EVAL", FILL, "0"]), "1009");
    assert_eq!(server.call(&["EVAL", "return cjson.encode({a = {1, 2}}) .. cmsgpack.unpack(cmsgpack.pack('m')) .. bit.tohex(255, 2)", "0"]), "{\"a\":[1,2]}mff");
    assert_eq!(server.call(&["BGSAVE"]), "Background saving started");
    server.until("the background save", |server| {
        server.field("persistence", "rdb_bgsave_in_progress") == "0"
    });
    assert_eq!(server.field("persistence", "rdb_last_bgsave_status"), "ok");
}

#[test]
fn in_an_empty_root() {
    let (folder, into) = extracted(HERE);
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::copy(into.join("redis-server"), root.join("redis-server")).unwrap();
    if enter(&root).is_none() {
        return missing(
            "the server in an empty root: this machine allows neither chroot nor user namespaces to this user",
        );
    }
    let mut server = Server::start(SOON, |port| {
        let mut command = enter(&root).unwrap();
        command.arg("/redis-server");
        options(&mut command, port, "/");
        command
    });
    answers_and_saves(&mut server);
    assert!(
        server
            .field("server", "executable")
            .ends_with("/redis-server")
    );
    assert!(fs::metadata(root.join("dump.rdb")).unwrap().len() > 10_000);
}

#[test]
fn the_other_architecture_under_qemu() {
    if HERE != "x86_64" {
        return missing("aarch64 under qemu: this machine is no x86_64");
    }
    let qemu = Path::new("/usr/bin/qemu-aarch64-static");
    if !qemu.exists() {
        return missing(
            "the aarch64 server: qemu-aarch64-static is not installed: sudo apt-get install qemu-user-static",
        );
    }
    let (folder, into) = extracted("aarch64");
    for page in ["4096", "65536"] {
        let directory = folder.path().join(page).to_str().unwrap().to_owned();
        fs::create_dir(&directory).unwrap();
        let mut server = Server::start(Duration::from_secs(30), |port| {
            let mut command = Command::new(qemu);
            command.args(["-p", page]).arg(into.join("redis-server"));
            options(&mut command, port, &directory);
            command.args(["--ignore-warnings", "ARM64-COW-BUG"]);
            command
        });
        answers_and_saves(&mut server);
    }
}

#[test]
fn under_its_other_names() {
    let (folder, into) = extracted(HERE);
    let directory = folder.path().to_str().unwrap().to_owned();
    let mut server = Server::start(SOON, |port| {
        let mut command = Command::new(into.join("redis-server"));
        options(&mut command, port, &directory);
        command.args(["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]);
        command
    });
    answers_and_saves(&mut server);
    let port = server.port.to_string();
    let cli = said(Command::new(into.join("redis-cli")).args(["-p", &port, "get", "s5"]));
    assert_eq!(cli.trim(), "xxxxx");

    checks_a_dump(&into, &folder.path().join("dump.rdb"));
    let manifest = folder.path().join("appendonlydir/appendonly.aof.manifest");
    let aof = said(Command::new(into.join("redis-check-aof")).arg(&manifest));
    assert!(
        aof.contains("All AOF files and manifest are valid"),
        "{aof}"
    );
    watches_as_sentinel(&into, folder.path(), server.port);
}

/// `redis-check-rdb`: a good dump, and the same with one byte changed.
fn checks_a_dump(into: &Path, dump: &Path) {
    let check = || {
        let mut command = Command::new(into.join("redis-check-rdb"));
        command.arg(dump);
        command
    };
    let good = said(&mut check());
    assert!(good.contains("RDB looks OK!"), "{good}");
    let mut bytes = fs::read(dump).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(dump, bytes).unwrap();
    assert!(!check().output().unwrap().status.success());
}

/// `redis-sentinel`.
fn watches_as_sentinel(into: &Path, folder: &Path, watched: u16) {
    let configuration = folder.join("sentinel.conf");
    fs::write(
        &configuration,
        format!("bind 127.0.0.1\nsentinel monitor watched 127.0.0.1 {watched} 1\n"),
    )
    .unwrap();
    let mut sentinel = Server::start(SOON, |port| {
        let mut command = Command::new(into.join("redis-sentinel"));
        command
            .arg(&configuration)
            .args(["--port", &port.to_string()]);
        command
    });
    assert_eq!(sentinel.field("server", "redis_mode"), "sentinel");
    assert_eq!(
        sentinel.call(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "watched"]),
        format!("127.0.0.1\n{watched}")
    );
}

/// What a program that succeeds says.
fn said(command: &mut Command) -> String {
    text(command.output().unwrap())
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn replicates_with_the_distributions_server_both_ways() {
    let own = installed("redis-server", "redis-server");
    let (folder, into) = extracted(HERE);
    let embedded = into.join("redis-server");
    for (primary, replica) in [(&own, &embedded), (&embedded, &own)] {
        let start = |program: &Path, name: &str| {
            let directory = folder.path().join(name);
            fs::create_dir_all(&directory).unwrap();
            let directory = directory.to_str().unwrap().to_owned();
            Server::start(SOON, |port| {
                let mut command = Command::new(program);
                options(&mut command, port, &directory);
                command
            })
        };
        let mut first = start(primary, "first");
        let mut second = start(replica, "second");
        assert_eq!(first.call(&["EVAL", FILL, "0"]), "1009");
        assert_eq!(first.call(&["FUNCTION", "LOAD", LIBRARY]), "lib");
        assert_eq!(
            second.call(&["REPLICAOF", "127.0.0.1", &first.port.to_string()]),
            "OK"
        );
        second.until("the full synchronisation", |server| {
            server.field("replication", "master_link_status") == "up"
        });
        // By the stream too, not only by the snapshot.
        assert_eq!(
            first.call(&[
                "EVAL",
                "for i = 1, 500 do redis.call('LPUSH', 'later', string.rep('y', i)) end return 1",
                "0"
            ]),
            "1"
        );
        assert_eq!(first.call(&["WAIT", "1", "20000"]), "1");
        let digest = first.call(&["DEBUG", "DIGEST"]);
        assert_eq!(digest.len(), 40, "{digest}");
        assert_eq!(
            second.call(&["DEBUG", "DIGEST"]),
            digest,
            "{} -> {}",
            primary.display(),
            replica.display()
        );
        assert_eq!(second.call(&["REPLICAOF", "NO", "ONE"]), "OK");
        assert_eq!(second.call(&["FCALL", "f", "0"]), "of the library");
    }
}
