//! The scripts of `adopt` on this machine: the end, the copy and the boot of a server that somebody
//! else made. A function in the shell answers for systemd.

use super::local::Local;
use super::*;
use crate::actions::former::{DataCopy, FormerAction, User};
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);
const REDIS: u32 = 65_534;

/// A folder of a former server with a snapshot, and one for the copy.
struct Data {
    dir: TempDir,
    copy: DataCopy,
}

impl Data {
    fn new(uid: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Bench::chmod(&dir.path().display().to_string(), 0o755);
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for folder in [&from, &to] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(from.join("dump.rdb"), "keys").unwrap();
        for path in [&from, &from.join("dump.rdb")] {
            chown(path, Some(uid), Some(uid)).unwrap();
        }
        chown(&to, Some(REDIS), Some(REDIS)).unwrap();
        let text = |path: &Path| path.display().to_string();
        let copy = DataCopy {
            reader: User {
                uid,
                gid: uid,
                groups: Vec::new(),
            },
            from: text(&from),
            to: text(&to),
            owner: "nobody".to_owned(),
            dump: ("dump.rdb".to_owned(), "6379.rdb".to_owned()),
            appended: None,
            bytes: None,
        };
        Self { dir, copy }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// A server that was killed while it saved has closed its connections, too.
#[tokio::test]
async fn a_snapshot_that_is_older_than_the_end_is_not_copied() {
    for shell in [Local::root(), Local::busybox()] {
        let data = Data::new(REDIS);
        let why = copy_data(&shell, &data.copy, Some(now() + 60)).await;
        let why = why.unwrap_err();
        assert!(why.contains("has not saved its data"), "{shell:?}: {why}");
        assert!(!data.at("to/6379.rdb").exists(), "{shell:?}");
        let done = copy_data(&shell, &data.copy, Some(now() - 60)).await;
        assert!(done.unwrap().starts_with("4 bytes"), "{shell:?}");
        assert!(data.at("to/6379.rdb").exists(), "{shell:?}");
    }
}

/// Root reads no file of its own for another user.
#[tokio::test]
async fn what_a_user_puts_into_the_folder_of_a_server_of_root_is_not_read() {
    for shell in [Local::root(), Local::busybox()] {
        let data = Data::new(0);
        copy_data(&shell, &data.copy, None).await.unwrap();
        fs::remove_file(data.at("to/6379.rdb")).unwrap();
        // The folder, and with that the name in it, is another user's.
        chown(data.at("from"), Some(REDIS), None).unwrap();
        fs::write(data.at("secret"), "of root").unwrap();
        fs::remove_file(data.at("from/dump.rdb")).unwrap();
        symlink(data.at("secret"), data.at("from/dump.rdb")).unwrap();
        let why = copy_data(&shell, &data.copy, None).await.unwrap_err();
        assert!(
            why.contains("others than root may write"),
            "{shell:?}: {why}"
        );
        assert!(!data.at("to/6379.rdb").exists(), "{shell:?}");
    }
}

#[tokio::test]
async fn data_that_was_changed_after_the_copy_is_told() {
    for shell in [Local::root(), Local::busybox()] {
        let mut data = Data::new(REDIS);
        fs::create_dir(data.at("from/appendonlydir")).unwrap();
        fs::write(data.at("from/appendonlydir/a.aof"), "x").unwrap();
        // A server ignores a folder there.
        fs::create_dir(data.at("from/appendonlydir/lost+found")).unwrap();
        data.copy.appended = Some("appendonlydir".to_owned());
        copy_data(&shell, &data.copy, None).await.unwrap();
        let same = async || {
            let action = FormerAction::SeeCopied(data.copy.clone());
            former::act(&shell, &action).await
        };
        assert_eq!(same().await.unwrap(), "as it was copied", "{shell:?}");
        let later = |path: &str| {
            let file = fs::File::options().write(true).open(data.at(path)).unwrap();
            let later = SystemTime::now() + Duration::from_secs(9);
            file.set_modified(later).unwrap();
        };
        later("from/appendonlydir/a.aof");
        let why = same().await.unwrap_err();
        assert!(why.contains("a.aof has changed since"), "{shell:?}: {why}");
        later("to/appendonlydir/a.aof");
        fs::write(data.at("from/appendonlydir/b.aof"), "x").unwrap();
        assert!(same().await.is_err(), "{shell:?}: a new file");
        fs::remove_file(data.at("from/appendonlydir/b.aof")).unwrap();
        assert!(same().await.is_ok(), "{shell:?}");
        later("from/dump.rdb");
        let why = same().await.unwrap_err();
        assert!(why.contains("dump.rdb has changed since"), "{shell:?}");
    }
}

/// Runs a script with what answers for systemd before it.
async fn with_systemctl(shell: &Local, says: &str, texts: &[&str], args: &[&str]) -> Ran {
    let mut all = texts.to_vec();
    let answers = format!("systemctl() {{ {says}; }}\n");
    all.insert(all.len() - 1, &answers);
    let text = owner::without_comments(&all);
    shell
        .run_script(&text, args, Vec::new(), true, SOON)
        .await
        .unwrap()
}

fn texts(ran: &Ran) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&ran.stdout), text(&ran.stderr))
}

