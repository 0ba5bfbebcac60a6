//! `check`: what its script sees of files of the host, and what an undo leaves alone.
#![allow(clippy::unwrap_used)]

use super::check::{SCRIPT, of_key, program, said};
use super::local::{Bench, Local};
use crate::actions::host::HostAction;
use crate::world::host::{Progress, Ran, Shell, UploadOptions, fixes};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A newer kernel keeps `rw` after a fault.
#[tokio::test]
async fn a_file_system_that_the_kernel_has_given_up_is_seen() {
    let place = tempfile::tempdir().unwrap();
    let mounts = place.path().join("mountinfo");
    let text = SCRIPT.replace("/proc/self/mountinfo", &mounts.display().to_string());
    let folder = place.path().display().to_string();
    let words = ["--", "--", "", &folder, "", "", ""];
    for shell in [Local::root(), Local::busybox()] {
        for (options, seen) in [
            ("rw,emergency_ro", "broken"),
            ("ro,shutdown", "broken"),
            ("ro", "yes"),
            ("rw,errors=remount-ro", "no"),
        ] {
            let line = format!("1 0 8:1 / / rw,relatime - ext4 /dev/sda {options}\n");
            fs::write(&mounts, line).unwrap();
            let said = said(&shell, place.path(), &text, &words).await;
            assert_eq!(of_key(&said, "read_only"), [seen], "{shell:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_command_is_seen_without_a_client_of_the_server() {
    let programs = tempfile::tempdir().unwrap();
    program(programs.path(), "nc", "echo \"-$2 Redis is running\"");
    let text = SCRIPT.replace("redis-cli valkey-cli bash nc", "nc");
    let words = ["--", "h", "DENIED", "h", "NOAUTH", "--"];
    for shell in [Local::root(), Local::busybox()] {
        let said = said(&shell, programs.path(), &text, &words).await;
        let mut reached = of_key(&said, "reach");
        reached.sort_unstable();
        assert_eq!(reached, ["0 denied", "1 yes"], "{shell:?}");
    }
}

/// The script with another root for the files that the host reads at its start.
fn below(root: &Path) -> String {
    let root = root.display();
    let text = SCRIPT.replace("cd / &&", &format!("cd {root} &&"));
    let text = text.replace("\"/$x\"", &format!("\"{root}/$x\""));
    let text = text.replace("k=sets /$x", &format!("k=sets {root}/$x"));
    text.replace(" /etc/s", &format!(" {root}/etc/s"))
}

#[tokio::test]
async fn files_that_count_at_the_next_start_are_seen_with_their_values() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("etc/sysctl.conf", "vm.overcommit_memory=9\n");
    put("etc/sysctl.d/99-a.conf", "-vm/overcommit_memory =  1 \n");
    put("run/sysctl.d/99-a.conf", "vm.overcommit_memory=8\n");
    put("usr/lib/sysctl.d/99-b.conf", "vm.overcommit_memory=7\n");
    put("usr/lib/sysctl.d/99-a.conf", "vm.overcommit_memory=6\n");
    let pages = "transparent_hugepage/enabled";
    let line = format!("w /sys/kernel/mm/{pages} - - - - madvise\n");
    put("usr/lib/tmpfiles.d/a.conf", &line);
    put("usr/lib/tmpfiles.d/b.conf", &format!("x /{pages}\n"));
    let folder = "etc/systemd/system/a.service.d";
    let limits = format!("{folder}/90-replctl-limits.conf");
    put(&limits, "[Service]\nLimitNOFILE=9\n");
    let own = |name: &str| root.join(format!("etc/sysctl.d/90-replctl-{name}.conf"));
    put("etc/sysctl.d/90-replctl-a.conf", "a=1\n");
    put("etc/sysctl.d/90-replctl-b.conf", "[Service]\nb=1\n");
    symlink("/dev/null", root.join("etc/sysctl.d/99-b.conf")).unwrap();
    symlink("/dev/null", own("c")).unwrap();
    symlink("nothing", own("d")).unwrap();
    symlink(own("a"), own("e")).unwrap();
    let none = tempfile::tempdir().unwrap();
    let here = root.display();
    for shell in [Local::root(), Local::busybox()] {
        let said = said(&shell, none.path(), &below(root), &["--", "--"]).await;
        let mut sets = of_key(&said, "sets");
        sets.sort_unstable();
        let wanted = [
            format!("huge-pages {here}/usr/lib/tmpfiles.d/a.conf madvise"),
            format!("huge-pages {here}/usr/lib/tmpfiles.d/b.conf "),
            format!("vm.overcommit_memory {here}/etc/sysctl.d/99-a.conf 1"),
        ];
        assert_eq!(sets, wanted, "{shell:?}");
        let kept = [
            format!("{} a=1", own("a").display()),
            format!("{here}/{limits} LimitNOFILE=9"),
        ];
        assert_eq!(of_key(&said, "kept"), kept, "{shell:?}");
        let more = ["b", "c", "d", "e"].map(|name| own(name).display().to_string());
        assert_eq!(of_key(&said, "kept_more"), more, "{shell:?}");
    }
}

fn keep(path: &Path, text: &str, back: Option<&str>) -> HostAction {
    HostAction::KeepFile {
        path: path.display().to_string(),
        text: text.to_owned(),
        reload: false,
        back: back.map(str::to_owned),
    }
}

fn gone(path: &Path, text: &str, reload: bool) -> HostAction {
    HostAction::DropFile {
        path: path.display().to_string(),
        text: text.to_owned(),
        reload,
    }
}

#[tokio::test]
async fn an_undo_leaves_what_somebody_wrote_meanwhile() {
    for shell in [Local::root(), Local::busybox()] {
        let bench = Bench::new(&shell);
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("x.conf");
        let undos = [gone(&file, "a=2", false), keep(&file, "a=1", Some("a=2"))];
        for undo in &undos {
            fs::write(&file, "a=2\nb=1\n").unwrap();
            let why = bench.act(&shell, undo).await.unwrap_err();
            assert!(why.contains("x.conf is not as it was written"), "{why}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "a=2\nb=1\n");
            fs::remove_file(&file).unwrap();
            symlink("/dev/null", &file).unwrap();
            bench.act(&shell, undo).await.unwrap_err();
            assert!(file.is_symlink(), "{shell:?}");
            fs::remove_file(&file).unwrap();
        }
        bench.act(&shell, &undos[1]).await.unwrap_err();
        assert!(!file.exists(), "{shell:?}");
        fs::write(&file, "a=2\n").unwrap();
        bench.act(&shell, &undos[0]).await.unwrap();
        assert!(!file.exists(), "{shell:?}");
        bench.act(&shell, &undos[0]).await.unwrap();
    }
}

/// A step that could change nothing is put back without a change.
#[tokio::test]
async fn what_is_there_already_is_put_back() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("x.conf");
    fs::write(&file, "1\n").unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let set = |value: &str| HostAction::SetKernel {
        file: file.display().to_string(),
        value: value.to_owned(),
    };
    let nobody = Local::nobody();
    fixes::act(&nobody, &set("1")).await.unwrap();
    fixes::act(&nobody, &set("0")).await.unwrap_err();
    for shell in [Local::root(), Local::busybox()] {
        fixes::act(&shell, &keep(&file, "1", Some("2")))
            .await
            .unwrap();
        fixes::act(&shell, &keep(&file, "2", Some("1")))
            .await
            .unwrap_err();
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "1\n");
}

/// A host that is only asked how long a command may take.
#[derive(Default)]
struct Patient(Mutex<Vec<u64>>);

impl Shell for Patient {
    async fn run(&self, _: &str, _: Vec<u8>, _: bool, limit: Duration) -> Result<Ran, String> {
        self.0.lock().unwrap().push(limit.as_secs());
        Ok(Ran {
            status: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
    }

    async fn upload_files(
        &self,
        _: Vec<(String, Arc<Vec<u8>>)>,
        _: u32,
        _: bool,
        _: Progress,
        _: UploadOptions,
    ) -> Result<String, String> {
        Err("nothing is uploaded".to_owned())
    }

    fn can_root(&self) -> bool {
        true
    }
}

/// systemd may need a minute for its units, and another one for the undo.
#[tokio::test]
async fn systemd_has_time_to_read_its_units() {
    let host = Patient::default();
    let file = Path::new("/etc/x.conf");
    for reload in [false, true] {
        let mut file_kept = keep(file, "a=1", None);
        if let HostAction::KeepFile { reload: of, .. } = &mut file_kept {
            *of = reload;
        }
        fixes::act(&host, &file_kept).await.unwrap();
        fixes::act(&host, &gone(file, "a=1", reload)).await.unwrap();
    }
    assert_eq!(*host.0.lock().unwrap(), [30, 30, 90, 90]);
}
