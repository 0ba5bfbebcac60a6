//! The inventory that a command works with: the one on disk, or the same with a node that will be
//! added, or was removed.

use super::command::Remote;
use crate::cli::Global;
use crate::engine::inventory_edit::edits;
use crate::engine::journal::store::Store;
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::inventory::edit::{Edit, Kind, NewNode};
use crate::inventory::node::is_node_name;
use crate::inventory::place::without_place;
use crate::inventory::{Inventory, NodeSpec, address, edit};
use crate::output;
use crate::topology::{Address, NodeName};
use crate::world::inventory;
use std::path::PathBuf;

/// An inventory, and the edit that the file still needs for it.
pub struct Written {
    /// What is worked with.
    pub inventory: Inventory,
    /// The change.
    pub edit: Option<Edit>,
}

/// Reads it for a command.
pub fn open(global: &Global, command: &dyn Remote) -> Result<Written> {
    let path = inventory::find(global.inventory.as_deref())?;
    let text = inventory::text(&path)?;
    let now = inventory::of_text(&path, &text)?;
    inventory::warn(&now);
    command.inventory(Disk { path, text, now })
}

/// The file as it is.
pub struct Disk {
    path: PathBuf,
    text: String,
    now: Inventory,
}

impl Disk {
    /// The file as it is, with no change.
    pub fn unedited(self) -> Written {
        Written {
            inventory: self.now,
            edit: None,
        }
    }

    fn has(&self, node: &NodeName) -> bool {
        self.now.nodes.iter().any(|n| n.name == *node)
    }

    /// `add`: with the node that is asked for.
    pub fn with_new(self, args: &crate::operations::add::args::Add) -> Result<Written> {
        let node = self.new_node(args)?;
        let name = &node.name;
        let refused = |why: String| {
            Problem::new(format!(
                "`{name}` cannot be written into {}: {why}",
                self.file()
            ))
            .hint(format!(
                "write it there by hand, and run: replctl setup {name}"
            ))
            .because(Reason::Inventory)
            .exit(Exit::Refused)
        };
        let Some(file) = self.now.path.to_str() else {
            return Err(refused("its name is not UTF-8".to_owned()));
        };
        let edit = edit::add(file, &self.text, &node).map_err(refused)?;
        let text = edit.apply(&self.text).unwrap_or_default();
        let inventory = inventory::of_text(&self.path, &text).map_err(|error| Error {
            // The text is in no file, so lines and columns would not help.
            problems: error
                .problems
                .into_iter()
                .map(|problem| Problem {
                    what: format!(
                        "cannot add `{name}`: {}",
                        without_place(&self.path, &problem.what)
                    ),
                    ..problem
                })
                .collect(),
            ..error
        })?;
        Ok(Written {
            inventory,
            edit: Some(edit),
        })
    }

    fn file(&self) -> String {
        self.now.path.display().to_string()
    }

    fn new_node(&self, args: &crate::operations::add::args::Add) -> Result<NewNode> {
        let name = NodeName(args.name.clone());
        if let Some(there) = self.now.nodes.iter().find(|n| n.name == name) {
            return Err(self.already_there(there));
        }
        let usage = |what: String, hint: &str| Problem::new(what).hint(hint).exit(Exit::Usage);
        if !is_node_name(&args.name) {
            return Err(usage(
                format!("`{}` is no name for a node", output::escape(&args.name)),
                "it takes letters, digits, `.`, `_` and `-`, begins with a letter or digit, and has at most 63 of them",
            ));
        }
        let (host, port) = address::host_and_port(&args.address).map_err(|why| {
            let what = format!("the address `{}` {why}", output::escape(&args.address));
            usage(
                what,
                "for example: --address 192.168.0.150, or --address db4.example.org:6380",
            )
        })?;
        let replicaof = args.replicaof.as_ref().map(|n| NodeName(n.clone()));
        if let Some(unknown) = replicaof.as_ref().filter(|n| !self.has(n)) {
            let all: Vec<&str> = self.now.nodes.iter().map(|n| n.name.0.as_str()).collect();
            let what = format!("the inventory has no node `{}`", output::escape(&unknown.0));
            return Err(usage(what, &format!("its nodes are {}", all.join(", "))));
        }
        let root = self.now.nodes.iter().find(|n| n.replicaof.is_none());
        let root = root.map(|n| n.name.clone());
        Ok(NewNode {
            address: Address::new(host, port.unwrap_or(crate::inventory::node::PORT)),
            replicaof: replicaof.or(root).unwrap_or_else(|| name.clone()),
            announce: args.announce.clone(),
            priority: args.priority,
            ssh: args.ssh.clone(),
            name,
        })
    }