#[tokio::test]
async fn a_unit_that_something_else_starts_is_not_called_disabled() {
    const DISABLE: &str = include_str!("../scripts/former_disable.sh");
    let ask = async |shell: &Local, by: &str| {
        let says = format!(
            "case $1 in show) printf 'WantedBy={by}\\nRequiredBy=\\nTriggeredBy=\\n' ;; is-enabled) echo static ;; esac"
        );
        with_systemctl(shell, &says, &[DISABLE], &["r.service"]).await
    };
    for shell in [Local::root(), Local::busybox()] {
        let ran = ask(&shell, "").await;
        let (said, _) = texts(&ran);
        assert_eq!(
            (ran.status, &*said),
            (0, "nothing starts r.service at boot\n")
        );
        let ran = ask(&shell, "multi-user.target").await;
        let (_, why) = texts(&ran);
        assert!(why.contains("by multi-user.target"), "{shell:?}: {why}");
        assert_ne!(ran.status, 0);
        let ran = with_systemctl(&shell, ":", &[DISABLE], &["r.service"]).await;
        assert_ne!(ran.status, 0, "{shell:?}: systemd has said nothing");
    }
}

#[tokio::test]
async fn a_server_that_was_killed_has_not_ended_by_itself() {
    const GONE: &str = include_str!("../scripts/former_gone.sh");
    const LIB: &str = include_str!("../scripts/lib.sh");
    let port = free_port().to_string();
    let parts = [owner::OWNER, owner::SOCKETS, LIB, GONE];
    for shell in [Local::root(), Local::busybox()] {
        for (result, ends) in [("success", true), ("oom-kill", false), ("signal", false)] {
            let says =
                format!("case $1 in show) echo Result={result} ;; is-active) echo failed ;; esac");
            let args = [port.as_str(), "r.service", "/nowhere"];
            let ran = with_systemctl(&shell, &says, &parts, &args).await;
            let told = texts(&ran);
            assert_eq!(ran.status == 0, ends, "{shell:?} {result}: {told:?}");
        }
    }
}

#[tokio::test]
async fn only_a_process_in_the_nodes_own_directory_is_told() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
        assert_eq!(own_process(&shell, &launch).await, Ok(None), "{shell:?}");
        let first = bench.plan(&shell, false).await;
        bench.carry_out(&shell, &first).await;
        let pid = own_process(&shell, &launch).await.unwrap();
        let told = bench.cli(&["INFO", "server"]);
        let pid = pid.unwrap();
        assert!(told.contains(&format!("process_id:{pid}\r\n")), "{told}");
        // It has not said that it may be stopped, or another process has.
        for confirmed in [None, Some(pid + 1)] {
            let why = stop_own(&shell, &launch, false, confirmed).await;
            assert!(why.unwrap_err().contains("is not stopped"), "{shell:?}");
        }
        let done = stop_own(&shell, &launch, false, Some(pid)).await;
        assert_eq!(done, Ok("stopped".to_owned()), "{shell:?}");
    }
}

/// Somebody reads a file there, or a program with such a name works there.
#[tokio::test]
async fn another_program_in_the_nodes_own_directory_does_not_keep_its_server_running() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
        let first = bench.plan(&shell, false).await;
        bench.carry_out(&shell, &first).await;
        let pid = own_process(&shell, &launch).await.unwrap();
        stop_own(&shell, &launch, false, pid).await.unwrap();
        let begun = |program: &str, words: &[&str]| {
            let mut command = std::process::Command::new(program);
            let command = command.args(words).current_dir(&launch.data);
            command.spawn().unwrap()
        };
        let [log, named] = ["redis.log", "redis-server"].map(|n| format!("{}/{n}", bench.root()));
        fs::copy("/bin/sleep", &named).unwrap();
        fs::write(&log, "").unwrap();
        let mut reads = begun("tail", &["-f", &log]);
        assert_eq!(own_process(&shell, &launch).await, Ok(None), "{shell:?}");
        let mut other = begun(&named, &["60"]);
        start(&shell, &launch).await.unwrap();
        let told = bench.cli(&["INFO", "server"]);
        let pid = told.lines().find_map(|l| l.strip_prefix("process_id:"));
        let pid = pid.and_then(|pid| pid.trim().parse().ok());
        let done = stop_own(&shell, &launch, false, pid).await;
        for child in [&mut reads, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(done, Ok("stopped".to_owned()), "{shell:?}");
    }
}

/// It was made a primary without a word in its file, took writes, and was killed. Its directory has
/// the only copy of them.
#[tokio::test]
async fn a_server_that_was_a_primary_when_it_died_keeps_its_data() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let launch = Launch::new(&bench.inventory, &bench.inventory.nodes[0]);
        let first = bench.plan(&shell, false).await;
        bench.carry_out(&shell, &first).await;
        let ends = async || {
            let pid = own_process(&shell, &launch).await.unwrap();
            stop_own(&shell, &launch, false, pid).await.unwrap();
        };
        for (words, is_primary) in [
            (&["REPLICAOF", "127.0.0.1", "1"][..], false),
            (&["REPLICAOF", "NO", "ONE"][..], true),
        ] {
            start(&shell, &launch).await.unwrap();
            bench.cli(&["REPLICAOF", "127.0.0.1", "1"]);
            assert_eq!(bench.cli(&["CONFIG", "REWRITE"]), "OK");
            bench.cli(words);
            ends().await;
            let done = stop_own(&shell, &launch, false, None).await;
            assert_eq!(done.is_err(), is_primary, "{shell:?}: {done:?}");
        }
    }
}
