//! The directives of a server, or of a Sentinel, that speaks TLS, and the files beside its
//! configuration that they name. Pure.

use super::Paths;
use super::directives::quote;
use super::server::Section;
use crate::inventory::NodeSpec;

/// The server's certificate.
pub const CERT: &str = "tls.crt";
/// Its private key.
pub const KEY: &str = "tls.key";
/// The authorities whose certificates it accepts.
pub const CA: &str = "tls-ca.crt";

/// The port, with TLS or without.
pub(super) fn ports(node: &NodeSpec) -> Section {
    let port = node.address.port.to_string();
    if node.tls.is_none() {
        return Section::new("the port to listen on", &[("port", port)]);
    }
    let lines = [("port", "0".to_owned()), ("tls-port", port)];
    Section::new("the port to listen on, for TLS alone", &lines)
}

/// Its certificates, and that it replicates over TLS.
pub(super) fn files(node: &NodeSpec, paths: &Paths) -> Option<Section> {
    let tls = node.tls.as_ref()?;
    // Without its own certificate, replctl could not connect any more.
    let clients = if tls.own.is_some() { "yes" } else { "no" };
    let mut lines = Vec::new();
    if brings_pair(node) {
        lines.push(("tls-cert-file", quote(&paths.beside(CERT))));
        lines.push(("tls-key-file", quote(&paths.beside(KEY))));
    }
    if brings_ca(node) {
        lines.push(("tls-ca-cert-file", quote(&paths.beside(CA))));
    }
    lines.push(("tls-replication", "yes".to_owned()));
    lines.push(("tls-auth-clients", clients.to_owned()));
    Some(Section::new(
        "its certificate, whose certificates it takes, and whether clients must have one",
        &lines,
    ))
}

/// Whether replctl brings certificate and key: the inventory's own directives may name files that
/// exist on the host.
pub fn brings_pair(node: &NodeSpec) -> bool {
    !node.config.contains_key("tls-cert-file")
}

/// The same for the authorities.
pub fn brings_ca(node: &NodeSpec) -> bool {
    let named = ["tls-ca-cert-file", "tls-ca-cert-dir"];
    !named.iter().any(|name| node.config.contains_key(*name))
}

/// Whether replctl sets this directive itself where a node speaks TLS.
pub fn owned(name: &str) -> bool {
    matches!(name, "tls-port" | "tls-replication")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::config::server::{Supervision, render};
    use crate::inventory::parse::parse;
    use std::path::Path;

    fn lines(tls: &str, config: &str) -> Vec<String> {
        let text = format!(
            "[deployment]\nname = \"x\"\n{tls}\n[server]\ndirectory = \"/db\"\n[server.config]\n{config}\n\
             [[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\n"
        );
        let inventory = parse(Path::new("i"), &text).unwrap();
        let node = &inventory.nodes[0];
        let rendered = render(&inventory, node, Supervision::Systemd, None);
        let all = rendered.directives.into_iter();
        let tls = all.filter(|(name, _)| name == "port" || name.starts_with("tls-"));
        tls.map(|(name, value)| format!("{name} {value}")).collect()
    }

    #[test]
    fn a_node_with_tls_listens_with_tls_alone() {
        assert_eq!(lines("", ""), ["port 6379"]);
        let all = [
            "port 0",
            "tls-port 6379",
            "tls-cert-file /db/6379/conf/tls.crt",
            "tls-key-file /db/6379/conf/tls.key",
            "tls-ca-cert-file /db/6379/conf/tls-ca.crt",
            "tls-replication yes",
            "tls-auth-clients no",
        ];
        assert_eq!(lines("[tls]", ""), all);
        let mutual = lines("[tls]\ncert = \"a\"\nkey = \"b\"", "");
        assert_eq!(mutual.last().unwrap(), "tls-auth-clients yes");
    }

    #[test]
    fn what_is_on_the_host_already_is_named_and_not_brought() {
        let own = lines(
            "[tls]",
            "tls-cert-file = \"/e/c\"\ntls-key-file = \"/e/k\"\ntls-ca-cert-dir = \"/e/ca\"\ntls-auth-clients = \"optional\"",
        );
        for line in [
            "tls-cert-file /e/c",
            "tls-key-file /e/k",
            "tls-ca-cert-dir /e/ca",
            "tls-auth-clients optional",
        ] {
            assert!(own.iter().any(|l| l == line), "{own:?}");
        }
        assert!(!own.iter().any(|l| l.contains("/db/")), "{own:?}");
    }
}
