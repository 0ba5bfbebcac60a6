//! The operator's own disk is full: a rollback is recorded as one, and if that cannot be written, a
//! message says so.

use crate::journals::folder::Memory;
use crate::journals::{history, unfinished};
use crate::support::inventory::InventoryText;
use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::{figure, not_run};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the hook `before_promote` does, when the journal is begun: `$1` is the folder of the
/// journals.
const FILL: &str = "cat /dev/zero > $1/filled 2>/dev/null\nhead -c $(cat $2) /dev/zero | tr '\\0' x | fold -w 300\nexit 0\n";
/// The same, and the hook also takes the space that the journal reserves; it fills the rest of the
/// last page, too.
const TAKE: &str = "journal=$1/replctl/orders/journal/*.jsonl\n\
    size=$(stat -c %s $journal)\n\
    truncate -s $size $journal\n\
    cat /dev/zero > $1/filled 2>/dev/null\n\
    left=$((4096 - size % 4096 - 200))\n\
    [ $left -gt 0 ] && head -c $((left * 300 / 303)) /dev/zero | tr '\\0' x | fold -w 300\n\
    exit 0\n";

struct Full {
    trio: Trio,
    operator: Replctl<'static>,
    _memory: Memory,
    state: PathBuf,
}

/// A deployment whose operator keeps journals on a small disk of its own.
fn begun(family: &Family, size: &str, hook: &str) -> Option<Full> {
    let trio = Trio::start(family, &[BACKLOG]);
    let state = trio.folder().join("state");
    let memory = Memory::mount(&state, size)?;
    let inventory = trio.inventory_of(InventoryText::new("orders"));
    let script = trio.folder().join("hook.sh");
    fs::write(&script, format!("#!/bin/sh\n{hook}")).unwrap();
    let words = [
        Path::new("/bin/sh"),
        &script,
        &state,
        &trio.folder().join("bytes"),
    ];
    let words = words.map(|word| format!("\"{}\"", word.display()));
    let mut text = fs::read_to_string(&inventory).unwrap();
    let _ = write!(text, "\n[hooks]\nbefore_promote = [{}]\n", words.join(", "));
    fs::write(&inventory, text).unwrap();
    let operator = Replctl::new()
        .inventory(&inventory)
        .env("XDG_STATE_HOME", state.to_str().unwrap());
    Some(Full {
        trio,
        operator,
        _memory: memory,
        state,
    })
}

impl Full {
    fn primary(&self) -> usize {
        (0..3).find(|i| self.trio.role(*i) == "master").unwrap()
    }

    fn journal(&self) -> String {
        let id = history(&self.operator)["operations"][0]["id"].clone();
        let folder = self.state.join("replctl/orders/journal");
        fs::read_to_string(folder.join(format!("{}.jsonl", id.as_str().unwrap()))).unwrap()
    }

    /// It may be a chain by now, which is as well.
    fn await_in_sync(&self, after: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let seen = self.operator.run(&["status", "--no-ssh"]);
            if seen.stdout.contains("2 replicas in sync") {
                break;
            }
            assert!(Instant::now() < end, "{after}, then {seen}");
        }
    }
}

