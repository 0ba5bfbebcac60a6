//! A host as `setup` sees it: one look ([`facts`]) and the actions ([`act`]). It decides nothing;
//! what is done was planned.
//!
//! It reaches the host through [`Shell`] alone: commands for a POSIX shell and files. Secrets
//! travel as file contents or standard input, never as arguments.

mod act;
mod facts;
mod fence;
mod files;
mod fixes;
mod former;
mod install;
mod launch;
pub(in crate::world) mod owner;
mod passwords;
pub(in crate::world) mod role;
pub(in crate::world) mod script_output;
mod together;
pub(in crate::world) mod trial;

pub use act::{Supplies, act};
pub use facts::{facts, stored_in};
pub use fence::fence;
pub use files::Secrets;
pub use former::{copy_data, own_process, stop_own};
pub use install::ServerFiles;
pub(super) use install::hex_sha256;
pub use launch::{start, stop};
pub use passwords::passwords;
pub use together::{Further, together};

use secrecy::zeroize::Zeroizing;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Receives the number of bytes of an upload that were sent.
pub type Progress = Box<dyn Fn(u64) + Send>;

/// A way to run commands on a host and to put files there.
pub trait Shell: Sync {
    /// Runs a command line of the login shell. `Err` is the way there that failed, in one sentence;
    /// a command that fails is `Ok` with its status.
    fn run(
        &self,
        command: &str,
        stdin: Vec<u8>,
        root: bool,
        timeout: Duration,
    ) -> impl Future<Output = Result<Ran, String>> + Send;

    /// The same for a script with these arguments, whatever they contain, and this standard input.
    fn run_script(
        &self,
        script: &str,
        args: &[&str],
        stdin: Vec<u8>,
        root: bool,
        timeout: Duration,
    ) -> impl Future<Output = Result<Ran, String>> + Send {
        let (line, stdin) = prepared(script, args, stdin);
        async move { self.run(&line, stdin, root, timeout).await }
    }

    /// Puts a file at `path`, complete or not at all.
    fn upload(
        &self,
        data: Arc<Vec<u8>>,
        path: &str,
        mode: u32,
        root: bool,
        progress: Progress,
    ) -> impl Future<Output = Result<(), String>> + Send {
        let files = vec![(path.to_owned(), data)];
        let done = self.upload_files(files, mode, root, progress, UploadOptions::default());
        async { done.await.map(drop) }
    }

    /// The same with several files of one folder, and with the options of `UploadOptions`. The
    /// first file is put in its place last. Returns the output of the command.
    fn upload_files(
        &self,
        files: Vec<(String, Arc<Vec<u8>>)>,
        mode: u32,
        root: bool,
        progress: Progress,
        options: UploadOptions,
    ) -> impl Future<Output = Result<String, String>> + Send;

    /// Whether commands can be run as root.
    fn can_root(&self) -> bool;
}

/// What the command of an upload does in addition.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Writes nothing if the same files are already there.
    pub unless_there: bool,
    /// A script that runs when the files are in their places. Its output and status are those of
    /// the command.
    pub after: String,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; 128 and more where a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// The longest script that goes by the command line, bytes: dropbear takes 9,000 with all the
/// quoting, and ends the connection at more.
const BY_COMMAND_LINE: usize = 2_000;

/// The most that stands in a long script as what it reads itself, bytes. More follows the script,
/// which is then read byte by byte: two system calls of the host's for each.
const WITH_SCRIPT: usize = 64 * 1024;

