//! Reads what `adopt` needs of a server that somebody else made: its configuration, its live
//! settings, its data. It changes nothing.

mod access;

use super::connections::Connections;
use super::hosts::Hosts;
use super::resp::REPLY;
use super::service;
use super::ssh::Host;
use crate::config::Paths;
use crate::config::aliases::one_name_each;
use crate::inventory::ServerSource;
use crate::inventory::secrets::is_secret;
use crate::inventory::server::present_name;
use crate::plan::facts::boot::AtBoot;
use crate::plan::facts::{HostFacts, Unseen};
use crate::topology::service::Service;
use crate::topology::service::access::Access;
use crate::topology::service::whole::Stated;
use crate::topology::{Node, NodeName, Product, Server};
use futures::StreamExt;
use redis::Value;
use std::collections::BTreeMap;

/// What was read of one server.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// Its configuration in the order of a start, or why it is unknown.
    pub stated: Option<Result<Vec<Stated>, String>>,
    /// Its live settings by their present names, without secrets.
    pub live: BTreeMap<String, String>,
    /// The size of its data on the disk, bytes.
    pub data_bytes: Option<u64>,
    /// Free bytes on the disk of its data.
    pub free_bytes: Option<u64>,
    /// What starts it at boot, or why that is unknown.
    pub boot: Option<Result<AtBoot, String>>,
    /// What it tells of its users, modules and commands.
    pub access: Option<Access>,
}

/// Reads all of this for several nodes at the same time.
pub async fn read(
    hosts: &Hosts,
    connections: &Connections,
    facts: &BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    nodes: &[&Node],
) -> BTreeMap<NodeName, Read> {
    let looks = nodes.iter().map(|node| async {
        let of_package = matches!(hosts.inventory.server.source, ServerSource::Package(_));
        let facts = facts.get(&node.name).and_then(|f| f.as_ref().ok());
        let package = facts.and_then(|f| f.package.as_deref());
        let package = package.filter(|_| of_package);
        let read = read_one(hosts, connections, node, package).await;
        (node.name.clone(), read)
    });
    futures::stream::iter(looks)
        .buffer_unordered(hosts.concurrency)
        .collect()
        .await
}

async fn read_one(
    hosts: &Hosts,
    connections: &Connections,
    node: &Node,
    package: Option<&str>,
) -> Read {
    let mut read = Read {
        live: live(connections, &node.name).await.unwrap_or_default(),
        ..Read::default()
    };
    let (Some(service), Some(server)) = (node.service.as_deref(), node.server()) else {
        return read;
    };
    let host = match hosts.session_within(&node.name, hosts.patience).await {
        Ok(host) => host,
        Err(error) => {
            read.stated = Some(Err(error.brief()));
            return read;
        }
    };
    let patterns = server.product == Product::Valkey || server.version.major >= 7;
    let stated = service::whole(&host, service, patterns, hosts.patience).await;
    read.stated = Some(stated);
    let name = |key: &str| read.live.get(key).map_or("", String::as_str);
    let names = ["dbfilename", "appendfilename", "appenddirname"].map(name);
    let names: Vec<&str> = names.into_iter().filter(|n| !n.is_empty()).collect();
    let stored = service::stored(&host, service, name("dir"), &names).await;
    read.data_bytes = stored.bytes;
    read.free_bytes = stored.free;
    if let Some(spec) = hosts.inventory.get(&node.name) {
        let appended = ["appenddirname", "appendfilename"].map(name);
        let appended = appended.into_iter().find(|name| !name.is_empty());
        let appended = appended.filter(|_| name("appendonly") == "yes");
        let subject = service::BootSubject {
            service,
            own_unit: &Paths::of(&hosts.inventory, spec).unit(),
            port: spec.address.port,
            package,
            folder: name("dir"),
            files: [name("dbfilename"), appended.unwrap_or_default()],
        };
        read.boot = Some(service::at_boot(&host, &subject, hosts.patience).await);
    }
    let aclfile = name("aclfile").to_owned();
    let strays = strays(connections, &node.name, (&host, service), &aclfile).await;
    let stated = read.stated.as_ref().and_then(|stated| stated.as_ref().ok());
    read.access = Some(access(connections, &node.name, server, stated, strays).await);
    read
}

/// What it tells of its users, modules and commands.
async fn access(
    connections: &Connections,
    node: &NodeName,
    server: &Server,
    stated: Option<&Vec<Stated>>,
    strays: Result<Vec<String>, String>,
) -> Access {
    let lines = stated.into_iter().flatten();
    let renamed = lines.filter(|t| t.line.name == "rename-command");
    let renamed = renamed.filter_map(|t| Some(t.line.args.first()?.to_ascii_lowercase()));
    let renamed: Vec<String> = renamed.collect();
    Access {
        strays,
        limits: access::limits(connections, node, server.has_password).await,
        modules: access::modules(connections, node).await,
        missing: access::missing(connections, (node, server.version), &renamed).await,
    }
}

/// The users that are in no file. `aclfile`: the file of its access list; empty: it has none.
async fn strays(
    connections: &Connections,
    node: &NodeName,
    (host, service): (&Host, &Service),
    aclfile: &str,
) -> Result<Vec<String>, String> {
    let users = access::users(connections, node).await?;
    if users.iter().all(|user| user == "default") {
        return Ok(Vec::new());
    }
    let known = match aclfile {
        "" => vec!["default".to_owned()],
        file => service::users_in(host, service, file).await?,
    };
    Ok(without(users, &known))
}

/// The users that are not in `known`.
fn without(mut users: Vec<String>, known: &[String]) -> Vec<String> {
    users.retain(|user| user != "default" && !known.contains(user));
    users
}

/// The answer to `CONFIG GET *`, without secrets.
async fn live(connections: &Connections, node: &NodeName) -> Option<BTreeMap<String, String>> {
    let conn = connections.get(node).await.ok()?;
    let mut question = redis::pipe();
    question.cmd("CONFIG").arg("GET").arg("*");
    let reply = conn
        .exchange(&question, REPLY)
        .await
        .ok()?
        .into_iter()
        .next()?;
    let text = |value: &Value| {
        if let Value::BulkString(bytes) = value {
            return Some(String::from_utf8_lossy(bytes).into_owned());
        }
        let Value::SimpleString(text) = value else {
            return None;
        };
        Some(text.clone())
    };
    let pairs: Vec<(Option<String>, Option<String>)> = if let Value::Array(parts) = &reply {
        let pairs = parts.chunks_exact(2);
        pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    } else if let Value::Map(pairs) = &reply {
        pairs.iter().map(|(n, v)| (text(n), text(v))).collect()
    } else {
        return None;
    };
    let known = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name?, value?)));
    let plain = known.filter(|(name, _)| !is_secret(name));
    let mut live = plain.map(|(n, v)| (present_name(&n), v)).collect();
    one_name_each(&mut live);
    Some(live)
}