    /// The error for a node that is there already.
    fn already_there(&self, node: &NodeSpec) -> Error {
        let name = &node.name;
        let store = Store::existing(&self.now.name).ok().flatten();
        let begun = store.and_then(|s| s.unfinished());
        let begun = begun.filter(|record| edits(&record.plan).any(|e| e.node == *name));
        let hint = begun.map_or_else(
            || {
                format!(
                    "if it is not set up yet: replctl setup {name}; another node needs another name"
                )
            },
            |record| format!("to go on with adding it: replctl resume {}", record.id),
        );
        let (line, _) = node.line;
        Problem::new(format!(
            "{}:{line} has a node `{name}` already ({}); nothing was touched",
            self.file(),
            node.address
        ))
        .hint(hint)
        .because(Reason::Inventory)
        .exit(Exit::Refused)
    }

    /// `undo` of a removal: with the node that was removed, if it can be put there.
    pub fn with_removed(self, args: &crate::operations::undo::args::Undo) -> Written {
        let store = Store::existing(&self.now.name).ok().flatten();
        let removed = store.and_then(|store| {
            let ids = store.ids();
            let id = crate::engine::operation_id::find(&ids, &args.id, &self.now.name).ok()?;
            let plan = store.story(id).plan?;
            let mut removals = edits(&plan).filter(|e| e.kind == Kind::Remove);
            let edit = removals.next().filter(|e| !self.has(&e.node))?;
            edit.coming(&self.text)
        });
        // Where it cannot be, `undo` finds no such node, and says so.
        let with = removed.and_then(|edit| {
            let text = edit.apply(&self.text)?;
            let inventory = inventory::of_text(&self.path, &text).ok()?;
            Some((inventory, edit))
        });
        match with {
            Some((inventory, edit)) => Written {
                inventory,
                edit: Some(edit),
            },
            None => self.unedited(),
        }
    }

    /// `resume` and `rollback`: with the node that the operation adds or removes. The steps need
    /// that node wherever they stopped.
    pub fn with_node_of(self, args: &crate::operations::resume::args::Resume) -> Result<Written> {
        let store = Store::existing(&self.now.name)?;
        let record = store.and_then(|store| match &args.id {
            Some(id) => store.record(id),
            None => store.unfinished(),
        });
        let Some(record) = record else {
            return Ok(self.unedited());
        };
        let missing = edits(&record.plan).find(|e| !self.has(&e.node)).cloned();
        let Some(edit) = missing else {
            return Ok(self.unedited());
        };
        let with = edit.coming(&self.text).and_then(|e| e.apply(&self.text));
        let inventory = with.and_then(|text| inventory::of_text(&self.path, &text).ok());
        match inventory {
            Some(inventory) => Ok(Written {
                inventory,
                edit: None,
            }),
            None => Err(Problem::new(format!(
                "{} was changed since `{}` began, and `{}` does not fit into it any more; nothing was touched",
                self.file(),
                record.id,
                edit.node
            ))
            .hint("put back what was changed there, and run it again")
            .because(Reason::Inventory).exit(Exit::Refused)),
        }
    }
}
