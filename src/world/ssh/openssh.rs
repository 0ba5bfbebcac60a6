//! Asks `ssh -G` what the user's configuration says of a host: once for all hosts with the same
//! answer, and with no more processes at a time than this machine has processors.

use super::Options;
use super::ask::lock;
use super::error::{SshError, SshErrorKind};
use super::program::{self, Unended, too_much};
use super::same::{self, Sameness};
use crate::inventory::SshSettings;
use crate::world::busy::patience;
use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long `ssh -G` may take on a machine that does nothing else: it runs the commands of
/// `Match exec`, for which ssh itself has no limit.
const TIME: Duration = Duration::from_mins(1);

/// The answer for several hosts that may share one.
enum Shared {
    /// Nobody has asked yet.
    Open,
    /// The answer, and the host for which it was given.
    Same(String, String),
    /// The answer depends on the host.
    Each,
    /// Why there is no answer, the host of the question, and when that was known. It counts for
    /// those who were waiting then.
    Failed(String, String, Instant),
}

/// The answers of this process. The key holds everything from which the answer comes.
static ANSWERS: Mutex<Option<HashMap<Sameness, Arc<Mutex<Shared>>>>> = Mutex::new(None);

/// The output of `ssh -G`, or `None` where OpenSSH's client is not installed.
///
/// # Errors
/// `Config`: `ssh` reports an error, or does not answer in time.
pub(super) fn ask(
    options: &Options,
    settings: &SshSettings,
    host: &str,
) -> Result<Option<String>, SshError> {
    let config = options.ssh_config.as_deref();
    let Some(sameness) = same::sameness(config, settings, host) else {
        return ask_alone(options, settings, host)
            .map_err(|why| failed(&why, host, host, settings));
    };
    let place = {
        let mut answers = lock(&ANSWERS);
        let answers = answers.get_or_insert_default();
        Arc::clone(
            answers
                .entry(sameness)
                .or_insert_with(|| Arc::new(Mutex::new(Shared::Open))),
        )
    };
    share(&place, host, settings, || {
        ask_alone(options, settings, host)
    })
}

/// Asks with `ask`, or takes the answer that another caller has got at the same place.
fn share(
    place: &Mutex<Shared>,
    host: &str,
    settings: &SshSettings,
    ask: impl FnOnce() -> Answer,
) -> Result<Option<String>, SshError> {
    let begun = Instant::now();
    // Held while one asks: the others wait for its answer.
    let mut shared = lock(place);
    match &*shared {
        Shared::Same(text, of) => return Ok(Some(same::for_host(text, of, host))),
        Shared::Each => {
            drop(shared);
            return ask().map_err(|why| failed(&why, host, host, settings));
        }
        Shared::Failed(why, of, at) if begun <= *at => return Err(failed(why, of, host, settings)),
        Shared::Failed(..) | Shared::Open => {}
    }
    let answer = match ask() {
        Ok(answer) => answer,
        Err(why) => {
            let error = failed(&why, host, host, settings);
            *shared = Shared::Failed(why, host.to_owned(), Instant::now());
            return Err(error);
        }
    };
    if let Some(text) = &answer {
        *shared = if same::depends_on(text, host) {
            Shared::Each
        } else {
            Shared::Same(text.clone(), host.to_owned())
        };
    }
    Ok(answer)
}

/// One turn. There are as many turns as processors.
struct Turn;

/// Turns that are taken.
static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let most = std::thread::available_parallelism().map_or(2, usize::from);
        let mut taken = lock(&TAKEN);
        while *taken >= most {
            taken = FREED.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *lock(&TAKEN) -= 1;
        FREED.notify_one();
    }
}

/// The output of `ssh -G`, `None` where OpenSSH's client is not installed, or why there is none.
type Answer = Result<Option<String>, String>;

