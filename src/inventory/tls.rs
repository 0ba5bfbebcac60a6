//! `[tls]`, and the different settings of a node or `[sentinel]`: the TLS connection to servers.
//! Pure; no file that is named here is read.

use super::Inventory;
use super::address::host_and_port;
use super::place::Problems;
use super::section::Section;
use std::path::PathBuf;

const KEYS: [&str; 7] = [
    "ca",
    "cert",
    "key",
    "server_name",
    "verify",
    "server_cert",
    "server_key",
];
/// Placeholder for a node's name in file names.
const NODE: &str = "{node}";

/// The TLS settings for a server. Every value is filled in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tls {
    /// `ca`: files with the trusted certificate authorities; empty: those that this system trusts.
    pub ca: Vec<PathBuf>,
    /// `cert` and `key`: replctl's certificate for servers that ask for one.
    pub own: Option<KeyPair>,
    /// `server_name`: the name that certificates must have; `None`: the host of the connection's
    /// address.
    pub server_name: Option<String>,
    /// `verify`.
    pub verify: Verify,
    /// `server_cert` and `server_key`: what `setup` gives to the server.
    pub server: Option<KeyPair>,
}

/// A certificate, with its issuers if its file has them, and its private key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPair {
    /// The certificate's file.
    pub cert: PathBuf,
    /// The private key's file.
    pub key: PathBuf,
}

/// Which parts of a server's certificate are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verify {
    /// Its issuer, its end, and the name or address in it.
    #[default]
    Full,
    /// The certificate, but not the name in it, as the servers themselves and `redis-cli` do.
    Ca,
    /// Nothing: anyone on the network path can read and change everything.
    None,
}

/// The settings in one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsTable {
    ca: Vec<PathBuf>,
    own: Option<KeyPair>,
    server_name: Option<String>,
    verify: Option<Verify>,
    server: Option<KeyPair>,
}

/// The TLS settings of a table that can differ from those in `[tls]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    #[default]
    Unsaid,
    /// `tls = false`.
    Off,
    /// `tls = true`, or a table.
    On(TlsTable),
}

/// Reads `[tls]`.
pub fn read(section: &Section, problems: &mut Problems) -> TlsTable {
    section.only(problems, &KEYS, |key| {
        let meant = match key {
            "cacert" | "ca_cert" | "ca_file" | "tls-ca-cert-file" => "ca",
            "cert_file" | "client_cert" => "cert",
            "tls-cert-file" => "server_cert",
            "tls-key-file" => "server_key",
            "key_file" | "client_key" => "key",
            "sni" | "servername" | "name" | "hostname" => "server_name",
            "insecure" | "skip_verify" | "verify_mode" => "verify",
            "port" | "tls-port" => {
                return Some(
                    "the `address` and `port` of a `[[node]]` are those it is spoken to over TLS"
                        .to_owned(),
                );
            }
            _ => return None,
        };
        Some(format!("did you mean `{meant}`?"))
    });
    TlsTable {
        ca: section.files(problems, "ca"),
        own: pair(section, problems, ["cert", "key"]),
        server_name: server_name(section, problems),
        verify: verify(section, problems),
        server: pair(section, problems, ["server_cert", "server_key"]),
    }
}

/// Reads the `tls` of a node, or of `[sentinel]`.
pub fn wish(section: &Section, problems: &mut Problems) -> Wish {
    let Some(value) = section.get("tls") else {
        return Wish::Unsaid;
    };
    if let Some(on) = value.get_ref().as_bool() {
        return if on {
            Wish::On(TlsTable::default())
        } else {
            Wish::Off
        };
    }
    if !value.get_ref().is_table() {
        section.wrong_type(problems, "tls", "a table, `true` or `false`", value, "");
        return Wish::Unsaid;
    }
    let table = section.table(problems, "tls", format!("of `tls` {}", section.called));
    table.map_or(Wish::Unsaid, |table| Wish::On(read(&table, problems)))
}

/// The settings above it with the changes of `wish`; `None`: no TLS.
pub fn overlay(wish: Wish, above: Option<&Tls>) -> Option<Tls> {
    match wish {
        Wish::Unsaid => above.cloned(),
        Wish::Off => None,
        Wish::On(said) => Some(said.over(above)),
    }
}

impl TlsTable {
    /// Fills missing settings with those above.
    pub fn over(self, above: Option<&Tls>) -> Tls {
        let above = above.cloned().unwrap_or_default();
        Tls {
            ca: if self.ca.is_empty() {
                above.ca
            } else {
                self.ca
            },
            own: self.own.or(above.own),
            server_name: self.server_name.or(above.server_name),
            verify: self.verify.unwrap_or(above.verify),
            server: self.server.or(above.server),
        }
    }
}

