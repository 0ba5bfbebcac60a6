//! OpenSSH is the oracle: each configuration is tried by `ssh HOST true` and by us. What ssh
//! reaches, we reach, or we say the one reason and the way out;
//! what it refuses, we refuse.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod algorithms;
mod hosts;
mod keys;
mod places;
mod token;
mod ways;

use super::sshd::{Lab, Running, Sshd, run};
use crate::inventory::SshSettings;
use crate::world::ssh::{Options, RemoteCommand, Ssh};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What `ssh HOST true` says, and what we have to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Both get in.
    In,
    /// Neither does, and our words have these in them.
    Out(&'static [&'static str]),
    /// Only ssh does, and our words have these in them.
    OnlySsh(&'static [&'static str]),
}

use Verdict::{In, OnlySsh, Out};

/// A configuration: what stands before that of the lab, in which `DIR`, `PORT`, `MYSELF` and so on
/// are put in.
struct Case {
    name: &'static str,
    lines: &'static str,
    verdict: Verdict,
}

/// A host `db` that is reached by the key `DIR/key`, unless `lines` say otherwise.
const fn case(name: &'static str, lines: &'static str, verdict: Verdict) -> Case {
    Case {
        name,
        lines,
        verdict,
    }
}

/// Where a case brings its own keys.
const OWN_KEY: &str = "IdentityFile";

/// The way out to OpenSSH itself.
const OPENSSH: &str = "transport = \"openssh\"";

struct Oracle {
    lab: Arc<Lab>,
    words: Vec<(&'static str, String)>,
    _sshds: Vec<Sshd>,
    _agents: [Running; 3],
}

impl Oracle {
    fn new() -> Self {
        let lab = Lab::new();
        keys::make(&lab);
        let hostkey = lab.host_key("hostkey", "ed25519");
        let rsa_host = lab.host_key("rsahost", "rsa");
        let many = "MaxStartups 200\nMaxAuthTries 12\n";
        let sshd = lab.sshd_with(
            &["hostkey", "rsahost"],
            &format!("{many}ListenAddress ::1\nAcceptEnv *\n"),
        );
        let narrow = "Ciphers aes256-ctr\nMACs hmac-sha2-512\nKexAlgorithms curve25519-sha256\n";
        let narrow = lab.sshd_with(&["hostkey"], &format!("{many}{narrow}"));
        let vouched = hosts::certify(&lab, many);
        let me = Command::new("id").arg("-un").output().unwrap();
        let me = String::from_utf8(me.stdout).unwrap().trim().to_owned();
        let port = |sshd: &Sshd| sshd.port.to_string();
        let words = vec![
            (
                "DIR",
                lab.path("")
                    .display()
                    .to_string()
                    .trim_end_matches('/')
                    .to_owned(),
            ),
            ("NARROW", port(&narrow)),
            ("VOUCHED", port(&vouched)),
            ("PORT", port(&sshd)),
            ("MYSELF", me),
            ("HOSTKEY", hostkey),
            ("RSAHOST", rsa_host),
        ];
        let agents = keys::agent(&lab);
        let oracle = Self {
            lab: Arc::new(lab),
            words,
            _sshds: vec![sshd, narrow, vouched],
            _agents: agents,
        };
        oracle.write("known", "[127.0.0.1]:PORT HOSTKEY\n[127.0.0.1]:NARROW HOSTKEY\n[::1]:PORT HOSTKEY\n[localhost]:PORT HOSTKEY\n");
        hosts::make(&oracle);
        places::make(&oracle);
        oracle
    }

