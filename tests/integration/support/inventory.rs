//! Writes inventories for tests. Text only: it checks nothing, so that tests can write wrong ones,
//! too.

use super::sshd::Sshds;
use super::{Lab, ports};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// An inventory in the making. Values of `ssh`, `server` and `config` are written as TOML strings;
/// [`InventoryText::raw`] writes anything.
#[derive(Debug, Clone)]
pub struct InventoryText {
    name: String,
    password: Option<PathBuf>,
    deployment: Vec<String>,
    sections: [(&'static str, Vec<String>); 3],
    nodes: Vec<NodeText>,
    raw: String,
}

/// One `[[node]]`.
#[derive(Debug, Clone)]
pub struct NodeText {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Its server's port.
    pub port: u16,
    /// The node it replicates.
    pub replicaof: Option<String>,
    /// The port of its host's sshd, where that is not 22.
    pub ssh_port: Option<u16>,
    /// Further lines of its table, as they are.
    pub lines: Vec<String>,
}

impl NodeText {
    /// A node on port 6379.
    pub fn new(name: &str, address: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            port: 6379,
            replicaof: None,
            ssh_port: None,
            lines: Vec::new(),
        }
    }

    /// Sets what it replicates.
    pub fn replicaof(mut self, upstream: &str) -> Self {
        self.replicaof = Some(upstream.to_owned());
        self
    }

    /// Sets the server's port.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the port of its host's sshd.
    pub fn ssh_port(mut self, port: u16) -> Self {
        self.ssh_port = Some(port);
        self
    }

    /// Adds a line to its table.
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

impl InventoryText {
    /// A deployment of that name: no nodes, `auth = "none"`.
    pub fn new(name: &str) -> Self {
        let sections = [
            ("ssh", Vec::new()),
            ("server", Vec::new()),
            ("server.config", Vec::new()),
        ];
        Self {
            name: name.to_owned(),
            password: None,
            deployment: Vec::new(),
            sections,
            nodes: Vec::new(),
            raw: String::new(),
        }
    }

    /// The first `count` nodes of `names` on the hosts of `sshds`, one each, the first being the
    /// primary, with the given server program (`None`: the embedded one). Ports are free ones of
    /// 127.0.0.1.
    pub fn on_sshds(sshds: &Sshds, names: &[&str], server: Option<&Path>) -> Self {
        let mut this = Self::new("loop")
            .ssh("user", &sshds.user())
            .without_sudo()
            .ssh("identity_file", sshds.key().to_str().unwrap())
            .ssh("known_hosts", sshds.known_hosts().to_str().unwrap())
            .server("directory", sshds.folder().join("db").to_str().unwrap())
            .server("user", &sshds.user());
        this = match server {
            None => this.server("source", "embedded"),
            Some(file) => this
                .server("source", "binary")
                .server("file", file.to_str().unwrap()),
        };
        for (n, (name, host)) in names.iter().zip(sshds.hosts()).enumerate() {
            let node = NodeText::new(name, "127.0.0.1")
                .port(ports::free())
                .ssh_port(host.port);
            this = this.node(if n == 0 {
                node
            } else {
                node.replicaof(names[0])
            });
        }
        this
    }

    /// The tutorial's three nodes on the hosts of [`Lab::of_three`], logging in as root, in
    /// /db/redis.
    pub fn on_lab(lab: &Lab) -> Self {
        Self::new("orders")
            .ssh("user", "root")
            .ssh("identity_file", lab.key().to_str().unwrap())
            .ssh("known_hosts", lab.known_hosts().to_str().unwrap())
            .server("source", "embedded")
            .server("directory", "/db/redis")
            .node(NodeText::new("master", "192.168.0.120"))
            .node(NodeText::new("slave1", "192.168.0.130").replicaof("master"))
            .node(NodeText::new("slave2", "192.168.0.140").replicaof("master"))
    }

    /// The password stands in that file.
    pub fn password_file(mut self, file: &Path) -> Self {
        self.password = Some(file.to_owned());
        self
    }

    /// A line of `[deployment]`, as it is.
    pub fn deployment(mut self, line: &str) -> Self {
        self.deployment.push(line.to_owned());
        self
    }

    /// A string of `[ssh]`; a second one of the same key replaces the first.
    pub fn ssh(self, key: &str, value: &str) -> Self {
        self.set(0, key, value)
    }

    /// Never become root by sudo: the hosts of [`Sshds`] are this machine.
    pub fn without_sudo(mut self) -> Self {
        self.sections[0].1.push("sudo = false".to_owned());
        self
    }

    /// A string of `[server]`; a second one of the same key replaces the first.
    pub fn server(self, key: &str, value: &str) -> Self {
        self.set(1, key, value)
    }

    /// A line of `[server]`, as it is.
    pub fn server_raw(mut self, line: &str) -> Self {
        self.sections[1].1.push(line.to_owned());
        self
    }

    /// A directive of `[server.config]`.
    pub fn config(self, key: &str, value: &str) -> Self {
        self.set(2, key, value)
    }

    fn set(mut self, section: usize, key: &str, value: &str) -> Self {
        let start = format!("{key} = ");
        let lines = &mut self.sections[section].1;
        lines.retain(|l| !l.starts_with(&start));
        lines.push(format!("{start}{value:?}"));
        self
    }

    /// Adds a node.
    pub fn node(mut self, node: NodeText) -> Self {
        self.nodes.push(node);
        self
    }

    /// Adds a line to each node so far.
    pub fn each_node(mut self, line: &str) -> Self {
        for node in &mut self.nodes {
            node.lines.push(line.to_owned());
        }
        self
    }

    /// Lines to stand at the end, as they are.
    pub fn raw(mut self, text: &str) -> Self {
        self.raw.push_str(text);
        self
    }

    /// Another name of the deployment.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// That node alone, which then follows nobody.
    pub fn alone(mut self, name: &str) -> Self {
        self.nodes.retain(|n| n.name == name);
        self.node_mut(name).replicaof = None;
        self
    }

    /// The nodes.
    pub fn nodes(&self) -> &[NodeText] {
        &self.nodes
    }

    /// A node, to be changed.
    pub fn node_mut(&mut self, name: &str) -> &mut NodeText {
        self.nodes
            .iter_mut()
            .find(|n| n.name == name)
            .unwrap_or_else(|| panic!("no node {name}"))
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut out = format!("[deployment]\nname = {:?}\n", self.name);
        match &self.password {
            None => out.push_str("auth = \"none\"\n"),
            Some(file) => writeln!(
                out,
                "password = {{ file = {:?} }}",
                file.display().to_string()
            )
            .unwrap(),
        }
        for line in &self.deployment {
            writeln!(out, "{line}").unwrap();
        }
        for (section, lines) in self.sections.iter().filter(|(_, lines)| !lines.is_empty()) {
            writeln!(out, "\n[{section}]\n{}", lines.join("\n")).unwrap();
        }
        for node in &self.nodes {
            writeln!(
                out,
                "\n[[node]]\nname = {:?}\naddress = {:?}\nport = {}",
                node.name, node.address, node.port
            )
            .unwrap();
            if let Some(upstream) = &node.replicaof {
                writeln!(out, "replicaof = {upstream:?}").unwrap();
            }
            for line in &node.lines {
                writeln!(out, "{line}").unwrap();
            }
            if let Some(port) = node.ssh_port {
                writeln!(out, "[node.ssh]\nport = {port}").unwrap();
            }
        }
        out + &self.raw
    }

    /// Writes `inventory.toml` into a folder.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("inventory.toml");
        std::fs::write(&file, self.text()).unwrap();
        file
    }
}

/// Writes a password file that only its owner can read.
pub fn write_password(folder: &Path, password: &str) -> PathBuf {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt;
    let file = folder.join("password");
    let mut open = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)
        .unwrap();
    writeln!(open, "{password}").unwrap();
    file
}
