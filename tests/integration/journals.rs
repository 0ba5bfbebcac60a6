//! Journals that stopped half-way, that are damaged, or that others can write. replctl always knows
//! what stopped half-way, or knows that it is unknown. On real servers, with journals from an
//! earlier replctl (tests/journals/format-1, unchanged except for names).

#![allow(clippy::unwrap_used)]

mod cases;
mod damaged;
mod folder;
mod full;
mod notes;
mod order;
mod signals;

use crate::support::program::Replctl;
use crate::support::repository;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A promotion of `slave1` that was done.
const DONE: &str = "20251101T200825.385Z-promote-slave1";
/// A move that died and was resumed.
const TAKEN_UP: &str = "20251101T200825.432Z-move-slave2";
/// A detachment that was done.
const DETACHED: &str = "20251101T200825.517Z-detach-slave2";
/// A promotion that died and was rolled back.
const PUT_BACK: &str = "20251101T200827.796Z-promote-master";
/// A promotion that died inside its fence.
const CUT: &str = "20251101T200828.964Z-promote-master";

/// What an earlier replctl wrote.
fn fixture(id: &str) -> Vec<u8> {
    let folder = repository().join("tests/journals/format-1");
    fs::read(folder.join(format!("{id}.jsonl"))).unwrap()
}

/// The folder with an operator's journals of `orders`, made as replctl makes it.
fn journals(operator: &Replctl<'_>) -> PathBuf {
    let folder = operator.home().join(".local/state/replctl/orders/journal");
    let mut maker = fs::DirBuilder::new();
    maker.recursive(true).mode(0o700).create(&folder).unwrap();
    folder
}

/// Writes a journal of that name.
fn put(operator: &Replctl<'_>, id: &str, text: &[u8]) -> PathBuf {
    let file = journals(operator).join(format!("{id}.jsonl"));
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    file
}

/// Takes all journals and notes away.
fn clear(operator: &Replctl<'_>) {
    let folder = journals(operator);
    fs::remove_dir_all(folder.parent().unwrap()).unwrap();
}

fn history(operator: &Replctl<'_>) -> Value {
    let ran = operator.run(&["history", "--json", "--limit", "0"]).ok();
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The ids in `history` that are said to be unfinished.
fn unfinished(operator: &Replctl<'_>) -> Vec<String> {
    let history = history(operator);
    let all = history["operations"].as_array().unwrap().iter();
    all.filter(|o| o["unfinished"] == true)
        .map(|o| o["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Dies after that many lines of its journal.
fn dies(operator: &Replctl<'_>, line: usize, arguments: &[&str]) {
    let mut command = operator.command(arguments);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
    let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
    assert_eq!(ran.code, None, "{ran}");
}

/// The id of the newest journal by the clock, as `ls` would name it.
fn newest_name(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    let ids = names.filter_map(|n| Some(n.strip_suffix(".jsonl")?.to_owned()));
    ids.max().unwrap()
}
