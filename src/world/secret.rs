//! Reads a secret from where the inventory says it is, and makes new ones. A secret is never
//! printed, and never an argument of a command.

use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::SecretSource;
use crate::inventory::deployment::password_trouble;
use crate::output;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// How long the command or the file may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than this is read from no source.
const LARGEST: u64 = 64 << 10;
/// Letters and digits only: they need quoting nowhere. 40 of them are 238 bits.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LENGTH: usize = 40;
const ONCE: &str = "password of the servers";
const AGAIN: &str = "the same password again, because the servers will get it";

/// Reads a secret; its first line, where it comes from a file or a command. `base` is the folder
/// relative files are meant from; `ask` says whether the operator may be asked.
///
/// # Errors
/// [`Exit::Refused`] if it cannot be read, if others can read its file, or if the servers do not
/// take it as a password.
pub async fn read(source: &SecretSource, base: &Path, ask: bool) -> Result<SecretString> {
    let (secret, from) = match source {
        SecretSource::Env(name) => (env(name), format!("the environment variable `{name}`")),
        SecretSource::File(file) => {
            let path = base.join(file);
            let from = format!("the password file `{}`", path.display());
            (read_file(path).await, from)
        }
        SecretSource::Command(line) => (
            command(line, base).await,
            format!("the password command `{line}`"),
        ),
        SecretSource::Prompt => (prompt(ask, ONCE).await, "the terminal".to_owned()),
        SecretSource::Inline(secret) => (Ok(secret.clone()), "the inventory".to_owned()),
    };
    let secret = secret.map_err(|problem| problem.exit(Exit::Refused).because(Reason::Secret))?;
    match password_trouble(secret.expose_secret()) {
        Some(wrong) => Err(Problem::new(format!("the password from {from} {wrong}"))
            .because(Reason::Secret)
            .exit(Exit::Refused)),
        None => Ok(secret),
    }
}

/// A new password of 40 letters and digits from the system's random numbers.
///
/// # Errors
/// Where the system has none to give.
pub fn generate() -> Result<SecretString> {
    let mut password = Zeroizing::new(String::with_capacity(LENGTH));
    let mut bytes = Zeroizing::new([0_u8; 64]);
    let mut random = File::open("/dev/urandom").map_err(|error| no_random(&error))?;
    while password.len() < LENGTH {
        random
            .read_exact(bytes.as_mut_slice())
            .map_err(|error| no_random(&error))?;
        // The bytes from 248 on would make some letters likelier than others.
        let fair = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < 4 * LETTERS.len());
        let wanted = LENGTH - password.len();
        password.extend(
            fair.map(|byte| char::from(LETTERS[byte % LETTERS.len()]))
                .take(wanted),
        );
    }
    Ok(SecretString::from(password.as_str()))
}

fn no_random(error: &io::Error) -> crate::error::Error {
    Problem::new("cannot generate a password: the system gives no random numbers")
        .cause(error)
        .exit(Exit::Failed)
}

/// A secret, or why there is none.
type Had = std::result::Result<SecretString, Problem>;

fn env(name: &str) -> Had {
    let hint = format!("read -rs {name} && export {name}");
    match std::env::var(name) {
        Ok(value) => Ok(SecretString::from(value)),
        Err(std::env::VarError::NotPresent) => Err(Problem::new(format!(
            "the environment variable `{name}` for the password is not set"
        ))
        .hint(hint)),
        Err(std::env::VarError::NotUnicode(_)) => Err(Problem::new(format!(
            "the environment variable `{name}` for the password is not UTF-8 text"
        ))
        .hint(hint)),
    }
}

async fn read_file(path: PathBuf) -> Had {
    let shown = path.display().to_string();
    let reading = tokio::task::spawn_blocking(move || file(&path));
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(secret)) => secret,
        Ok(Err(error)) => {
            Err(Problem::new(format!("cannot read the password file `{shown}`")).cause(error))
        }
        Err(_) => Err(Problem::new(format!(
            "cannot read the password file `{shown}`: it gave nothing within {} seconds",
            PATIENCE.as_secs()
        ))),
    }
}

fn file(path: &Path) -> Had {
    let what = "the password file";
    let file = open_private(path, what).map_err(|problem| {
        if path.exists() {
            problem
        } else {
            problem.hint("`replctl init` writes a new inventory together with its password file")
        }
    })?;
    let mut bytes = Zeroizing::new(Vec::new());
    let cannot = |error: io::Error| {
        Problem::new(format!("cannot read {what} `{}`", path.display())).cause(error)
    };
    file.take(LARGEST).read_to_end(&mut bytes).map_err(cannot)?;
    first_line(&bytes)
        .ok_or_else(|| Problem::new(format!("{what} `{}` is not UTF-8 text", path.display())))
}

