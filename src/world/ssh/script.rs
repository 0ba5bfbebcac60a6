//! What is put around a command: a plain shell whatever the login shell is, sudo, and the marks by which its beginning is recognised.
//! Pure text. No secret ever enters a command line.
//!
//! The marks matter for four reasons: what the host's rc files print is not taken for the command's output; sudo gets the password only
//! after it has asked for it, and the command's standard input only after it has started, so that neither can reach the wrong reader;
//! and the process group is known, so that a command out of time can be stopped.

/// How a command becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Not at all: it need not, or the login is root.
    Direct,
    /// `sudo -n`.
    SudoFree,
    /// `sudo -S`, with the password on standard input when it asks.
    SudoPassword,
}

/// The longest command line; what is longer belongs on standard input. libssh2 packets end at 40,000 bytes.
pub(super) const LONGEST: usize = 30_000;

/// The command line to execute, with `mark` (a word that occurs nowhere else) at its beginning.
pub(super) fn command_line(command: &str, way: Way, mark: &str) -> String {
    // Administrators' programs are in sbin, which the path of an ordinary user's login lacks.
    // The process group is ours only if our shell (or the sudo above it) leads it: dropbear runs commands in its own group.
    let leader = if way == Way::Direct { "$$" } else { "$$|$PPID" };
    let script = format!(
        "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH\n\
         read -r _ _ _ _ replctl_g _ 2>/dev/null </proc/$$/stat\n\
         case $replctl_g in {leader}) replctl_g=-$replctl_g;; *) replctl_g=$$; esac\n\
         echo {mark}; echo \"{mark} $replctl_g\" >&2; unset replctl_g\n\
         {command}\n"
    );
    // LC_ALL: the words of sudo and of the system's programs are looked at.
    match way {
        // Not by `env`, which is one more program to start.
        Way::Direct => format!(
            "exec /bin/sh -c {}",
            quote(&format!("LC_ALL=C; export LC_ALL\n{script}"))
        ),
        Way::SudoFree => format!("exec env LC_ALL=C sudo -n -- /bin/sh -c {}", quote(&script)),
        Way::SudoPassword => format!(
            "exec env LC_ALL=C sudo -S -p {} -- /bin/sh -c {}",
            quote(&prompt(mark)),
            quote(&script)
        ),
    }
}

/// What sudo asks with.
pub(super) fn prompt(mark: &str) -> String {
    format!("{mark}:password?")
}

/// What to stop to stop a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunsAs {
    /// A process group of its own.
    Group(u32),
    /// Only its shell is known.
    Process(u32),
}

/// The command that stops another one, first gently.
pub(super) fn stop(what: RunsAs) -> String {
    let who = match what {
        RunsAs::Group(group) => format!("-{group}"),
        RunsAs::Process(pid) => format!("{pid} $(cat /proc/{pid}/task/{pid}/children 2>/dev/null)"),
    };
    format!(
        "w=\"{who}\"; kill -TERM $w 2>/dev/null && {{ sleep 0.3 2>/dev/null || sleep 1; kill -KILL $w 2>/dev/null; }}; :"
    )
}

/// Quoted for any shell: single quotes, which even csh and fish read alike.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What the beginning of standard error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// Nothing yet.
    Nothing,
    /// sudo asks; the number of bytes up to the end of its question.
    Password(usize),
    /// The command runs; the number of bytes up to the end of the mark.
    Started(RunsAs, usize),
}

/// Looks for the mark or sudo's question in the beginning of standard error.
pub(super) fn opening(text: &[u8], mark: &str) -> Opening {
    let question = prompt(mark);
    if let Some(at) = find(text, question.as_bytes()) {
        return Opening::Password(at + question.len());
    }
    let start = format!("{mark} ");
    let Some(at) = find(text, start.as_bytes()) else {
        return Opening::Nothing;
    };
    let after = &text[at + start.len()..];
    let Some(length) = after.iter().position(|b| *b == b'\n') else {
        return Opening::Nothing;
    };
    let word = std::str::from_utf8(&after[..length])
        .unwrap_or_default()
        .trim();
    let runs_as = match word.strip_prefix('-') {
        Some(group) => group.parse().ok().filter(|g| *g > 1).map(RunsAs::Group),
        None => word.parse().ok().filter(|p| *p > 1).map(RunsAs::Process),
    };
    // The host wrote something else there than our script does: it is not to be trusted with a guess.
    runs_as.map_or(Opening::Nothing, |runs_as| {
        Opening::Started(runs_as, at + start.len() + length + 1)
    })
}

/// Where the command's own standard output begins.
pub(super) fn output_begins(text: &[u8], mark: &str) -> Option<usize> {
    let line = format!("{mark}\n");
    find(text, line.as_bytes()).map(|at| at + line.len())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}