impl Tls {
    /// The same for the node of that name: file names may contain its name.
    pub fn of(mut self, node: &str) -> Self {
        if let Some(pair) = &mut self.server {
            for file in [&mut pair.cert, &mut pair.key] {
                if let Some(text) = file.to_str().filter(|text| text.contains(NODE)) {
                    *file = PathBuf::from(text.replace(NODE, node));
                }
            }
        }
        self
    }

    /// The settings for a connection to a server, without those that only its host needs.
    pub fn spoken(&self) -> Self {
        Self {
            server: None,
            ..self.clone()
        }
    }

    /// The options that make `redis-cli` connect to such a server.
    pub fn redis_cli(&self) -> String {
        let mut words = vec!["--tls".to_owned()];
        if self.verify == Verify::None {
            words.push("--insecure".to_owned());
        }
        let own = self.own.iter();
        let own = own.flat_map(|pair| [("--cert", &pair.cert), ("--key", &pair.key)]);
        for (option, file) in self
            .ca
            .first()
            .map(|ca| ("--cacert", ca))
            .into_iter()
            .chain(own)
        {
            let file = file.display().to_string();
            let file = shlex::try_quote(&file).map_or_else(|_| file.clone(), Into::into);
            words.push(format!("{option} {file}"));
        }
        words.join(" ")
    }

    /// Every file it names.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let pairs = self.own.iter_mut().chain(&mut self.server);
        let pairs = pairs.flat_map(|pair| [&mut pair.cert, &mut pair.key]);
        self.ca.iter_mut().chain(pairs)
    }
}

/// Allowed but unwise settings, one sentence for each kind of connection.
pub(super) fn warnings(inventory: &Inventory) -> Vec<String> {
    let mut out = Vec::new();
    let all = inventory.nodes.iter().chain(inventory.sentinels());
    for (verify, ca, what) in [
        (
            Verify::None,
            false,
            "nobody knows to whom passwords and data go: `verify = \"none\"` takes every certificate of",
        ),
        (
            Verify::Ca,
            true,
            "`verify = \"ca\"` without `ca` takes any certificate that anybody on the internet can have of",
        ),
    ] {
        let careless = |tls: &Tls| tls.verify == verify && (!ca || tls.ca.is_empty());
        let names: Vec<String> = all
            .clone()
            .filter(|n| n.tls.as_ref().is_some_and(careless))
            .map(|n| format!("`{}`", n.name))
            .collect();
        if !names.is_empty() {
            out.push(format!("{what} {}", names.join(", ")));
        }
    }
    out
}

fn pair(section: &Section, problems: &mut Problems, keys: [&str; 2]) -> Option<KeyPair> {
    let [cert, key] = keys.map(|key| section.filled(problems, key));
    for (there, missing) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        if let (Some(at), None) = (section.place_of(there), section.get(missing)) {
            problems.hinted(
                at,
                format!("`{there}` {} has no `{missing}`", section.called),
                format!("add `{missing} = \"…\"`; both may be in one file"),
            );
        }
    }
    Some(KeyPair {
        cert: PathBuf::from(cert?.value),
        key: PathBuf::from(key?.value),
    })
}

fn server_name(section: &Section, problems: &mut Problems) -> Option<String> {
    let found = section.filled(problems, "server_name")?;
    let why = match host_and_port(found.value) {
        Ok((host, None)) => return Some(host),
        Ok((_, Some(_))) => "has a port in it",
        Err(why) => why,
    };
    problems.hinted(
        found.at,
        format!("`server_name` {} {why}: `{}`", section.called, found.value),
        "it is the name that the certificate of the server is for, for example `server_name = \"db1.example.org\"`",
    );
    None
}

fn verify(section: &Section, problems: &mut Problems) -> Option<Verify> {
    let hint = "it is \"full\", \"ca\" (not the name it is for) or \"none\" (nothing)";
    let value = section.get("verify")?;
    if value.get_ref().as_bool().is_some() {
        section.wrong_type(problems, "verify", "a string", value, hint);
        return None;
    }
    let found = section.string(problems, "verify")?;
    match found.value {
        "full" => Some(Verify::Full),
        "ca" => Some(Verify::Ca),
        "none" => Some(Verify::None),
        other => {
            let what = format!("`verify` {} is unknown: `{other}`", section.called);
            problems.hinted(found.at, what, hint);
            None
        }
    }
}

#[cfg(test)]
mod tests;
