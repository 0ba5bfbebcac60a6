//! Turns the text of an `inventory.toml` into an [`Inventory`], or reports everything that is wrong
//! with it at once. Pure.

use super::hooks::{self, Hooks};
use super::node::{self, RawNode};
use super::place::Problems;
use super::section::Section;
use super::server::Directives;
use super::tls::{self, Tls};
use super::{
    Accounts, Auth, Inventory, ServerSettings, SshSettings, check, deployment, server, ssh,
};
use crate::error::Problem;
use std::path::Path;
use toml::de::DeTable;

/// An unfinished inventory.
#[derive(Debug, Default)]
pub struct Draft {
    /// `[deployment] name`.
    pub name: Option<String>,
    /// The users.
    pub accounts: Accounts,
    /// The password source, if a valid one is named.
    pub auth: Option<Auth>,
    /// Whether the file mentions passwords, right or wrong.
    pub auth_given: bool,
}

/// Reads the inventory from the text of the file `path`. Relative file names in it stay relative.
///
/// # Errors
/// Every problem of the file, in its order. Each has `file:line:column` and the key, and most have
/// a hint.
pub fn parse(path: &Path, text: &str) -> Result<Inventory, Vec<Problem>> {
    let mut problems = Problems::new(path, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // Problems that follow from an unreadable line would only be noise.
        let mut lines = std::collections::BTreeSet::new();
        for error in errors {
            let at = error.span().map_or(text.len(), |span| span.start);
            if lines.insert(problems.line_column(at).0) {
                problems.syntax(at, format!("this is not TOML: {}", error.message()));
            }
        }
        return Err(problems.into_sorted());
    }
    let root = Section::new(document.get_ref(), 0, "at the top level");
    let inventory = read(path, &root, &mut problems);
    match inventory {
        Some(inventory) if problems.is_empty() => Ok(inventory),
        Some(_) | None => Err(problems.into_sorted()),
    }
}

fn read(path: &Path, root: &Section, problems: &mut Problems) -> Option<Inventory> {
    keys(root, problems);
    let mut draft = Draft::default();
    if root.get("deployment").is_none() {
        problems.hinted(0, "there is no `[deployment]`", "begin with `[deployment]` and `name = \"orders\"`; `replctl init` writes a whole inventory");
    } else if let Some(section) = root.table(problems, "deployment", "in `[deployment]`") {
        deployment::read(&section, problems, &mut draft);
    }
    let section = root.table(problems, "ssh", "in `[ssh]`");
    let ssh = section
        .map(|section| ssh::read(&section, problems))
        .unwrap_or_default();
    let section = root.table(problems, "tls", "in `[tls]`");
    let tls = section.map(|section| tls::read(&section, problems).over(None));
    let section = root.table(problems, "server", "in `[server]`");
    let config = section
        .as_ref()
        .map(|section| server::directives(section, problems, "in `[server.config]`"));
    let server = section
        .map(|section| server::read(&section, problems))
        .unwrap_or_default();
    let nodes = nodes(root, &ssh, problems);
    check::names(&nodes, problems);
    check::addresses(&nodes, problems);
    check::tree(&nodes, problems);
    let auth = auth(root, &mut draft, &nodes, problems);
    let name = draft.name.clone();
    let mut inventory = assemble(
        path,
        (
            name.clone().unwrap_or_default(),
            auth.clone().unwrap_or(Auth::None),
        ),
        server,
        ((&ssh, tls.as_ref()), &config.unwrap_or_default()),
        nodes,
        problems,
    );
    inventory.accounts = draft.accounts;
    inventory.digest = super::edit::digest(problems.text());
    let section = root.table(problems, "sentinel", "in `[sentinel]`");
    inventory.sentinel = section.map(|section| {
        let deployment = inventory.name.clone();
        super::sentinel::read(
            &section,
            problems,
            &deployment,
            &inventory.nodes,
            (&ssh, tls.as_ref()),
        )
    });
    if let Some(section) = root.table(problems, "hooks", "in `[hooks]`") {
        inventory.hooks = hooks::read(&section, problems);
    }
    (name.is_some() && auth.is_some()).then_some(inventory)
}

/// Checks the names of the tables, with hints for mistyped ones.
fn keys(root: &Section, problems: &mut Problems) {
    root.only(
        problems,
        &[
            "deployment",
            "ssh",
            "tls",
            "server",
            "node",
            "sentinel",
            "hooks",
        ],
        |key| match key {
            "nodes" | "replica" | "slave" | "master" => Some("did you mean `[[node]]`?".to_owned()),
            "name" | "auth" | "password" | "user" | "masteruser" | "masterauth" => {
                Some(format!("`{key}` belongs under `[deployment]`"))
            }
            _ => None,
        },
    );
}

fn nodes(root: &Section, ssh: &SshSettings, problems: &mut Problems) -> Vec<RawNode> {
    let example =
        "add, for example, `[[node]]` with `name = \"master\"` and `address = \"192.168.0.120\"`";
    let Some(value) = root.get("node") else {
        problems.hinted(0, "there is no `[[node]]`", example);
        return Vec::new();
    };
    let at = root.place_of("node").unwrap_or_default();
    let Some(items) = value.get_ref().as_array() else {
        problems.hinted(
            at,
            "`node` must be a list of tables",
            "write `[[node]]`, with double brackets, before each node",
        );
        return Vec::new();
    };
    if items.is_empty() {
        problems.hinted(at, "there is no `[[node]]`", example);
    }
    let mut nodes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item.get_ref().as_table() {
            Some(table) => {
                let at = item.span().start;
                let node = node::read(table, at, index, problems);
                let section = Section::new(table, at, format!("of {}", node.called));
                ssh::check(&node.ssh, ssh, &section, problems);
                nodes.push(node);
            }
            None => problems.hinted(
                item.span().start,
                "`node` must be a list of tables",
                "write `[[node]]` before each node",
            ),
        }
    }
    nodes
}

/// The login. A deployment that other machines can reach must say explicitly that it has no
/// password.
fn auth(
    root: &Section,
    draft: &mut Draft,
    nodes: &[RawNode],
    problems: &mut Problems,
) -> Option<Auth> {
    if let Some(auth) = draft.auth.take() {
        return Some(auth);
    }
    let exposed = nodes.iter().find(|node| node.is_exposed());
    if let (false, Some(node)) = (draft.auth_given, exposed) {
        let at = root.place_of("deployment").unwrap_or_default();
        let what = format!(
            "`[deployment]` names no `password`, and {} can be reached by other machines",
            node.called
        );
        let file = draft.name.as_deref().unwrap_or("orders");
        let hint = format!(
            "add `password = {{ file = \"{file}.password\" }}` (`replctl init` generates one), or on a trusted network `auth = \"none\"`"
        );
        problems.hinted(at, what, hint);
        return None;
    }
    Some(Auth::None)
}

fn assemble(
    path: &Path,
    (name, auth): (String, Auth),
    server: ServerSettings,
    (reach, config): ((&SshSettings, Option<&Tls>), &Directives),
    nodes: Vec<RawNode>,
    problems: &Problems,
) -> Inventory {
    let nodes = nodes
        .into_iter()
        .filter_map(|node| node.finish(reach, config, |at| problems.line_column(at)))
        .collect();
    Inventory {
        path: path.to_owned(),
        digest: String::new(),
        name,
        auth,
        accounts: Accounts::default(),
        tls: reach.1.cloned(),
        server,
        nodes,
        sentinel: None,
        hooks: Hooks::default(),
    }
}