/// The error that there is no answer about `host`. `asked` is the host of the question.
fn failed(why: &str, asked: &str, host: &str, settings: &SshSettings) -> SshError {
    let as_asked = SshSettings {
        host: Some(asked.to_owned()),
        user: settings.user.clone(),
        port: settings.port,
        ..SshSettings::default()
    };
    let same = if asked == host {
        ""
    } else {
        ", for which the configuration says the same"
    };
    SshError::new(
        SshErrorKind::Config,
        format!("`ssh -G {asked}` does not tell how to reach {host}{same}"),
    )
    .cause(why)
    .hint(format!(
        "run `{}` and correct what it names in ~/.ssh/config",
        as_asked.command(asked).replacen("ssh", "ssh -G", 1)
    ))
}

/// The last host without an answer in time, and when that was known. It counts for those who were
/// waiting for their turn then: each of them would wait as long, a few at a time.
static LATE: Mutex<Late> = Mutex::new(None);

type Late = Option<(String, Instant)>;

fn note_late(late: &Mutex<Late>, host: &str, why: &str) {
    *lock(late) = Some((format!("`ssh -G {host}`: {why}"), Instant::now()));
}

/// Why replctl does not ask about a host that has waited since `begun`.
fn late_since(late: &Mutex<Late>, begun: Instant) -> Option<String> {
    let late = lock(late);
    let (why, at) = late.as_ref()?;
    (begun <= *at).then(|| why.clone())
}

/// Asks about one host, when it is its turn.
fn ask_alone(options: &Options, settings: &SshSettings, host: &str) -> Answer {
    let begun = Instant::now();
    let _turn = Turn::take();
    if let Some(why) = late_since(&LATE, begun) {
        return Err(why);
    }
    let time = patience(TIME);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match program::run(openssh(options, settings, host), time) {
        Ok(ended) if ended.status.success() && ended.out.is_empty() => {
            Err("it ended without any output".to_owned())
        }
        Ok(ended) if ended.status.success() => Ok(Some(text(ended.out))),
        Ok(ended) => Err(text(ended.err)),
        Err(Unended::Unstarted(e)) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(Unended::Unstarted(e)) => Err(e.to_string()),
        Err(Unended::Late) => {
            let why = format!("no answer within {} s", time.as_secs());
            note_late(&LATE, host, &why);
            Err(why)
        }
        Err(Unended::TooMuch) => Err(too_much()),
    }
}

fn openssh(options: &Options, settings: &SshSettings, host: &str) -> Command {
    let mut command = Command::new("ssh");
    command.arg("-G");
    if let Some(file) = &options.ssh_config {
        command.arg("-F").arg(file);
    }
    if let Some(user) = &settings.user {
        command.arg("-l").arg(user);
    }
    if let Some(port) = settings.port {
        command.arg("-p").arg(port.to_string());
    }
    command.arg("--").arg(host);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_failure_counts_for_those_that_wait_for_it_and_for_nobody_later() {
        let place = Mutex::new(Shared::Open);
        let asked = AtomicUsize::new(0);
        let ask = || {
            asked.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(500));
            Err("Bad configuration option: x".to_owned())
        };
        let all = |hosts: &[&str]| -> Vec<String> {
            std::thread::scope(|scope| {
                let threads: Vec<_> = hosts
                    .iter()
                    .map(|host| {
                        scope.spawn(|| share(&place, host, &SshSettings::default(), ask).err())
                    })
                    .collect();
                threads
                    .into_iter()
                    .filter_map(|t| t.join().ok().flatten())
                    .map(|e| e.to_string())
                    .collect()
            })
        };
        let said = all(&["db1", "db2", "db3"]);
        assert_eq!((said.len(), asked.load(Ordering::Relaxed)), (3, 1));
        for (said, host) in said.iter().zip(["db1", "db2", "db3"]) {
            assert!(said.contains(&format!("reach {host}")), "{said}");
        }
        let others = said.iter().filter(|s| s.contains("says the same"));
        assert_eq!(others.count(), 2, "{said:?}");
        all(&["db4"]);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
    #[test]
    fn those_that_wait_for_their_turn_share_a_time_out_and_nobody_later() {
        let before = Instant::now();
        let late = Mutex::new(None);
        assert_eq!(late_since(&late, before), None);
        note_late(&late, "db1", "no answer within 60 s");
        let why = late_since(&late, before);
        assert_eq!(why.as_deref(), Some("`ssh -G db1`: no answer within 60 s"));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(late_since(&late, Instant::now()), None);
    }
}
