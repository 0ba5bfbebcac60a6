//! Several looks at a host by one command: what one of them has found out, the next does not ask
//! again. A login takes as long as a few dozen processes, and each command of its own as long as
//! five.

use super::facts::{self, Look};
use super::owner::{OWNER, SOCKETS, without_comments};
use super::script_output::{self, SAID, key_values, only, reader};
use super::{Shell, quoted};
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::HostFacts;
use crate::world::ssh::nonce;
use secrecy::zeroize::Zeroizing;

/// The answer of a node's host: its facts, the output of the further script, and the lines of its
/// file with passwords. Each part has its own reason if it is unknown.
pub struct HostReport {
    /// As [`facts`](super::facts()) has them.
    pub facts: Result<HostFacts, String>,
    /// What the further script has printed.
    pub further: String,
    /// As [`passwords`](super::passwords()) has them.
    pub passwords: Result<Option<Zeroizing<String>>, String>,
}

/// Another look, to be put behind `owner.sh`, `sockets.sh` and `said.sh`, with its arguments.
/// `$told` and `$listens` are known to it: see `service/facts.sh`.
pub struct Further<'a> {
    /// The script: it defines the function `service`.
    pub text: &'a str,
    /// Its arguments.
    pub words: &'a [String],
    /// The process that the server says it is; nothing where it does not answer.
    pub process: Option<u32>,
}

/// What is told of files for the further look.
const OF_FILES: [&str; 3] = ["read", "matching", "write"];

/// Looks at the host of `node`. The error is one sentence, and counts for all.
pub async fn together(
    shell: &impl Shell,
    inventory: &Inventory,
    node: &NodeSpec,
    further: &Further<'_>,
) -> Result<HostReport, String> {
    look(shell, inventory, node, Some(further)).await
}

/// The same; without the further look and the passwords where there is none.
pub(super) async fn look(
    shell: &impl Shell,
    inventory: &Inventory,
    node: &NodeSpec,
    further: Option<&Further<'_>>,
) -> Result<HostReport, String> {
    let mark = nonce();
    let text = text(&Look::new(inventory, node), further, &mark);
    let begun = facts::now();
    let ran = shell
        .run_script(&text, &[], Vec::new(), shell.can_root(), facts::LIMIT)
        .await?;
    let said = Zeroizing::new(String::from_utf8_lossy(&ran.stdout).into_owned());
    let parts: Vec<&str> = said.split(&mark).collect();
    // What is read with the rights of one user stands apart from what is read with those of
    // another, and from what was seen without them.
    let [facts, further, merged, his, its, _] = parts[..] else {
        let cut = "the look at the host was cut short";
        let why = super::last_lines(&String::from_utf8_lossy(&ran.stderr), 12);
        return Err(if why.is_empty() {
            cut.to_owned()
        } else {
            format!("{cut}: {why}")
        });
    };
    let of_files = only(if merged.is_empty() { its } else { his }, &OF_FILES);
    let of_config = only(his, &["config", "dump", "base"]);
    let lost = unread(facts, his);
    // What could not be read may hold keys.
    let mut of_lost = String::new();
    for key in ["dump", "base"].iter().filter(|key| lost.contains(key)) {
        of_lost.push_str(key);
        of_lost.push_str("=3f\n");
    }
    let passwords = if lost.contains(&"passwords") {
        let why = super::last_lines(&why_unread(&ran.stderr, his), 12);
        Err(format!(
            "the configuration file could not be read as its user: {why}"
        ))
    } else {
        passwords(facts, his)
    };
    Ok(HostReport {
        facts: facts::read(
            &format!("{facts}{of_lost}{of_config}"),
            begun..=facts::now(),
        ),
        further: format!("{further}{of_files}"),
        passwords,
    })
}

/// What was to be read as the user of the files, by what root has `seen`, and was not: who `read`
/// says at its end that it came so far.
fn unread<'a>(seen: &'a str, read: &str) -> Vec<&'a str> {
    if read.lines().any(|l| l == "done=") {
        return Vec::new();
    }
    seen.lines()
        .filter_map(|l| l.strip_prefix("asked:"))
        .collect()
}

/// Why it was not read: what was said beside it, and by who should have read. Both outputs of that
/// process come as one.
fn why_unread(beside: &[u8], read: &str) -> String {
    let mut why = String::from_utf8_lossy(beside).into_owned();
    for line in read.lines().filter(|line| script_output::is_beside(line)) {
        why.push_str(line);
        why.push('\n');
    }
    why
}

/// The lines with passwords, or why they cannot be told: of who may act there, and of who has read.
fn passwords(seen: &str, read: &str) -> Result<Option<Zeroizing<String>>, String> {
    for text in [seen, read] {
        let why = only(text, &["no_passwords"]);
        if let Some((_, why)) = key_values(&why).first() {
            return Err(String::from_utf8_lossy(why).into_owned());
        }
    }
    if only(read, &["passwords"]).is_empty() {
        return Ok(None);
    }
    let lines = read.split_inclusive('\n');
    Ok(Some(Zeroizing::new(
        lines.filter_map(|l| l.strip_prefix("passwords+")).collect(),
    )))
}

/// The first look leaves what it knows of the socket, the users and the way to the files to the
/// other. What they want to be read of files is read at the end, by one process where both are read
/// as one user.
fn text(look: &Look, further: Option<&Further<'_>>, mark: &str) -> String {
    let strs = |words: &[String]| quoted(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let args = strs(&look.args);
    let facts = without_comments(&[facts::SCRIPT]);
    let before = format!("{}{}", without_comments(&[OWNER, SOCKETS, SAID]), reader());
    let his = format!("as_him; read_as \"$his_reads\"\nprintf %s {mark}\n");
    let Some(further) = further else {
        return format!(
            "{before}facts() {{\n{facts}}}\nfacts{args}\nprintf %s {mark}{mark}{mark}\n{his}printf %s {mark}\n"
        );
    };
    let process = further.process.map_or_else(String::new, |p| p.to_string());
    format!(
        "{before}told={process} with_passwords=1\nfacts() {{\n{facts}}}\nfacts{args}\nprintf %s {mark}\n\
         {service}service{its_args}\nprintf %s {mark}\n\
         if [ -n \"$its_reads\" ] && one_user; then his_reads=$his_reads$its_reads its_reads=; printf merged; fi\nprintf %s {mark}\n{his}\
         if [ -n \"$its_reads\" ]; then become \"$its_uid\" \"$its_gid\" \"$its_groups\"; read_as \"$its_reads\"; fi\nprintf %s {mark}\n",
        service = further.text,
        its_args = strs(further.words),
    )
}
