//! A primary with two replicas on loopback that replicate over TLS and require a certificate of
//! every client. Each also has a port without TLS, for checks from outside; replctl and the writers
//! know only the TLS port.

use super::certs::{Authority, Pair};
use super::deployment::Deployment;
use super::inventory::InventoryText;
use super::ports;
use super::program::Replctl;
use super::server::Family;
use super::trio::NAMES;
use super::writer::Load;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Three servers that speak TLS; the first is the primary.
pub struct Encrypted {
    deployment: Deployment,
    /// Their ports for TLS.
    pub ports: Vec<u16>,
    /// Who issued all certificates.
    pub ca: Authority,
    /// What every server shows, which is for 127.0.0.1.
    pub theirs: Pair,
    /// What replctl and the writers show.
    pub own: Pair,
    _certificates: TempDir,
}

impl Deref for Encrypted {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

impl DerefMut for Encrypted {
    fn deref_mut(&mut self) -> &mut Deployment {
        &mut self.deployment
    }
}

impl Encrypted {
    /// Starts them.
    pub fn start(family: &Family, directives: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let ca = Authority::new(folder.path(), "ca");
        let theirs = ca.issue("server", &["127.0.0.1"]);
        let own = ca.issue("operator", &["operator"]);
        let ports = NAMES.map(|_| ports::free());
        let lines = ports.map(|port| ca.directives(port, &theirs));
        let lines = |i: usize| {
            let tls = lines[i].iter().map(String::as_str);
            tls.chain(directives.iter().copied()).collect()
        };
        let all = Deployment::of(family).reached_at(&ports);
        let deployment = all.directives_of(lines).start();
        Self {
            deployment,
            ports: ports.to_vec(),
            ca,
            theirs,
            own,
            _certificates: folder,
        }
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

    /// Who works on them.
    pub fn operator(&self) -> Replctl<'static> {
        Replctl::new().inventory(&self.inventory())
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
}
