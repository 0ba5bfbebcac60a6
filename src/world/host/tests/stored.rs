//! The data files of stopped servers: what is seen of them before a start, and what is copied. The
//! users are `redis` (the server's) and `nobody` (somebody else).

use super::files::{place, sh};
use super::local::{Bench, Local};
use super::*;
use crate::topology::service::DataFiles;
use crate::world::host::owner::on_file;
use crate::world::host::stored_in;
use std::fs;
use std::path::Path;

const LIST: &str = include_str!("../scripts/list.sh");

/// A snapshot with notes only, as a server without keys writes it.
const EMPTY: &[u8] = b"REDIS0011\xfa\x03aaa\x03bbb\xff00000000";
/// One with a key, of 49 bytes.
const KEYS: &[u8] = b"REDIS0011\xfa\x03aaa\x03bbb\xfe\x00\xfb\x01\x00\x00\x01a\x01b\xff00000000";

fn files(folder: &Path) -> DataFiles {
    DataFiles {
        folder: Some(folder.display().to_string()),
        ..DataFiles::default()
    }
}

async fn listed(shell: &Local, folder: &Path, user: &str) -> Result<Vec<String>, String> {
    let names = ["dump.rdb", "appendonly.aof", "appendonlydir"];
    let folder = folder.display().to_string();
    let text = on_file(shell, LIST, &folder, user, &names, Vec::new()).await?;
    let name = |line: &str| line.splitn(3, ' ').nth(2).map(str::to_owned);
    Ok(text.lines().filter_map(name).collect())
}

fn base(folder: &Path, bytes: &[u8]) {
    let parts = folder.join("appendonlydir");
    fs::create_dir_all(&parts).unwrap();
    fs::write(parts.join("appendonly.aof.1.base.rdb"), bytes).unwrap();
    fs::write(parts.join("appendonly.aof.1.incr.aof"), "").unwrap();
    fs::write(parts.join("appendonly.aof.manifest"), "file x\n").unwrap();
}

/// A short base of the log of writes may hold keys: its content decides, and not its length.
#[tokio::test]
async fn a_short_base_of_the_log_is_read() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let place = place(&bench);
        for (bytes, holds) in [
            (EMPTY, StoredData::Nothing),
            (KEYS, StoredData::Keys),
            (&[b'x'; 513], StoredData::Keys),
        ] {
            base(&place, bytes);
            let (data, history) = stored_in(&shell, &files(&place), "").await.unwrap();
            assert_eq!((data, history), (holds, None), "{shell:?}");

            base(Path::new(&bench.paths().data()), bytes);
            let facts = bench.facts(&shell).await;
            assert_eq!(facts.data, holds, "{shell:?}");
        }
    }
}

/// Parts of the log that their reader may not list count as keys, and no copy leaves them out.
#[tokio::test]
async fn parts_that_cannot_be_listed_are_neither_nothing_nor_left_out() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let place = place(&bench);
        fs::write(place.join("dump.rdb"), EMPTY).unwrap();
        base(&place, KEYS);
        let line = "cd $0; chown redis: . dump.rdb; chown -R nobody appendonlydir; chmod 700 appendonlydir";
        sh(&line.replace("$0", &place.display().to_string()));
        let seen = stored_in(&shell, &files(&place), "redis").await.unwrap();
        assert_eq!(seen.0, StoredData::Keys, "{shell:?}");
        let why = listed(&shell, &place, "redis").await.unwrap_err();
        assert!(
            why.contains("appendonlydir cannot be read by redis"),
            "{why}"
        );
    }
}

/// A copy holds the files that the server loads, by their names, and nothing beside them. Where one
/// of them is a link, there is no copy.
#[tokio::test]
async fn a_copy_holds_what_the_server_loads_or_there_is_none() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let place = place(&bench);
        base(&place, KEYS);
        fs::create_dir(place.join("backups")).unwrap();
        for other in ["dump.rdb", "other.rdb", "temp-1.rdb", "backups/old.rdb"] {
            fs::write(place.join(other), KEYS).unwrap();
        }
        let whole = [
            "dump.rdb",
            "appendonlydir/appendonly.aof.1.base.rdb",
            "appendonlydir/appendonly.aof.1.incr.aof",
            "appendonlydir/appendonly.aof.manifest",
        ];
        let seen = listed(&shell, &place, "").await.unwrap();
        assert_eq!(seen, whole, "{shell:?}");

        for line in [
            "mv appendonlydir x; ln -s x appendonlydir",
            "rm -r appendonlydir; mv x appendonlydir; ln -s /dev/null appendonly.aof",
            "rm appendonly.aof; ln -sf other.rdb dump.rdb",
        ] {
            sh(&format!("cd {}; {line}", place.display()));
            let why = listed(&shell, &place, "").await.unwrap_err();
            assert!(why.contains("is a link"), "{shell:?}: {line}: {why}");
        }
    }
}

/// `grep` prints nothing of a file with a NUL byte: the file would lose all its other lines.
#[tokio::test]
async fn a_file_with_a_nul_byte_is_not_fenced() {
    let to = Address::new("10.0.0.1", 6379);
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let file = place(&bench).join("redis.conf");
        let text = "port 1\n# \0\nrequirepass secret\n";
        fs::write(&file, text).unwrap();
        let path = file.display().to_string();
        let why = fence(&shell, &path, "redis", &to).await.unwrap_err();
        assert!(why.contains("NUL"), "{shell:?}: {why}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{shell:?}");
    }
}
