//! Hosts on which a program fails, or a file is no text: a look never takes what it could not read
//! for what is not there.

use super::*;
use crate::world::service;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// A shell that finds another program by the name `name`.
fn with(name: &str, text: &str) -> Local {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut shell = Local::root();
    shell.applets = Some(folder);
    shell
}

/// The files of a user who is not known on the host, as on a disk that came from another: nobody
/// can act as that user.
#[tokio::test]
async fn what_nobody_can_read_may_hold_keys_and_passwords() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let (data, config) = (bench.paths().data(), bench.paths().config());
        let dump = format!("{data}/{}", bench.paths().dump_name());
        fs::create_dir_all(std::path::Path::new(&config).parent().unwrap()).unwrap();
        fs::write(&dump, "REDIS0009").unwrap();
        fs::write(&config, "requirepass secret\n").unwrap();
        for path in [&data, &format!("{data}/conf"), &dump, &config] {
            std::os::unix::fs::chown(path, Some(54_321), Some(54_321)).unwrap();
        }
        let further = together::Further {
            text: "service() { its_reads=; }\n",
            words: &[],
            process: None,
        };
        let node = &bench.inventory.nodes[0];
        let told = together::together(&shell, &bench.inventory, node, &further).await;
        let told = told.unwrap();
        let facts = told.facts.unwrap();
        assert_eq!(facts.data, StoredData::Keys, "{shell:?}");
        let why = told.passwords.unwrap_err();
        assert!(why.contains("could not be read as its user"), "{why}");
        assert!(why.contains("54321"), "{shell:?}: {why}");
    }
}

#[tokio::test]
async fn an_awk_that_fails_does_not_say_that_nobody_listens() {
    // mawk ends so where an operand cannot be opened, and where it is killed.
    let shell = with("awk", "exit 2");
    let bench = Bench::new(&shell);
    let node = &bench.inventory.nodes[0];
    let why = facts(&shell, &bench.inventory, node).await.unwrap_err();
    assert!(why.contains("awk did not read /proc"), "{why}");
    let text = service::alone(&service::look(), "mark");
    let port = node.address.port.to_string();
    for (shell, broken) in [
        (shell, true),
        // gawk goes on where it cannot open a table, and says so at its end.
        (with("awk", "/usr/bin/awk \"$@\"; exit 2"), true),
        (Local::root(), false),
        (Local::busybox(), false),
    ] {
        let ran = script(&shell, &text, &[&port, "", "", "", ""], Vec::new(), QUICK).await;
        match ran {
            Ok(text) => assert!(
                !broken && text.contains("\nend:\nmark"),
                "{shell:?}: {text}"
            ),
            Err(why) => assert!(broken && why.contains("awk did not read"), "{why}"),
        }
    }
}

const QUICK: Duration = Duration::from_secs(20);

const READ: &str = include_str!("../scripts/read.sh");

#[tokio::test]
async fn a_line_without_end_is_taken_into_no_memory() {
    let limited = || with("awk", "ulimit -v 60000; exec /usr/bin/awk \"$@\"");
    for shell in [limited(), Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let node = &bench.inventory.nodes[0];
        let path = crate::config::Paths::of(&bench.inventory, node).config();
        let file = std::path::Path::new(&path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let role = async |text: &[u8], length: Option<u64>| {
            fs::write(file, text).unwrap();
            let opened = fs::File::options().write(true).open(file).unwrap();
            opened.set_len(length.unwrap_or(text.len() as u64)).unwrap();
            let read = format!("f:{path}");
            let said = script(&shell, READ, &[&read], Vec::new(), QUICK).await;
            let seen = facts(&shell, &bench.inventory, node).await.unwrap();
            (said.unwrap(), seen.config.unwrap().role)
        };
        let upstream = PersistedRole::ReplicaOf(Address::new("10.0.0.1", 6379));
        let text = b"port 6380\nrequirepass s3cret\nreplicaof 10.0.0.1 6379\n";
        let lines = "lines\nread+port 6380\nread+replicaof 10.0.0.1 6379\ndone=\n";
        let (said, is) = role(text, None).await;
        assert!(said.ends_with(lines), "{shell:?}: {said}");
        assert_eq!(is, upstream, "{shell:?}");
        let (said, is) = role(text, Some(4 << 30)).await;
        assert!(said.ends_with("read+large\ndone=\n"), "{shell:?}: {said}");
        assert_eq!(is, upstream, "{shell:?}");
        let (said, is) = role(b"", None).await;
        assert!(said.ends_with("read+lines\ndone=\n"), "{shell:?}: {said}");
        assert_eq!(is, PersistedRole::Primary, "{shell:?}");
        // Whatever stands there is told in less than is kept of an answer.
        for (length, large) in [(1 << 20, false), ((1 << 20) + 1, true)] {
            let (said, _) = role(&b"\n".repeat(length), None).await;
            assert_eq!(said.contains("read+large"), large, "{shell:?}: {said}");
        }
        let said = shell.bytes_printed();
        assert!(said < 1 << 20, "{shell:?}: {said}");
    }
}
