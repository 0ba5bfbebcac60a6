//! Several looks at a host by one command: what one of them has found out, the next does not ask
//! again. A login takes as long as a few dozen processes, and each command of its own as long as
//! five.

use super::facts::{self, Look};
use super::owner::{OWNER, both, without_comments};
use super::said::SAID;
use super::{Shell, passwords, prepared, quoted};
use crate::config::Paths;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::HostFacts;
use secrecy::zeroize::Zeroizing;

/// What a node's host has told: the facts, what the second script has said, and the lines of its
/// file with passwords. Each has its own reason where it is not known.
pub struct Told {
    /// As [`facts`](super::facts()) has them.
    pub facts: Result<HostFacts, String>,
    /// What the further script has printed.
    pub further: String,
    /// As [`passwords`](super::passwords()) has them.
    pub passwords: Result<Option<Zeroizing<String>>, String>,
}

/// Another look, to be put behind `owner.sh` and `said.sh`, with its arguments. `$told` and
/// `$listens` are known to it: see `service/facts.sh`.
pub struct Further<'a> {
    /// The script.
    pub text: &'a str,
    /// Its arguments.
    pub words: &'a [String],
    /// The process that the server says it is; nothing where it does not answer.
    pub process: Option<u32>,
}

/// Looks at the host of `node`. `mark` occurs nowhere else. The error is one sentence, and counts
/// for all.
pub async fn together(
    shell: &impl Shell,
    inventory: &Inventory,
    node: &NodeSpec,
    further: &Further<'_>,
    mark: &str,
) -> Result<Told, String> {
    let look = Look::new(inventory, node);
    let user = if shell.can_root() {
        inventory.server.user.as_str()
    } else {
        ""
    };
    let path = Paths::of(inventory, node).config();
    let text = text(&look, further, (&path, user), mark);
    let (line, stdin) = prepared(&text, &[], Vec::new());
    let begun = facts::now();
    let ran = shell
        .run(&line, stdin, shell.can_root(), facts::LIMIT)
        .await?;
    let said = Zeroizing::new(String::from_utf8_lossy(&ran.stdout).into_owned());
    let parts: Vec<&str> = said.split(mark).collect();
    let [facts, further, file, end] = parts[..] else {
        let cut = "the look at the host was cut short";
        let why = super::last_lines(&String::from_utf8_lossy(&ran.stderr), 12);
        return Err(if why.is_empty() {
            cut.to_owned()
        } else {
            format!("{cut}: {why}")
        });
    };
    Ok(Told {
        facts: facts::read(facts, begun..=facts::now()),
        further: further.to_owned(),
        passwords: match end.trim_start().split_once('\n') {
            Some(("0", _)) => passwords::read(file.strip_suffix('\n').unwrap_or(file)),
            Some((_, why)) => Err(super::last_lines(why, 12)),
            None => Err("its host gave no answer that can be read".to_owned()),
        },
    })
}

/// The first look leaves what it knows of the socket, the users and the way to the files to the
/// others, which cannot end it.
fn text(look: &Look, further: &Further<'_>, file: (&str, &str), mark: &str) -> String {
    let strs = |words: &[String]| quoted(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let process = further.process.map_or_else(String::new, |p| p.to_string());
    format!(
        "{owner}told={process}\nfacts() {{\n{facts}}}\nfacts{args}\nprintf %s {mark}\n\
         ( set -- {its}\n{further})\nprintf %s {mark}\n\
         {{ e=$( ( set -- {file}\nif is_root && [ ! -e \"$1\" ] && [ ! -L \"$1\" ]; then exit 0; fi\n{passwords}) 2>&1 >&3 3>&- ); s=$?; }} 3>&1\nprintf '\\n%s%s\\n%s\\n' {mark} \"$s\" \"$e\"\n",
        owner = without_comments(&[OWNER, SAID]),
        facts = without_comments(&[facts::SCRIPT]),
        args = strs(&look.args),
        its = strs(further.words),
        further = further.text,
        file = quoted(&[file.0, file.1]),
        passwords = both(&[super::owner::OUTER], passwords::READ),
    )
}