/// A shell command line that runs `script` with these arguments, whatever they contain, and its
/// standard input: a long script stands there, with what the script itself reads. A script that was
/// cut off on its way does nothing.
pub(in crate::world) fn prepared(script: &str, args: &[&str], stdin: Vec<u8>) -> (String, Vec<u8>) {
    if script.len() <= BY_COMMAND_LINE {
        return (command_line(script, args), stdin);
    }
    let whole = format!("{{\n{script}\n}}");
    if let Some(text) = with_input(&whole, &stdin) {
        let line = command_line(r#"eval "$(cat)""#, args);
        return (line, text.as_bytes().to_vec());
    }
    // Byte by byte, so that nothing is taken of what follows.
    let read = format!(r#"eval "$(dd bs=1 count={} 2>/dev/null)""#, whole.len());
    let input = [whole.as_bytes(), &stdin].concat();
    (command_line(&read, args), input)
}

/// A script that has these arguments and this input in itself; `None` where the input is not text,
/// or too long for that.
pub(in crate::world) fn in_itself(
    script: &str,
    args: &[&str],
    stdin: &[u8],
) -> Option<Zeroizing<String>> {
    let text = with_input(&format!("{{\n{script}\n}}"), stdin)?;
    Some(Zeroizing::new(command_line(&text, args)))
}

/// A whole script with its input before it.
fn with_input(whole: &str, stdin: &[u8]) -> Option<Zeroizing<String>> {
    if stdin.len() > WITH_SCRIPT || stdin.contains(&0) {
        return None;
    }
    match str::from_utf8(stdin).ok()? {
        "" => Some(Zeroizing::new(whole.to_owned())),
        // The shell itself ends it with a line break.
        given => {
            let given = Zeroizing::new(single_quoted(given.strip_suffix('\n')?));
            let given = given.as_str();
            Some(Zeroizing::new(format!(
                "replctl_given={given}\n{GIVE} | {whole}"
            )))
        }
    }
}

/// Prints `$replctl_given`, which may be a secret, and so is never an argument of a program: a
/// shell may lack a `printf` of its own.
const GIVE: &str = r#"if [ "$(command -v printf)" = printf ]; then printf '%s\n' "$replctl_given"; else cat <<replctl_end
$replctl_given
replctl_end
fi"#;

/// A shell command line that runs `script` with these arguments, whatever they contain; in the
/// shell that reads it, which does nothing else.
pub(in crate::world) fn command_line(script: &str, args: &[&str]) -> String {
    format!("set --{}\n{script}", quoted(args))
}

fn quoted(args: &[&str]) -> String {
    args.iter()
        .flat_map(|arg| [" ".to_owned(), single_quoted(arg)])
        .collect()
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "'\\''"))
}

/// Runs a script, as root if that is possible. Returns its standard output, or one sentence with
/// the last lines of its output.
async fn script(
    shell: &impl Shell,
    script: &str,
    args: &[&str],
    stdin: Vec<u8>,
    timeout: Duration,
) -> Result<String, String> {
    let root = shell.can_root();
    let ran = shell.run_script(script, args, stdin, root, timeout).await?;
    stdout_or_reason(&ran)
}

/// The same for a script that starts programs of others, which may leave something behind: nothing
/// else is done by the shell that it has.
async fn script_alone(
    shell: &impl Shell,
    script: &str,
    args: &[&str],
    timeout: Duration,
) -> Result<String, String> {
    let (line, stdin) = prepared(script, args, Vec::new());
    stdout_or_reason(&shell.run(&line, stdin, shell.can_root(), timeout).await?)
}

fn stdout_or_reason(ran: &Ran) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ran.status == 0 {
        return Ok(text(&ran.stdout));
    }
    let said = [text(&ran.stderr), text(&ran.stdout)]
        .into_iter()
        .find(|s| !s.trim().is_empty());
    Err(match said {
        Some(said) => last_lines(&said, 12),
        None => format!("it ended with status {} and said nothing", ran.status),
    })
}

/// The same where both outputs have the reason: what acted as another user has them as one.
fn from_both_outputs(ran: &Ran) -> Result<String, String> {
    let mut all = ran.stderr.clone();
    if ran.status != 0 && !all.is_empty() {
        if !all.ends_with(b"\n") {
            all.push(b'\n');
        }
        all.extend_from_slice(&ran.stdout);
        return stdout_or_reason(&Ran {
            stderr: all,
            ..ran.clone()
        });
    }
    stdout_or_reason(ran)
}

/// The last `count` lines that are not empty, as one line.
fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|l| !l.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join(" / ")
}

#[cfg(test)]
mod tests;
