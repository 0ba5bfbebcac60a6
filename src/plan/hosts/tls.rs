//! Everything that blocks the setup of a server that speaks TLS.

use super::HostLook;
use crate::config::tls as directives;
use crate::engine::{Ground, Refusal};
use crate::inventory::NodeSpec;

/// What a server that is to speak TLS needs.
pub fn over_tls(look: &HostLook<'_>, node: &NodeSpec, out: &mut Vec<Refusal>) {
    let Some(tls) = &node.tls else {
        return;
    };
    let name = &node.name;
    let wrong = look
        .facts(name)
        .into_iter()
        .flat_map(|f| &f.no_certificates);
    out.extend(wrong.map(|(what, hint)| {
        Refusal::new(
            Ground::Inventory,
            what.clone(),
            hint.as_deref().unwrap_or("correct it in the inventory"),
        )
    }));
    if look.runs(name) {
        return;
    }
    if look.inventory.server.source.is_embedded() {
        out.push(Refusal::new(
            Ground::Unsupported,
            format!("`{name}` is to speak TLS, and the embedded server was built without it"),
            "`source = \"package\"` in [server]: the distributions' servers have TLS; or `source = \"binary\"` with one that has",
        ));
    }
    if directives::brings_pair(node) && tls.server.is_none() {
        out.push(Refusal::new(
            Ground::Inventory,
            format!("`{name}` is to speak TLS, and the inventory names no certificate for it"),
            "`server_cert = \"tls/{node}.crt\"` and `server_key = \"tls/{node}.key\"` under [tls]; or, where its host has them, `tls-cert-file` and `tls-key-file` in [server.config]",
        ));
    }
    if directives::brings_ca(node) && tls.ca.is_empty() {
        out.push(Refusal::new(
            Ground::Inventory,
            format!("`{name}` is to replicate over TLS, and the inventory does not say whose certificates it takes"),
            "`ca = \"ca.crt\"` under [tls]; or, where its host has it, `tls-ca-cert-file` in [server.config]",
        ));
    }
}
