//! Where the inventory is written: a new file, stdout, or the one that is there.

use super::super::{INVENTORY_MODE, already_there, cannot_write, create};
use crate::cli::Global;
use crate::error::{Error, Exit, Problem, Result};
use crate::inventory::Inventory;
use crate::inventory::edit::{self, digest};
use crate::inventory::found::{FoundServer, table};
use crate::inventory::place::without_place;
use crate::operations::init::args::Init;
use crate::output;
use crate::world::inventory;
use std::path::{Path, PathBuf};

/// Where the inventory is written.
pub(super) enum Target {
    /// A file that is not there.
    New(PathBuf),
    /// Stdout.
    Stdout,
    /// The inventory that is there.
    Merge {
        /// Its file.
        path: PathBuf,
        /// Its text.
        text: String,
        /// What it says.
        inventory: Box<Inventory>,
    },
}

impl Target {
    /// As the arguments say.
    ///
    /// # Errors
    /// [`Exit::Refused`]: a file is there already. [`Exit::Usage`]: there is none, or it cannot be
    /// read.
    pub fn of(global: &Global, args: &Init) -> Result<Self> {
        if args.find.merge {
            let usual = Path::new("inventory.toml");
            let named = global.inventory.as_deref().filter(|_| args.output == usual);
            let path = named.unwrap_or(&args.output).to_owned();
            let text = inventory::text(&path)?;
            let there = inventory::of_text(&path, &text)?;
            inventory::warn(&there);
            crate::engine::inventory_edit::writable(&path)?;
            return Ok(Self::Merge {
                path,
                text,
                inventory: Box::new(there),
            });
        }
        if args.output == Path::new("-") {
            if global.json {
                return Err(Problem::new("`--output -` and `--json` both want stdout")
                    .hint("name a file: --output FILE")
                    .exit(Exit::Usage));
            }
            return Ok(Self::Stdout);
        }
        if args.output.symlink_metadata().is_ok() {
            return Err(already_there(
                &args.output,
                "write another with `--output FILE`, or add the nodes that are missing to it with `--merge`",
            ));
        }
        Ok(Self::New(args.output.clone()))
    }

    /// The file, for messages and for relative paths.
    pub fn path(&self) -> &Path {
        match self {
            Self::New(path) | Self::Merge { path, .. } => path,
            Self::Stdout => Path::new("inventory.toml"),
        }
    }

    /// Its folder.
    ///
    /// # Errors
    /// [`Exit::Failed`]: this folder is gone.
    pub fn folder(&self) -> Result<PathBuf> {
        let path = std::path::absolute(self.path());
        let path = path.map_err(|error| cannot_write(self.path(), &error))?;
        Ok(path.parent().unwrap_or(Path::new("/")).to_owned())
    }

    /// The file that is written; `None`: none.
    pub fn written(&self) -> Option<&Path> {
        match self {
            Self::New(path) | Self::Merge { path, .. } => Some(path),
            Self::Stdout => None,
        }
    }

    /// What the inventory that is there says.
    pub fn inventory(&self) -> Option<&Inventory> {
        match self {
            Self::Merge { inventory, .. } => Some(inventory),
            Self::New(_) | Self::Stdout => None,
        }
    }

    /// The first primary in it.
    pub fn root(&self) -> Option<String> {
        let nodes = &self.inventory()?.nodes;
        let root = nodes.iter().find(|node| node.replicaof.is_none())?;
        Some(root.name.0.clone())
    }

    /// Writes the text; returns whether a file was written.
    ///
    /// # Errors
    /// [`Exit::Failed`]: it cannot be written. [`Exit::Refused`]: somebody has made or changed it
    /// meanwhile.
    pub fn write(&self, new: &str) -> Result<bool> {
        match self {
            Self::Stdout => Ok(false),
            Self::New(path) => create(path, INVENTORY_MODE, new.as_bytes())
                .map(|()| true)
                .map_err(|error| cannot_write(path, &error)),
            Self::Merge { text, .. } if text == new => Ok(false),
            Self::Merge { path, text, .. } => match inventory::rewrite(path, &digest(text), new) {
                Ok(true) => Ok(true),
                Ok(false) => Err(Problem::new(format!(
                    "{} was changed meanwhile; nothing was written",
                    path.display()
                ))
                .hint("run it again")
                .exit(Exit::Refused)),
                Err(error) => Err(cannot_write(path, &error)),
            },
        }
    }
}

/// The existing text with these servers added at its end.
pub(super) fn merged(text: &str, new: &[FoundServer]) -> Result<String> {
    let refused = |why: String| {
        Problem::new(format!(
            "what was found cannot be written into it: {why}; nothing was written"
        ))
        .exit(Exit::Refused)
    };
    new.iter().try_fold(text.to_owned(), |text, entry| {
        edit::append(&text, &table(entry)).map_err(refused)
    })
}

/// The parser's errors on a text that is in no file yet, without lines and columns.
pub(super) fn without_places(path: &Path, error: Error) -> Error {
    let problems = error.problems.into_iter().map(|problem| Problem {
        what: format!(
            "cannot write `{}`: {}",
            output::escape(&path.display().to_string()),
            without_place(path, &problem.what)
        ),
        ..problem
    });
    Error {
        problems: problems.collect(),
        ..error
    }
}
