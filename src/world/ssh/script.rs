//! What is put around a command: a plain shell whatever the login shell is, sudo, and the marks by
//! which its beginning is recognised. Pure text. No secret ever enters a command line.
//!
//! The marks matter for four reasons: what the host's rc files print is not taken for the command's
//! output; sudo gets the password only after it has asked for it, and the command's standard input
//! only after it has started, so that neither can reach the wrong reader; and the process group is
//! known, so that a command out of time can be stopped.

/// How a command becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Not at all: it need not, or the login is root.
    Direct,
    /// `sudo -n`.
    SudoFree,
    /// `sudo -S`, with the password on standard input when it asks.
    SudoPassword,
    /// `doas -n`.
    DoasFree,
}

/// What the shell of a command is called where nothing else is wanted.
pub(super) const SHELL: &str = "/bin/sh";

/// The longest command line; what is longer belongs on standard input. libssh2 packets end at
/// 40,000 bytes.
pub(super) const LONGEST: usize = 30_000;

/// The command line to execute, with `mark` (a word that occurs nowhere else) at its beginning.
/// `name` is what its shell is called among the processes of the host.
pub(super) fn command_line(command: &str, way: Way, mark: &str, name: &str) -> String {
    // Administrators' programs are in sbin, which the path of an ordinary user's login lacks. The
    // process group is ours only if our shell (or the sudo above it) leads it: dropbear runs
    // commands in its own group.
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
            "exec {}",
            by_sh(name, &format!("LC_ALL=C; export LC_ALL\n{script}"))
        ),
        Way::SudoFree => format!("exec env LC_ALL=C sudo -n -- {}", by_sh(name, &script)),
        Way::SudoPassword => format!(
            "exec env LC_ALL=C sudo -S -p {} -- {}",
            quote(&prompt(mark)),
            by_sh(name, &script)
        ),
        // It drops the environment.
        Way::DoasFree => format!(
            "exec env LC_ALL=C doas -n -- {}",
            by_sh(name, &format!("LC_ALL=C; export LC_ALL\n{script}"))
        ),
    }
}

/// Puts a script together again from its pieces, and runs it: `-` begins a line, `+` goes on with
/// it. Without line breaks, backslashes and `!`, which the shells that take this line read
/// differently; and without a process of its own.
const TOGETHER: &str = r#"replctl_s=;replctl_n=${IFS#??};for replctl_l do case $replctl_l in +*) replctl_s=$replctl_s${replctl_l#+};; *) replctl_s=$replctl_s$replctl_n${replctl_l#-};; esac;done;set --;eval "$replctl_s""#;

/// The longest piece, in bytes: the oldest csh takes words of 1024.
const PIECE: usize = 600;

/// A script as arguments of a command line that sh, bash, zsh, csh, tcsh and fish read alike.
fn by_sh(name: &str, script: &str) -> String {
    let mut line = format!("/bin/sh -c '{TOGETHER}' {}", for_any_shell("", name));
    for text in script.trim_end_matches('\n').split('\n') {
        let (mut rest, mut begins) = (text, "-");
        loop {
            let mut end = rest.len().min(PIECE);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            line.push(' ');
            line.push_str(&for_any_shell(begins, &rest[..end]));
            (rest, begins) = (&rest[end..], "+");
            if rest.is_empty() {
                break;
            }
        }
    }
    line
}

/// A word that every shell reads alike: single quotes, and what is special inside them somewhere (a
/// quote, fish's backslash, csh's `!`) between them, after a backslash. It begins with `first`.
fn for_any_shell(first: &str, text: &str) -> String {
    let mut word = format!("'{first}");
    for c in text.chars() {
        match c {
            '\'' | '\\' | '!' => word.extend(['\'', '\\', c, '\'']),
            c => word.push(c),
        }
    }
    word.push('\'');
    word
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
        RunsAs::Process(pid) => pid.to_string(),
    };
    let (how, below) = match what {
        RunsAs::Group(_) => ("", ""),
        RunsAs::Process(_) => (BELOW, "below; "),
    };
    format!(
        "{how}w={who}; {below}kill -TERM $w 2>/dev/null && {{ sleep 0.3 2>/dev/null || sleep 1; {below}kill -KILL $w 2>/dev/null; }}; :"
    )
}

/// The same later, over another connection: only where the command line has `mark`, since another
/// process may have that number by now. It fails where what it began may go on without it, also
/// where it has ended and nobody has taken note of that.
pub(super) fn stop_marked(what: RunsAs, mark: &str) -> String {
    let (RunsAs::Group(id) | RunsAs::Process(id)) = what;
    format!(
        "if grep -q {mark} /proc/{id}/cmdline 2>/dev/null; then {}; elif ! grep -q . /proc/{id}/cmdline 2>/dev/null && kill -0 -{id} 2>/dev/null; then exit 1; fi",
        stop(what)
    )
}

