//! What the inventory says of one server. Pure.

use super::{Found, View};
use crate::inventory::found::FoundServer;
use crate::operations::init::plan::walk::{Bond, Fate, plain, same};
use crate::topology::service::{Service, Starter};
use crate::topology::{Address, Node, Product, Server};

/// The servers' own `replica-priority`.
const PRIORITY: u32 = 100;

/// What the inventory says of a place.
pub(super) fn of(view: &View<'_>, place: usize) -> Found {
    let own = &view.facts.walk.places[place];
    let name = view.names.get(&place).cloned().unwrap_or_default();
    let mut found = Found {
        entry: FoundServer::at(name, own.way().address.clone()),
        given: own.is_given(),
        role: None,
        run_by: None,
        missing: Vec::new(),
    };
    found.entry.ssh_host.clone_from(&own.way().host);
    found.entry.only_comment = view.tree.comments.contains(&place);
    match view.seen(place) {
        Some(node) => seen(view, place, node, &mut found),
        None => silent(view, place, &mut found),
    }
    follow(view, place, &mut found);
    found
}

fn seen(view: &View<'_>, place: usize, node: &Node, found: &mut Found) {
    let Some(server) = node.server() else { return };
    let role = if node.is_primary() {
        "primary"
    } else {
        "replica"
    };
    found.role = Some(role);
    let mut line = format!("{role}, {}", version(server));
    if let Some(service) = &node.service {
        let (run_by, missing) = run_by(service);
        line = format!("{line}, {}", run_by.as_ref().map_or(&missing, |by| by));
        if run_by.is_none() {
            found.missing.push(missing);
        }
        found.run_by = run_by;
        keys(service, &mut found.entry);
    }
    found.entry.above.push(line);
    announce(view, place, node, found);
    let config = server.config.get("replica-priority");
    let priority = config.and_then(|text| text.parse().ok());
    let priority: Option<u32> = priority.or(server.replication.priority);
    found.entry.priority = priority.filter(|p| *p != PRIORITY);
}

fn version(server: &Server) -> String {
    let product = match server.product {
        Product::Redis => "Redis",
        Product::Valkey => "Valkey",
    };
    format!("{product} {}", server.version)
}

/// What starts a server, or why that is not known.
fn run_by(service: &Service) -> (Option<String>, String) {
    let known = match &service.starter {
        Starter::Unit(unit) => format!("started by {}", unit.name),
        Starter::Script(line) => format!("started by a start script: {line}"),
        Starter::Container(why) => why.clone(),
        Starter::Nothing => "started by hand".to_owned(),
        Starter::Unknown(why) => {
            return (None, format!("how it is run is not known: {why}"));
        }
    };
    (Some(known), String::new())
}

/// The keys that say how a server is run. A file that only the server itself names becomes a
/// comment: the server's user can make it name any file.
fn keys(service: &Service, entry: &mut FoundServer) {
    let seen = !matches!(service.starter, Starter::Unknown(_));
    if service.managed || !seen {
        return;
    }
    entry.foreign = true;
    let file = service.file.as_ref().filter(|file| is_path(file));
    if let Some(unit) = service.unit() {
        if is_unit(&unit.name) {
            entry.unit = Some(unit.name.clone());
        }
        let words: Vec<&str> = unit.exec_start.split_whitespace().collect();
        entry.config_file = file.filter(|file| words.contains(&file.as_str())).cloned();
    }
    if let (Some(file), None) = (file, &entry.config_file) {
        let key = format!("config_file = {}", toml::Value::from(file.as_str()));
        entry.below.push(format!(
            "{key}   (the server says so; make it a key if its next start reads that file)"
        ));
    }
}

/// Whether the inventory accepts this path.
fn is_path(file: &str) -> bool {
    let part = |p: &str| p == "." || p == "..";
    let fits = !file.chars().any(char::is_control) && !file.split('/').any(part);
    file.starts_with('/') && !file.ends_with('/') && fits
}

/// Whether the inventory accepts this unit.
fn is_unit(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    let stem = name.strip_suffix(".service").unwrap_or_default();
    let fits = !stem.is_empty() && !stem.starts_with('-') && !stem.ends_with('@');
    fits && name.len() <= 255 && name.bytes().all(plain)
}

