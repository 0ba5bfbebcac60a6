//! What has a server started at boot, as the script of `adopt` reads it on this machine. A function
//! in the shell answers for systemd, and a folder stands for /etc.

use super::local::Local;
use super::*;
use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const BOOT: &str = include_str!("../../service/boot.sh");
const AS: &str = include_str!("../../service/as.sh");
const SOON: Duration = Duration::from_secs(20);
const REDIS: u32 = 65_534;

/// A folder that stands for /etc, with a configuration of the server in it.
struct Etc(TempDir);

impl Etc {
    fn new() -> Self {
        let etc = Self(tempfile::tempdir().unwrap());
        for folder in ["cron.d", "spool", "spool/crontabs", "init.d", "rc3.d"] {
            fs::create_dir(etc.at(folder)).unwrap();
        }
        fs::create_dir_all(etc.at("systemd/system")).unwrap();
        etc.write("r.conf", "port 6379\n");
        etc
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        let root = self.0.path().display().to_string();
        fs::write(self.at(name), text.replace("ETC", &root)).unwrap();
    }

    /// A start script that is run at boot.
    fn start_script(&self, name: &str, text: &str) {
        let path = format!("init.d/{name}");
        self.write(&path, text);
        Bench::chmod(&self.path(&path), 0o755);
        symlink(self.at(&path), self.at(&format!("rc3.d/S01{name}"))).unwrap();
    }

    /// What the script prints about a server of root on port 6379 with that directory. `systemctl`:
    /// what answers for systemd; empty: there is none.
    async fn said(&self, shell: &Local, systemctl: &str, folder: &str) -> String {
        let root = self.0.path().display().to_string();
        let answers = format!("systemctl() {{ :; {systemctl}\n}}\n");
        let runs = if systemctl.is_empty() {
            "false"
        } else {
            "true"
        };
        let text = owner::without_comments(&[owner::OWNER, AS, &answers, BOOT])
            .replace("[ -d /run/systemd/system ]", runs)
            .replace("/var/spool/cron", &format!("{root}/spool"))
            .replace("in /etc /run", &format!("in {root} /run"))
            .replace("/etc/", &format!("{root}/"));
        let pid = std::process::id().to_string();
        let unit = if systemctl.is_empty() {
            ""
        } else {
            "cache.service"
        };
        let config = self.path("r.conf");
        let args = [
            unit, "", "6379", &pid, "", folder, &config, "dump.rdb", "aof", "0", "0", "",
        ];
        let ran = shell.run_script(&text, &args, Vec::new(), true, SOON).await;
        let ran = ran.unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let why = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(said.ends_with("end:\n"), "{shell:?}: {said} {why}");
        said
    }

    /// The files that start such a server.
    async fn found(&self, shell: &Local, systemctl: &str) -> Vec<String> {
        let said = self.said(shell, systemctl, "/").await;
        let files = said.lines().filter_map(|line| line.strip_prefix("script:"));
        let files = files.filter_map(|file| Path::new(file).strip_prefix(self.0.path()).ok());
        files.map(|file| file.display().to_string()).collect()
    }
}

/// The files of cron that start a server, and the limits of its process.
#[tokio::test]
async fn what_cron_starts_is_found_by_its_file_alone() {
    for shell in [Local::root(), Local::busybox()] {
        let etc = Etc::new();
        etc.write(
            "cron.d/a",
            "@reboot root redis-server --requirepass canary\n",
        );
        etc.write("cron.d/b", "# redis-server\n0 * * * * root backup\n");
        etc.write("spool/crontabs/root", "@reboot /opt/r ETC/r.conf\n");
        for name in ["old", "native"] {
            etc.start_script(name, "exec valkey-server\n");
        }
        etc.write("init.d/off", "exec valkey-server\n");
        Bench::chmod(&etc.path("init.d/off"), 0o755);
        etc.write("systemd/system/native.service", "");
        let found = etc.found(&shell, "").await;
        let wanted = ["cron.d/a", "spool/crontabs/root", "init.d/old"];
        assert_eq!(found, wanted, "{shell:?}");
        let said = etc.said(&shell, "", "/").await;
        assert!(!said.contains("canary"), "{said}");
        assert!(
            said.contains("files:") && !said.contains("theirs:"),
            "{said}"
        );
    }
}