/// K7.3: the disk gets full at every place of a promotion. The messages match the journal, and
/// `resume` repeats nothing that was rolled back.
#[test]
fn what_is_put_back_on_a_full_disk_is_known_to_be() {
    let Some(family) = Family::debian() else {
        return;
    };
    // Room for what a journal keeps, and not for much more.
    let Some(full) = begun(family, "56k", FILL) else {
        return not_run("no file system can be mounted");
    };
    let operator = &full.operator;
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for bytes in (0..5000).step_by(125) {
        fs::write(full.trio.folder().join("bytes"), bytes.to_string()).unwrap();
        let before = full.primary();
        let target = NAMES[(before + 1) % 3];
        let ran = operator.run(&["promote", target, "--yes"]);
        let outcome = history(operator)["operations"][0]["outcome"].clone();
        let outcome = outcome.as_str().unwrap();
        let open = unfinished(operator);
        match (ran.code, outcome) {
            (Some(0), "done") | (Some(5), "incomplete") => {
                assert_ne!(full.primary(), before, "{ran}");
                assert!(open.is_empty(), "{ran}");
            }
            (Some(1), "rolled-back") => {
                let changed = full.journal().contains(r#""event":"undone""#);
                let said = ["nothing was changed", "all was put back"][usize::from(changed)];
                assert!(ran.stderr.contains(said), "{ran}");
                assert_eq!(full.primary(), before, "{ran}");
                assert!(open.is_empty(), "{ran}");
                operator
                    .run(&["resume"])
                    .ok()
                    .says("no operation is unfinished");
                assert_eq!(full.primary(), before);
            }
            (Some(5), "stopped") => assert_eq!(open.len(), 1, "{ran}"),
            other => panic!("{other:?} with {bytes} bytes: {ran}"),
        }
        let undone = full.journal().contains(r#""event":"undone""#);
        let what = if undone { "put back" } else { outcome };
        *ends.entry(what.to_owned()).or_default() += 1;
        assert!(fs::metadata(full.state.join("filled")).unwrap().len() > 0);
        fs::remove_file(full.state.join("filled")).unwrap();
        operator.run(&["resume", "--yes"]).ok();
        if outcome == "incomplete" {
            operator
                .run(&["promote", target, "--yes", "--no-hooks"])
                .ok();
        }
        clear(&full.state);
        full.await_in_sync(outcome);
    }
    figure(&format!(
        "promotions while the disk of the journals gets full: {ends:?}"
    ));
    assert!(ends.get("put back").is_some_and(|n| *n > 0), "{ends:?}");
}

fn clear(state: &Path) {
    fs::remove_dir_all(state.join("replctl")).unwrap();
}

/// Without any free space, nothing begins.
#[test]
fn on_a_full_disk_nothing_is_begun() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(full) = begun(family, "1m", "exit 0\n") else {
        return not_run("no file system can be mounted");
    };
    let operator = &full.operator;
    operator.run(&["status", "--no-ssh"]).ok();
    let filled = full.state.join("filled");
    let mut greedy = fs::File::create(&filled).unwrap();
    while greedy.write_all(&[0; 4096]).is_ok() {}
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(1)
        .says("No space left on device")
        .says("nothing was touched");
    full.trio.assert_primary(0);
    assert!(
        history(operator)["operations"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    operator.run(&["status", "--no-ssh"]).ok();
    drop(greedy);
    fs::remove_file(&filled).unwrap();
    operator.run(&["promote", "slave1", "--yes"]).ok();
    full.trio.assert_primary(1);
    // What was kept and not needed is given back.
    let journal = full.state.join("replctl/orders/journal");
    for entry in fs::read_dir(journal).unwrap() {
        let about = entry.unwrap().metadata().unwrap();
        assert!(about.blocks() * 512 < about.len() + 4096, "{about:?}");
    }
}

/// If even the end cannot be written, a message says so, and status and resume follow the journal.
#[test]
fn where_the_end_cannot_be_written_that_is_said() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(full) = begun(family, "1m", TAKE) else {
        return not_run("no file system can be mounted");
    };
    let operator = &full.operator;
    let ran = operator.run(&["promote", "slave1", "--yes"]);
    fs::remove_file(full.state.join("filled")).unwrap();
    assert_eq!(full.primary(), 0, "{ran}");
    let [id] = &unfinished(operator)[..] else {
        panic!("{ran}");
    };
    let ran = ran
        .code(1)
        .says(&format!(
            "the end of `{id}` could not be written into its journal"
        ))
        .says("No space left on device")
        .says("nothing was changed");
    operator.run(&["status", "--no-ssh"]).code(4).says(id);
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says(id);
    // The hint works when it is pasted.
    let hint = format!("replctl abandon {id}");
    assert!(ran.stderr.contains(&hint), "{ran}");
    operator.run(&["abandon", id, "--yes"]).ok();
    operator.run(&["status", "--no-ssh"]).ok();
    operator
        .run(&["promote", "slave1", "--yes", "--no-hooks"])
        .ok();
    full.trio.assert_primary(1);
}