/// The address by which others know the server, if it differs.
fn announce(view: &View<'_>, place: usize, node: &Node, found: &mut Found) {
    let own = node.own_announcement().and_then(|at| plain(&at));
    let own = own.filter(|at| !same(at, &node.address));
    match own.or_else(|| view.announced.get(&place).cloned()) {
        Some(at) if view.is_used(&at) || view.announced.get(&place) == Some(&at) => {
            found.entry.announce = Some(at);
        }
        Some(at) => found.entry.below.push(format!(
            "it announces {at}, by which no other server or Sentinel means it"
        )),
        None => {}
    }
}

/// A place at which no server answered.
fn silent(view: &View<'_>, place: usize, found: &mut Found) {
    let own = &view.facts.walk.places[place];
    let why = match &own.fate {
        Fate::Silent(trouble) => format!("not reached: {}", trouble.detail),
        Fate::NotAsked => "not asked, as you said".to_owned(),
        Fate::Open | Fate::Seen | Fate::Same(_) => "not looked at to the end".to_owned(),
    };
    found.missing.push(why.clone());
    found.entry.above.push(why);
    let by = &own.by;
    let named = match own.bond {
        Bond::Upstream => format!("{by} replicates from it"),
        Bond::Replica => format!("{by} lists it as its replica"),
        Bond::Sentinel => format!("the Sentinel at {by} knows it"),
        Bond::Start | Bond::Inventory => return,
    };
    found.entry.above.push(named);
    if view.doubtful.contains(&place) {
        let doubt = "it may be another address of a server above, whose port is forwarded";
        found.entry.above.push(doubt.to_owned());
    } else if found.entry.only_comment {
        let way = "if it belongs here, take the signs away";
        found.entry.above.push(way.to_owned());
    }
    if let Some(node) = view.node(place)
        && let Some(service) = &node.service
    {
        found.run_by = run_by(service).0;
        keys(service, &mut found.entry);
    }
}

/// Its upstream, as far as an inventory can say that.
fn follow(view: &View<'_>, place: usize, found: &mut Found) {
    let tree = &view.tree;
    if tree.root == Some(place) {
        let up = tree.parents.get(&place).and_then(|up| view.names.get(up));
        if let Some(up) = up {
            let what = format!(
                "replicaof = \"{up}\"   (now; that is a circle, and an inventory begins with one primary)"
            );
            found.entry.below.push(what);
            found
                .missing
                .push("it is in a circle of replicas".to_owned());
        }
        return;
    }
    let root = tree.root.and_then(|root| view.names.get(&root).cloned());
    let root = root.or_else(|| view.facts.root.map(str::to_owned));
    let up = tree.parents.get(&place);
    let name = up.and_then(|up| view.names.get(up)).cloned();
    let loose = !tree.is_rooted(place) && tree.circles(place) && up > Some(&place);
    match name {
        Some(name) if !loose => found.entry.replicaof = Some(name),
        Some(name) => {
            found.entry.replicaof.clone_from(&root);
            let what = format!("it replicates from `{name}`, in a circle");
            found.entry.below.push(what.clone());
            found.missing.push(what);
        }
        None => {
            found.entry.replicaof.clone_from(&root);
            if let Some(root) = &root {
                alone(view, place, root, found);
            }
        }
    }
}

/// A server that follows none of the others, and is not the first.
fn alone(view: &View<'_>, place: usize, root: &str, found: &mut Found) {
    let Some(node) = view.seen(place) else {
        return;
    };
    let what = match node.upstream() {
        None if view.facts.root.is_some() && !found.given => {
            format!(
                "it is a primary now; `replicaof` only says that the inventory begins with `{root}`"
            )
        }
        None => format!(
            "it is a primary, too; `replicaof` only says that the inventory begins with `{root}`"
        ),
        Some(up) => format!(
            "it replicates from {}, which is none of these; `replicaof` only says that the inventory begins with `{root}`",
            Address::to_string(&up.address)
        ),
    };
    found.entry.above.push(what);
    found.missing.push(match node.upstream() {
        None => format!("it is a primary beside `{root}`"),
        Some(up) => format!("it replicates from {}, which was not found", up.address),
    });
}
