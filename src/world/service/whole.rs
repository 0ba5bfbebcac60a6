//! Reads the whole configuration of a server as its start reads it, over SSH and with the rights of
//! the server's user. Of lines that hold a password only the name leaves the host.

use super::{AS, ROUNDS, SILENT, Script, one_line, run, script_output};
use crate::topology::service::answer::Answer;
use crate::topology::service::chain::{Ask, Start};
use crate::topology::service::whole::{Stated, flatten};
use crate::topology::service::{Arguments, Service};
use crate::world::host::owner::{OWNER, without_comments};
use crate::world::host::script_output::{SAID, reader};
use crate::world::ssh::Host;
use std::time::Duration;

/// Where its data lies, and what that takes: `BYTES FREE`.
pub struct Stored {
    /// What its snapshot and its append-only files take, bytes.
    pub bytes: Option<u64>,
    /// Free there, bytes.
    pub free: Option<u64>,
}

/// All its directives in order; the reason where they cannot be read.
pub async fn whole(
    host: &Host,
    service: &Service,
    patterns: bool,
    patience: Duration,
) -> Result<Vec<Stated>, String> {
    let reading = read(host, service, patterns);
    let read = tokio::time::timeout(patience, reading).await;
    read.unwrap_or_else(|_| Err(SILENT.to_owned()))
}

async fn read(host: &Host, service: &Service, patterns: bool) -> Result<Vec<Stated>, String> {
    let arguments = match &service.arguments {
        Arguments::Shown(words) => words.clone(),
        // What it hides is stated by what it runs with.
        Arguments::Hidden(_) => Vec::new(),
        Arguments::Unknown(why) => return Err(why.clone()),
    };
    let start = Start {
        file: service.file.as_deref(),
        arguments: &arguments,
        folder: service.unit().map(|_| "/"),
        patterns,
    };
    let mut answer = Answer::default();
    for _ in 0..ROUNDS {
        match flatten(&start, &answer.files)? {
            Ok(stated) => return Ok(stated),
            Err(ask) => more(host, service, &ask, &mut answer).await?,
        }
    }
    Err("its configuration includes too many levels of files".to_owned())
}

/// Reads what is still open, as the server's user.
async fn more(
    host: &Host,
    service: &Service,
    ask: &Ask,
    answer: &mut Answer,
) -> Result<(), String> {
    let files = ask.files.iter().map(|f| format!("a:{f}"));
    let patterns = ask.patterns.iter().map(|p| format!("p:{p}"));
    let mut words = as_user(service)?;
    words.extend(files.chain(patterns));
    if words.iter().any(|w| w.contains(['\n', '\r'])) {
        return Err("a file of its configuration has a line break in its name".to_owned());
    }
    let script = Script {
        text: format!(
            "{}{}become \"$1\" \"$2\" \"$3\"; shift 3\nact sh -c \"$reader\" replctl \"$@\" </dev/null\n",
            without_comments(&[OWNER, SAID, AS]),
            reader()
        ),
        words: one_line(words)?,
    };
    let text = run(host, &script).await?;
    let before = answer.files.clone();
    script_output::read_files(&text, answer);
    if answer.files == before {
        return Err("files cannot be read there as the user of the server".to_owned());
    }
    Ok(())
}

pub(super) fn as_user(service: &Service) -> Result<Vec<String>, String> {
    let process = service.process.as_ref();
    let process = process.ok_or_else(|| "its process was not seen".to_owned())?;
    let groups: Vec<String> = process.groups.iter().map(u32::to_string).collect();
    Ok(vec![
        process.uid.to_string(),
        process.gid.to_string(),
        groups.join(","),
    ])
}

/// The names of the users in an access list file; the reason where it cannot be read. Nothing else
/// of the file leaves the host.
pub async fn users_in(host: &Host, service: &Service, file: &str) -> Result<Vec<String>, String> {
    const USERS: &str = r#"become "$1" "$2" "$3"
act awk '$1 == "user" { print "user:" $2 } END { print "end:" }' "$4""#;
    let mut words = as_user(service)?;
    words.push(file.to_owned());
    let script = Script {
        text: format!("{}{USERS}", without_comments(&[OWNER, AS])),
        words,
    };
    let text = run(host, &script).await?;
    if !text.lines().any(|line| line == "end:") {
        return Err(format!("{file} cannot be read"));
    }
    let names = text.lines().filter_map(|line| line.strip_prefix("user:"));
    Ok(names.map(str::to_owned).collect())
}

/// What its data takes, and the room beside it. `names`: the files and folders in `folder`.
pub async fn stored(host: &Host, service: &Service, folder: &str, names: &[&str]) -> Stored {
    const LOOK: &str = r#"become "$1" "$2" "$3"; shift 3
act sh -c 'cd "$1" || exit 1; shift; n=0
for f; do if [ -e "./$f" ]; then k=$(du -sk "./$f" 2>/dev/null); n=$((n + ${k%%[!0-9]*})); fi; done
set -f; set -- $(df -Pk . 2>/dev/null | tail -n 1); shift $(($# - 3)); echo "stored:$n $1"' sh "$@"
"#;
    let unknown = Stored {
        bytes: None,
        free: None,
    };
    let Ok(mut words) = as_user(service) else {
        return unknown;
    };
    words.push(folder.to_owned());
    words.extend(names.iter().map(|n| (*n).to_owned()));
    let script = Script {
        text: format!("{}{LOOK}", without_comments(&[OWNER, AS])),
        words,
    };
    let Ok(text) = run(host, &script).await else {
        return unknown;
    };
    let line = text.lines().find_map(|line| line.strip_prefix("stored:"));
    let mut numbers = line.unwrap_or_default().split_whitespace();
    let mut kilobytes = || {
        let number: u64 = numbers.next()?.parse().ok()?;
        number.checked_mul(1024)
    };
    Stored {
        bytes: kilobytes(),
        free: kilobytes(),
    }
}
