//! One child process in a group of its own: its standard input, its output, its end, and that it
//! does end.

use super::line;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

/// How much of the end of the output is kept, bytes.
const KEPT: usize = 16 * 1024;
/// How many lines of it.
const LINES: usize = 40;
/// The longest line that is kept whole, characters.
const WIDEST: usize = 400;
/// How long a group may take to end when it is asked to, before it is killed.
const GRACE: Duration = Duration::from_millis(500);
/// How long the last output of an ended child may take to arrive. A process that it left behind may
/// hold the pipe open forever.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long a killed child may take to go.
const GOING: Duration = Duration::from_secs(2);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With that exit status.
    Exited(i32),
    /// By that signal, which was not ours.
    Signalled(i32),
    /// It took too long, and its group was ended.
    TimedOut,
    /// The operator pressed Ctrl-C, and its group was ended.
    Interrupted,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// The last lines of its output and its errors, as they came, escaped.
    pub output: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Runs it to its end, for at most `within`.
pub async fn run(mut command: Command, told: Vec<u8>, within: Duration) -> std::io::Result<Ran> {
    let begun = Instant::now();
    // Before the child is started: a Ctrl-C while it starts counts, too.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let (reader, writer) = std::io::pipe()?;
    let mut said = Receiver::from_owned_fd(reader.into())?;
    command
        .stdin(Stdio::piped())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    // It holds the writing ends.
    drop(command);
    let group = child.id();
    let telling = tell(child.stdin.take(), told);
    tokio::pin!(telling);
    let deadline = sleep(within);
    tokio::pin!(deadline);
    let (mut tail, mut is_told, mut open) = (Vec::new(), false, true);
    let end = loop {
        tokio::select! {
            read = read_some(&mut said, &mut tail), if open => open = read,
            () = &mut telling, if !is_told => is_told = true,
            status = child.wait() => break ended(status?),
            () = &mut deadline => break End::TimedOut,
            _ = interrupts.recv() => break End::Interrupted,
        }
    };
    if matches!(end, End::TimedOut | End::Interrupted) {
        stop(&mut child, group).await;
    }
    let rest = async { while read_some(&mut said, &mut tail).await {} };
    let _ = timeout(LAST_WORDS, rest).await;
    Ok(Ran {
        end,
        output: lines(&tail),
        took: begun.elapsed(),
    })
}

/// It is no failure if a child does not read its input.
async fn tell(stdin: Option<ChildStdin>, told: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(&told).await;
        let _ = stdin.shutdown().await;
    }
}

/// Reads what there is into the kept end of the output; `false` when there will be no more.
async fn read_some(from: &mut Receiver, tail: &mut Vec<u8>) -> bool {
    let mut piece = [0; 4096];
    let Ok(read) = from.read(&mut piece).await else {
        return false;
    };
    tail.extend_from_slice(&piece[..read]);
    let surplus = tail.len().saturating_sub(KEPT);
    tail.drain(..surplus);
    read > 0
}

fn ended(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(signal)) => End::Signalled(signal),
        (None, None) => End::Exited(-1),
    }
}

/// Ends the child's whole group: first with a request, then with a kill. The child is not waited
/// for before that, so that no other process or group can have its number.
async fn stop(child: &mut Child, group: Option<u32>) {
    if let Some(group) = group.and_then(|id| i32::try_from(id).ok()) {
        send(group, libc::SIGTERM);
        sleep(GRACE).await;
        send(group, libc::SIGKILL);
    }
    let _ = timeout(GOING, child.wait()).await;
}

#[allow(unsafe_code)]
fn send(group: i32, signal: i32) {
    // SAFETY: kill(2) with the number of a group that our child leads, and a constant signal; it
    // reads and writes no memory of ours.
    unsafe { libc::kill(-group, signal) };
}

/// The last lines, made safe to keep and to show.
fn lines(tail: &[u8]) -> Vec<String> {
    let all: Vec<&[u8]> = tail.split(|b| *b == b'\n').collect();
    let filled = all.into_iter().map(line).filter(|l| !l.is_empty());
    let mut lines: Vec<String> = filled.map(|l| l.chars().take(WIDEST).collect()).collect();
    lines.split_off(lines.len().saturating_sub(LINES))
}
