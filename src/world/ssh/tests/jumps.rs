//! Through two hosts, each a real sshd: by libssh2, and by the installed `ssh`. What the options
//! and the inventory say counts on the way, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, Sshd, within};
use crate::inventory::{SshSettings, Transport};
use crate::world::ssh::{Options, RemoteCommand, Ssh, SshError, SshErrorKind};
use std::path::Path;

/// A host `db` behind `gate`, which is behind `outer`.
struct Way {
    lab: Lab,
    outer: Sshd,
    gate: Sshd,
    db: Sshd,
}

impl Way {
    fn new() -> Self {
        let lab = Lab::new();
        lab.keygen("stranger", "ed25519", "");
        let [outer, gate, db] = [(); 3].map(|()| lab.sshd());
        Self {
            lab,
            outer,
            gate,
            db,
        }
    }

    /// The way stands in the configuration of `db`, or in that of each host.
    fn configure(&self, at_once: bool, key: &str) {
        let (of_db, of_gate) = if at_once {
            ("outer,gate", "none")
        } else {
            ("gate", "outer")
        };
        let (db, gate, outer) = (self.db.port, self.gate.port, self.outer.port);
        let text = format!(
            "Host db\n ProxyJump {of_db}\n Port {db}\nHost gate\n ProxyJump {of_gate}\n Port {gate}\nHost outer\n Port {outer}\n\
             Host *\n HostName 127.0.0.1\n IdentityAgent none\n IdentityFile {}\n UserKnownHostsFile {}\n GlobalKnownHostsFile none\n HashKnownHosts no\n",
            self.lab.path(key).display(),
            self.lab.known_hosts().display(),
        );
        std::fs::write(self.lab.path("config"), text).unwrap();
    }

    /// Runs a command on `db`, and sees that each host in between has let one connection through.
    async fn try_it(&self, accept: bool, settings: SshSettings) -> Result<(), SshError> {
        let options = Options {
            accept_new_host_keys: accept,
            ..self.lab.options()
        };
        let ssh = Ssh::new(options);
        let host = ssh.host("node", &settings, "db").await?;
        let out = host
            .run("echo $SSH_CONNECTION", RemoteCommand::default())
            .await?;
        assert!(out.text().ends_with(&format!(" {}", self.db.port)));
        for sshd in [&self.outer, &self.gate, &self.db] {
            assert_eq!(sshd.sessions().len(), 1);
        }
        drop(host);
        ssh.close().await;
        for sshd in [&self.outer, &self.gate, &self.db] {
            while !sshd.sessions().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    fn forget(&self) {
        std::fs::write(self.lab.known_hosts(), "").unwrap();
    }

    /// The keys of all three are in that file, each once.
    fn knows_all(&self, file: &Path) -> bool {
        let text = std::fs::read_to_string(file).unwrap();
        let known = |sshd: &&Sshd| text.contains(&format!("[127.0.0.1]:{} ", sshd.port));
        let all = [&self.outer, &self.gate, &self.db];
        all.iter().filter(|sshd| known(sshd)).count() == 3 && text.lines().count() == 3
    }
}

async fn through_two_hosts(transport: Transport) {
    let way = Way::new();
    let by = SshSettings {
        transport: Some(transport),
        ..SshSettings::default()
    };
    let outer = format!("127.0.0.1:{}", way.outer.port);
    for at_once in [true, false] {
        way.configure(at_once, "key");
        way.forget();
        let unknown = way.try_it(false, by.clone()).await.unwrap_err();
        assert_eq!(unknown.kind, SshErrorKind::HostKeyUnknown, "{unknown}");
        let told = unknown.to_string();
        let port = way.outer.port.to_string();
        assert!(told.contains(&port), "{told}");
        assert!(told.contains("--accept-new-host-keys"), "{told}");
        assert_eq!(way.lab.known_lines(), [""; 0]);
        way.try_it(true, by.clone()).await.unwrap();
        assert!(way.knows_all(&way.lab.known_hosts()), "{transport:?}");
        // Nothing has to be accepted now.
        way.try_it(false, by.clone()).await.unwrap();

        // The file and the key of the inventory.
        way.forget();
        way.configure(at_once, "stranger");
        let own = way.lab.path("known to the inventory");
        std::fs::write(&own, "").unwrap();
        let named = SshSettings {
            known_hosts: Some(own.clone()),
            ..by.clone()
        };
        let refused = way.try_it(true, named.clone()).await.unwrap_err();
        assert_eq!(refused.kind, SshErrorKind::AuthFailed, "{refused}");
        let told = refused.to_string();
        assert!(told.contains(&outer), "{told}");
        std::fs::write(&own, "").unwrap();
        let named = SshSettings {
            identity_files: vec![way.lab.path("key")],
            ..named
        };
        way.try_it(true, named.clone()).await.unwrap();
        assert!(way.knows_all(&own), "{transport:?}");
        assert_eq!(way.lab.known_lines(), [""; 0]);
        way.try_it(false, named).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_built_in_client() {
    within(90, through_two_hosts(Transport::Builtin)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_installed_ssh() {
    within(90, through_two_hosts(Transport::OpenSsh)).await;
}