/// Opens a file that nobody else may read. `what` is how messages call it.
pub(super) fn open_private(path: &Path, what: &str) -> std::result::Result<File, Problem> {
    let cannot = |error: io::Error| {
        Problem::new(format!("cannot read {what} `{}`", path.display())).cause(error)
    };
    // Non-blocking: a pipe must not make us wait for a writer. The checks are on the opened file.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(cannot)?;
    let about = file.metadata().map_err(cannot)?;
    let shown = path.display().to_string();
    let quoted =
        shlex::try_quote(&shown).map_or_else(|_| shown.clone(), std::borrow::Cow::into_owned);
    if !about.is_file() {
        return Err(Problem::new(format!("{what} `{shown}` is no regular file")));
    }
    if about.mode() & 0o077 != 0 {
        let open = format!(
            "{what} `{shown}` is open to others: its mode is {:04o}",
            about.mode() & 0o7777
        );
        return Err(Problem::new(open).hint(format!("chmod 600 {quoted}")));
    }
    if about.uid() != 0 && about.uid() != effective_uid() {
        let foreign = format!(
            "{what} `{shown}` belongs to another user (uid {})",
            about.uid()
        );
        return Err(Problem::new(foreign).hint(format!("chown \"$(id -u)\" {quoted}")));
    }
    Ok(file)
}

/// Who we are to the file system.
#[allow(unsafe_code)]
fn effective_uid() -> u32 {
    // SAFETY: it takes nothing, changes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Without the byte-order mark that some editors put before a text.
fn first_line(bytes: &[u8]) -> Option<SecretString> {
    let line = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    std::str::from_utf8(line).ok().map(SecretString::from)
}

async fn command(line: &str, base: &Path) -> Had {
    let cannot = || format!("cannot get the password from the command `{line}`");
    let failed = |error: io::Error| Problem::new(cannot()).cause(error);
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(line)
        .current_dir(base)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async { tokio::try_join!(all(stdout), all(stderr), child.wait()) };
    let Ok(ended) = tokio::time::timeout(PATIENCE, work).await else {
        let what = format!(
            "{}: it did not end within {} seconds",
            cannot(),
            PATIENCE.as_secs()
        );
        return Err(Problem::new(what).hint("run it once by hand: it may be waiting for an answer"));
    };
    let (out, err, status) = ended.map_err(failed)?;
    if !status.success() {
        let problem = Problem::new(format!("{}: it ended with {status}", cannot()));
        let last = String::from_utf8_lossy(&err)
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .map(str::to_owned);
        return Err(match last {
            Some(last) => problem.cause(last),
            None => problem,
        });
    }
    first_line(&out)
        .ok_or_else(|| Problem::new(format!("{}: it prints what is not UTF-8 text", cannot())))
}

/// Everything in a stream. Bytes beyond the largest size are read and dropped, so that the writer
/// does not block.
async fn all(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(mut stream) = stream {
        (&mut stream).take(LARGEST).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

/// Asks for the servers' password a second time, if the servers will get the typed password.
///
/// # Errors
/// [`Exit::Refused`] if the two differ, or if the operator cannot be asked.
pub async fn again(first: &SecretString) -> Result<()> {
    let second = prompt(true, AGAIN)
        .await
        .map_err(|p| p.exit(Exit::Refused).because(Reason::Secret))?;
    if same(first, &second) {
        return Ok(());
    }
    let what = "the two passwords that were typed are not the same; nothing was touched";
    Err(Problem::new(what)
        .because(Reason::Secret)
        .hint("replctl setup, and type it again")
        .exit(Exit::Refused))
}

fn same(first: &SecretString, second: &SecretString) -> bool {
    first.expose_secret() == second.expose_secret()
}

async fn prompt(ask: bool, question: &'static str) -> Had {
    if !ask || !output::can_ask() {
        let what = "the inventory wants the password to be asked for, and there is nobody to ask";
        return Err(Problem::new(what).hint("run it on a terminal, or use `password = { env = \"…\" }` or `{ file = \"…\" }` in the inventory"));
    }
    let asking = tokio::task::spawn_blocking(move || {
        let question = dialoguer::Password::new()
            .with_prompt(question)
            .report(false);
        output::ask(|| question.interact()).inspect_err(|_| output::unanswered())
    });
    match asking.await {
        Ok(Ok(password)) => Ok(SecretString::from(password)),
        Ok(Err(error)) => Err(Problem::new("cannot ask for the password").cause(error)),
        Err(error) => Err(Problem::new("cannot ask for the password").cause(error)),
    }
}

#[cfg(test)]
mod tests;