/// Adds to `$w` what these processes have begun, and what that has: of a process that leads no
/// group. A kernel need not have `children` in /proc, so each process is asked for its parent.
const BELOW: &str = r#"below() {
all=
for s in /proc/[0-9]*; do
while read -r k v; do if [ "$k" = PPid: ]; then all="$all $v:${s#/proc/}"; break; fi; done <"$s/status"
done 2>/dev/null
l=$w
for n in 1 2 3 4 5 6 7 8 9; do
c=
for p in $l; do for s in $all; do case $s in "$p":*) case " $w $c " in *" ${s#*:} "*) ;; *) c="$c ${s#*:}" ;; esac ;; esac; done; done
w="$w $c" l=$c
[ -n "$c" ] || break
done
}
"#;

/// Quoted for `sh`.
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
    // The host wrote something else there than our script does: it is not to be trusted with a
    // guess.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Stops what a shell has begun that leads no group of its own; whether it, and that, is gone.
    fn stopped(by: impl Fn(RunsAs) -> String) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("below");
        let begun =
            "sh -c 'sleep 300 & echo $! >below.new; mv below.new below; wait' child-mark & wait";
        let mut shell = Command::new("sh")
            .args(["-c", begun, "shell-mark"])
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        while !file.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let below = std::fs::read_to_string(&file).unwrap();
        let status = format!("/proc/{}/status", below.trim());
        let runs = || {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            !text.is_empty() && !text.contains("State:\tZ")
        };
        assert!(runs());
        let stop = by(RunsAs::Process(shell.id()));
        let done = Command::new("sh").args(["-c", &stop]).status().unwrap();
        assert!(done.success());
        let gone = !runs();
        let ended = shell.try_wait().unwrap().is_some();
        let _ = shell.kill();
        let _ = shell.wait();
        let _ = Command::new("kill").args(["-9", below.trim()]).output();
        assert_eq!(gone, ended);
        gone
    }

    #[test]
    fn a_process_without_a_group_is_stopped_with_what_it_has_begun() {
        assert!(stopped(stop));
        assert!(stopped(|it| stop_marked(it, "shell-mark")));
        // Another process has the number by now.
        assert!(!stopped(|it| stop_marked(it, "other-mark")));
    }

    /// Its leader has ended, and its parent takes no note of that: others of its group go on.
    #[test]
    fn a_group_whose_leader_is_a_zombie_is_not_taken_for_stopped() {
        use std::os::unix::process::CommandExt as _;
        let mut leader = Command::new("sh")
            .args(["-c", "sleep 300 & exit 0", "gone-mark"])
            .process_group(0)
            .spawn()
            .unwrap();
        let id = leader.id();
        let status = format!("/proc/{id}/status");
        while !std::fs::read_to_string(&status)
            .unwrap()
            .contains("State:\tZ")
        {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let stop = stop_marked(RunsAs::Group(id), "gone-mark");
        let done = Command::new("sh").args(["-c", &stop]).status().unwrap();
        let _ = Command::new("kill")
            .args(["-9", "--", &format!("-{id}")])
            .status();
        leader.wait().unwrap();
        assert!(!done.success());
    }

    #[test]
    fn every_login_shell_runs_the_same_command() {
        // All that any of them reads in a way of its own, a line longer than a word of csh, an
        // empty line, and a line that begins as a piece does.
        let odd = r#"a'b"c\d\e!!f!1 $HOME `id` ~ * {x,y} %1 ^a^b # 
 é 数 "#;
        let long = "long ".repeat(700);
        let command = format!(
            "cat <<'end'\n{odd}\n\n-+{long}\n!!\nend\nprintf '%s|' $# \"$0\" \"$LC_ALL\"; exit 7"
        );
        let wanted = format!("{odd}\n\n-+{long}\n!!\n0|/bin/sh|C|");
        let line = command_line(&command, Way::Direct, "mark", SHELL);
        // A shell may make folders in its home.
        let home = tempfile::tempdir().unwrap();
        let mut tried = Vec::new();
        for shell in [
            "sh", "bash", "zsh", "busybox", "csh", "bsd-csh", "tcsh", "fish",
        ] {
            let mut run = Command::new(shell);
            if shell == "busybox" {
                run.arg("sh");
            }
            let Ok(out) = run.args(["-c", &line]).env("HOME", home.path()).output() else {
                continue;
            };
            tried.push(shell);
            let said = String::from_utf8_lossy(&out.stdout);
            let text = said.strip_prefix("mark\n").unwrap_or(&said);
            assert_eq!(
                text,
                wanted,
                "{shell}: {}",
                String::from_utf8_lossy(&out.stderr)
            );
            assert_eq!(out.status.code(), Some(7), "{shell}");
        }
        for must in ["tcsh", "fish"] {
            assert!(
                tried.contains(&must) || std::env::var_os("CI").is_none(),
                "{must} is not installed: {tried:?}"
            );
        }
    }
}
