//! A primary with two replicas on loopback that replicate over TLS and want a certificate of
//! everybody. Each has a port without TLS as well, for looking at it from outside; replctl and the
//! writers are told only of the other.

use super::certs::{Authority, Pair};
use super::inventory::{InventoryText, NodeText};
use super::program::Replctl;
use super::server::{Family, LocalServer};
use super::trio::NAMES;
use super::writer::Load;
use super::{await_that, ports};
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Three servers that speak TLS.
pub struct Encrypted {
    /// In the order of [`NAMES`]; the first is the primary.
    pub servers: Vec<LocalServer>,
    /// Their ports for TLS.
    pub ports: Vec<u16>,
    /// Who issued all certificates.
    pub ca: Authority,
    /// What every server shows, which is for 127.0.0.1.
    pub theirs: Pair,
    /// What replctl and the writers show.
    pub own: Pair,
    folder: TempDir,
}

impl Encrypted {
    /// Starts them.
    pub fn start(family: &Family, directives: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let ca = Authority::new(folder.path(), "ca");
        let theirs = ca.issue("server", &["127.0.0.1"]);
        let own = ca.issue("operator", &["operator"]);
        let ports: Vec<u16> = NAMES.iter().map(|_| ports::free()).collect();
        let servers = ports.iter().map(|port| {
            let lines = ca.directives(*port, &theirs);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            family.start(&[&lines, directives].concat())
        });
        let servers = servers.collect();
        let this = Self {
            servers,
            ports,
            ca,
            theirs,
            own,
            folder,
        };
        let upstream = this.ports[0].to_string();
        for replica in &this.servers[1..] {
            let told = replica
                .client()
                .command(&["REPLICAOF", "127.0.0.1", &upstream]);
            assert_eq!(told.text(), "OK");
        }
        this.assert_primary(0);
        this
    }

    /// `[tls]` as an inventory has it, with our certificate.
    pub fn section(&self) -> String {
        let line = |key: &str, file: &Path| format!("{key} = {:?}\n", file.to_str().unwrap());
        [
            "\n[tls]\n".to_owned(),
            line("ca", &self.ca.cert),
            line("cert", &self.own.cert),
            line("key", &self.own.key),
        ]
        .concat()
    }

    /// Their inventory, written anew.
    pub fn inventory(&self) -> PathBuf {
        self.inventory_of(InventoryText::new("orders").raw(&self.section()))
    }

    /// An inventory that says something of the deployment, with the three nodes added.
    pub fn inventory_of(&self, text: InventoryText) -> PathBuf {
        let mut text = text.without_sudo();
        for (name, port) in NAMES.iter().zip(&self.ports) {
            // Nothing listens on port 1: these nodes have no SSH.
            let node = NodeText::new(name, "127.0.0.1").port(*port).ssh_port(1);
            text = text.node(if *name == NAMES[0] {
                node
            } else {
                node.replicaof(NAMES[0])
            });
        }
        text.write(self.folder.path())
    }

    /// Who works on them.
    pub fn operator(&self) -> Replctl<'static> {
        Replctl::new().inventory(&self.inventory())
    }

    /// Where certificates, inventories and password files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where one speaks TLS.
    pub fn address(&self, i: usize) -> SocketAddr {
        ([127, 0, 0, 1], self.ports[i]).into()
    }

    /// Writers over TLS to all of them.
    pub fn load(&self) -> Load {
        let mut tls = SslConnector::builder(SslMethod::tls_client()).unwrap();
        tls.set_ca_file(&self.ca.cert).unwrap();
        tls.set_certificate_file(&self.own.cert, SslFiletype::PEM)
            .unwrap();
        tls.set_private_key_file(&self.own.key, SslFiletype::PEM)
            .unwrap();
        let mut load = Load::plain(&self.ports);
        load.tls = Some(tls.build());
        load
    }

    /// What one says it is: `master` or `slave`.
    pub fn role(&self, i: usize) -> String {
        self.servers[i].client().info("replication")["role"].clone()
    }

    /// One primary, and the others follow its port for TLS with their links up.
    pub fn assert_primary(&self, i: usize) {
        assert_eq!(self.role(i), "master", "{} is not the primary", NAMES[i]);
        let port = self.ports[i].to_string();
        for other in (0..3).filter(|o| *o != i) {
            let linked = format!("{} to be linked", NAMES[other]);
            await_that(&linked, Duration::from_secs(20), || {
                let info = self.servers[other].client().info("replication");
                info["role"] == "slave"
                    && info["master_port"] == port
                    && info["master_link_status"] == "up"
            });
        }
    }
}