/// A host may have several servers, and Sentinels.
#[tokio::test]
async fn lines_of_other_servers_are_left_out_where_that_is_certain() {
    for shell in [Local::root(), Local::busybox()] {
        let etc = Etc::new();
        etc.write("other.conf", "bind 0.0.0.0\nport 6380\n");
        etc.write("including.conf", "port 6380\ninclude /etc/x.conf\n");
        symlink("r.conf", etc.at("link.conf")).unwrap();
        etc.write("cron.d/other", "@reboot x redis-server ETC/other.conf\n");
        etc.write(
            "cron.d/sentinel",
            "@reboot x redis-server ETC/s.conf --sentinel\n",
        );
        etc.start_script("r_6380", "CONF=\"ETC/other.conf\"\nredis-server $CONF\n");
        let none = [""; 0];
        assert_eq!(etc.found(&shell, "").await, none, "{shell:?}");
        for (name, line) in [
            ("both", "redis-server ETC/other.conf; redis-server"),
            ("gone", "redis-server ETC/gone.conf"),
            ("link", "redis-server ETC/link.conf"),
            ("odd", "redis-server ETC/$P.conf"),
            ("port", "redis-server ETC/other.conf --port 6379"),
            ("second", "redis-server ETC/including.conf"),
        ] {
            let file = format!("cron.d/{name}");
            etc.write(&file, &format!("@reboot x {line}\n"));
            assert_eq!(etc.found(&shell, "").await, [&*file], "{shell:?}");
            fs::remove_file(etc.at(&file)).unwrap();
        }
        etc.start_script("odd", "CONF=\"ETC/${P}.conf\"\nredis-server $CONF\n");
        assert_eq!(etc.found(&shell, "").await, ["init.d/odd"], "{shell:?}");
    }
}

#[tokio::test]
async fn what_starts_the_unit_by_a_name_of_it_is_found() {
    const NAMES: &str = "case $* in *Names*) echo cache.service kv.service ;; esac";
    for shell in [Local::root(), Local::busybox()] {
        let etc = Etc::new();
        for (line, starts) in [
            ("/usr/sbin/service kv restart", true),
            ("systemctl start cache.service", true),
            ("systemctl is-active kv || systemctl restart kv", true),
            ("systemctl is-active cache", false),
            ("systemctl restart cache2 kv-exporter", false),
            ("backup cache", false),
        ] {
            etc.write("cron.d/a", &format!("0 3 * * * root {line}\n"));
            let found = etc.found(&shell, NAMES).await;
            assert_eq!(!found.is_empty(), starts, "{shell:?} {line}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_line_of_a_unit_that_goes_on_in_the_next_one_is_read_whole() {
    const WANTS: &str = r"case $* in *WantedBy*) echo shop.target ;;
        cat*shop.target) printf 'Wants=a.service \\\n# cache\n  cache.service\nAfter=x.service\n' ;;
        *Names*) echo cache.service ;; esac";
    for shell in [Local::root(), Local::busybox()] {
        let said = Etc::new().said(&shell, WANTS, "/").await;
        assert!(said.contains("\nline:shop.target\n"), "{shell:?}: {said}");
        let other = WANTS.replace("  cache.service", "  cache2.service");
        let said = Etc::new().said(&shell, &other, "/").await;
        assert!(!said.contains("line:"), "{shell:?}: {said}");
    }
}

/// A copy of the data follows the paths of its files, too.
#[tokio::test]
async fn what_others_could_change_about_the_data_of_root_is_told_with_its_kind() {
    for shell in [Local::root(), Local::busybox()] {
        let etc = Etc::new();
        let data = etc.path("data");
        fs::create_dir_all(etc.at("data/aof")).unwrap();
        etc.write("data/dump.rdb", "keys");
        let said = etc.said(&shell, "", &data).await;
        assert!(!said.contains("theirs:"), "{shell:?}: {said}");
        chown(etc.at("data/aof"), Some(REDIS), None).unwrap();
        let said = etc.said(&shell, "", &data).await;
        let wanted = format!("theirs:path {data}/aof\n");
        assert!(said.contains(&wanted), "{shell:?}: {said}");
        fs::remove_file(etc.at("data/dump.rdb")).unwrap();
        symlink("/srv/dump.rdb", etc.at("data/dump.rdb")).unwrap();
        lchown(etc.at("data/dump.rdb"), Some(REDIS), None).unwrap();
        let said = etc.said(&shell, "", &data).await;
        let wanted = format!("theirs:link {data}/dump.rdb\n");
        assert!(said.contains(&wanted), "{shell:?}: {said}");
        let said = etc.said(&shell, "", "/tmp").await;
        assert!(said.contains("theirs:sticky /tmp\n"), "{shell:?}: {said}");
        let said = etc.said(&shell, "", "data").await;
        assert!(
            said.contains("theirs:unknown data is no"),
            "{shell:?}: {said}"
        );
    }
}