    fn fill(&self, text: &str) -> String {
        let put = |text: String, (word, value): &(&str, String)| text.replace(word, value);
        self.words.iter().fold(text.to_owned(), put)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.lab.path(name);
        std::fs::write(&file, self.fill(text)).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn script(&self, name: &str, text: &str) {
        self.write(name, &format!("#!/bin/sh\n{text}\n"));
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(self.lab.path(name), mode).unwrap();
    }

    /// The configuration of a case, in a file of its own.
    fn configure(&self, number: usize, case: &Case) -> std::path::PathBuf {
        let name = format!("config.{number}");
        let mut text = String::new();
        writeln!(text, "{}", case.lines).unwrap();
        text.push_str("Host db jump jump2 db-gate narrow vouched\n HostName 127.0.0.1\n");
        text.push_str("Host narrow\n Port NARROW\nHost vouched\n Port VOUCHED\nHost *\n Port PORT\n BatchMode yes\n IdentityAgent none\n");
        text.push_str(" UserKnownHostsFile DIR/known\n GlobalKnownHostsFile none\n HashKnownHosts no\n User MYSELF\n");
        if !case.lines.contains(OWN_KEY) {
            text.push_str(" IdentityFile DIR/key\n");
        }
        self.write(&name, &text.replace("CONFIG", &format!("DIR/{name}")));
        self.lab.path(&name)
    }
}

/// The host of a case: `db`, unless its lines are about another one.
fn host_of(case: &Case) -> &'static str {
    let others = ["narrow", "vouched"];
    let named = others.iter().find(|host| case.name.starts_with(*host));
    named.copied().unwrap_or("db")
}

/// Whether ssh itself gets in, and what it says.
fn ask_ssh(config: &Path, host: &str) -> (bool, String) {
    let out = Command::new("timeout")
        .args(["30", "ssh", "-F"])
        .arg(config)
        .args([host, "true"])
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        out.status.success(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

async fn ask_us(config: &Path, host: &str) -> (bool, String) {
    let ssh = Ssh::new(Options {
        ssh_config: Some(config.to_owned()),
        ..Options::default()
    });
    let found = match ssh.host("node", &SshSettings::default(), host).await {
        Ok(host) => host.run("true", RemoteCommand::default()).await,
        Err(e) => Err(e),
    };
    ssh.close().await;
    match found {
        Ok(out) => (out.success(), String::new()),
        Err(e) => (false, e.to_string()),
    }
}

/// What is wrong with our answer about a case, if anything is.
async fn wrong(oracle: &Oracle, number: usize, case: &Case) -> Option<String> {
    let config = oracle.configure(number, case);
    let host = host_of(case);
    // We first: ssh may write down what it sees.
    let (us, we_say) = ask_us(&config, host).await;
    let asking = tokio::task::spawn_blocking(move || ask_ssh(&config, host));
    let (ssh, ssh_says) = asking.await.unwrap();
    let (expected_ssh, expected_us, words) = match case.verdict {
        In => (true, true, [].as_slice()),
        Out(words) => (false, false, words),
        OnlySsh(words) => (true, false, words),
    };
    let missing: Vec<_> = words
        .iter()
        .filter(|word| !we_say.contains(*word))
        .collect();
    let fine = (ssh, us) == (expected_ssh, expected_us) && missing.is_empty();
    let laxer = if us && !ssh { "LAXER " } else { "" };
    (!fine).then(|| {
        format!(
            "{laxer}`{}`: ssh {ssh}, we {us}, missing {missing:?}\n  ssh says: {}\n  we say: {}",
            case.name,
            ssh_says.trim().replace('\n', " / "),
            we_say.replace('\n', " / ")
        )
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_ssh_reaches_is_reached_and_nothing_more() {
    use futures::StreamExt as _;
    let oracle = Oracle::new();
    let cases: Vec<&Case> = [
        keys::CASES,
        hosts::CASES,
        algorithms::CASES,
        ways::CASES,
        places::CASES,
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(cases.len() >= 90, "{}", cases.len());
    let faults = Mutex::new(Vec::new());
    let (oracle_of, faults_of) = (&oracle, &faults);
    let work = futures::stream::iter(cases.into_iter().enumerate());
    let work = work.for_each_concurrent(6, |(number, case)| async move {
        let fault =
            tokio::time::timeout(Duration::from_mins(1), wrong(oracle_of, number, case)).await;
        let fault = fault.unwrap_or_else(|_| Some(format!("`{}` takes too long", case.name)));
        faults_of.lock().unwrap().extend(fault);
    });
    work.await;
    let mut faults = faults.into_inner().unwrap();
    faults.extend(hosts::asked_alike(&oracle));
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    keys_of_the_inventory(&oracle).await;
}

/// A public key in the inventory names the agent's key, and a file that cannot be used is told with
/// what to do.
async fn keys_of_the_inventory(oracle: &Oracle) {
    let config = oracle.configure(0, &case("inventory", "IdentityAgent DIR/agent\n", In));
    let try_key = async |file: &str| {
        let ssh = Ssh::new(Options {
            ssh_config: Some(config.clone()),
            ..Options::default()
        });
        let settings = SshSettings {
            identity_files: vec![oracle.lab.path(file)],
            ..SshSettings::default()
        };
        let login = ssh.host("node", &settings, "db").await;
        let of_ssh = Command::new("ssh")
            .arg("-F")
            .arg(&config)
            .args(["-o", "IdentitiesOnly=yes", "-i"])
            .arg(oracle.lab.path(file))
            .args(["db", "true"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        // With `-i`, ssh tries the configured files as well: only what ssh cannot do is compared.
        (
            login.map(|_| ()).map_err(|e| e.to_string()),
            of_ssh.status.success(),
        )
    };
    assert_eq!(try_key("agentkey.pub").await, (Ok(()), true));
    let (stray, _) = try_key("stray.pub").await;
    let stray = stray.unwrap_err();
    assert!(
        stray.contains("stray.pub: a public key, and no agent has its private half"),
        "{stray}"
    );

    let (missing, _) = try_key("no such key").await;
    let missing = missing.unwrap_err();
    let file = oracle.lab.path("no such key").display().to_string();
    assert!(
        missing.contains(&format!("the key file {file}: it does not exist")),
        "{missing}"
    );
    assert!(
        missing.contains(&format!("ssh-keygen -t ed25519 -f '{file}'")),
        "{missing}"
    );

    let open = oracle.lab.path("open key");
    std::fs::copy(oracle.lab.path("key"), &open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (error, _) = try_key("open key").await;
    let error = error.unwrap_err();
    assert!(error.contains("its mode 644 shows it to others"), "{error}");
    let hint = format!("chmod 600 '{}'", open.display());
    assert!(error.contains(&format!("hint: {hint}")), "{error}");
    run(Command::new("sh").args(["-c", &hint]));
    assert_eq!(
        try_key("open key").await,
        (Ok(()), true),
        "the hint does what it says"
    );
}
