//! The note of abandoned operations. They stopped half-way and stay as they are. They no longer
//! block other operations.

use super::Store;
use crate::engine::journal::story::Story;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fs, io};

/// The note's name.
pub const FILE: &str = "abandoned.json";

/// One abandoned operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abandoned {
    /// Its id.
    pub id: String,
    /// The length of its journal then, bytes: lines that come later are not abandoned.
    pub bytes: u64,
    /// Who gave it up.
    pub who: String,
    /// When.
    pub since: Timestamp,
}

impl Store {
    /// The abandoned operations. If the note cannot be read, none: they count as unfinished again.
    pub fn abandoned(&self) -> Vec<Abandoned> {
        self.read_notes(FILE).unwrap_or_default()
    }

    /// Gives an operation up.
    pub fn abandon(&self, story: &Story, who: &str) -> io::Result<()> {
        let bytes = self.length(&story.id)?;
        self.change_notes(FILE, |all: &mut Vec<Abandoned>| {
            all.retain(|one| one.id != story.id);
            all.push(Abandoned {
                id: story.id.clone(),
                bytes,
                who: who.to_owned(),
                since: Timestamp::now(),
            });
        })
    }

    /// The note of that operation, if its journal is still as it was then.
    pub fn given_up<'a>(&self, noted: &'a [Abandoned], id: &str) -> Option<&'a Abandoned> {
        let length = self.length(id).ok();
        noted
            .iter()
            .find(|one| one.id == id && Some(one.bytes) == length)
    }

    fn length(&self, id: &str) -> io::Result<u64> {
        Ok(fs::symlink_metadata(self.path_of(id))?.len())
    }
}
