//! Who we are on a host, and how we become root there: by sudo, or by doas where there is no sudo.

use super::ask::{Answer, Use, no_sudo_password};
use super::conn::{Cancel, Until};
use super::error::{SshError, SshErrorKind};
use super::exec::Limit;
use super::local;
use super::output::Output;
use super::script::Way;
use super::worker::{Order, Worker};
use crate::world::busy::patience;
use std::sync::Arc;
use std::time::Duration;

/// How long the first look at a host may take.
const LOOK_TIME: Duration = Duration::from_secs(15);

/// The user of the login on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RemoteUser {
    pub uid: u32,
    pub root: Root,
}

/// How the login becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// Neither sudo nor doas is there, or the inventory forbids it.
    Absent,
    /// By sudo, without a password.
    Sudo,
    /// By sudo with a password, perhaps.
    SudoAsks,
    /// sudo wants a terminal.
    SudoOnTerminal,
    /// By doas, without a password.
    Doas,
    /// doas wants a password, which it reads from a terminal only.
    DoasAsks,
    /// doas does not let this user.
    DoasForbids,
}

/// Says who we are, and, where that is not root, how we become it. Each is tried: nothing else
/// tells it truly.
const LOOK: &str = r#"[ "$u" != 0 ] || exit 0
if command -v sudo >/dev/null 2>&1; then
w=$(sudo -n -- /bin/sh -c : 2>&1 </dev/null) && echo sudo || case $w in *"must have a tty"*) echo terminal;; *) echo asks;; esac
elif command -v doas >/dev/null 2>&1; then
w=$(doas -n -- /bin/sh -c : 2>&1 </dev/null) && echo doas || case $w in *"uthentication required"*) echo doas-asks;; *) echo doas-forbids;; esac
else echo absent; fi"#;

impl Root {
    fn read(word: Option<&str>) -> Self {
        match word.map(str::trim) {
            Some("sudo") => Self::Sudo,
            Some("asks") => Self::SudoAsks,
            Some("terminal") => Self::SudoOnTerminal,
            Some("doas") => Self::Doas,
            Some("doas-asks") => Self::DoasAsks,
            Some("doas-forbids") => Self::DoasForbids,
            Some(_) | None => Self::Absent,
        }
    }
}

impl Worker {
    /// Connects, and looks who we are there.
    ///
    /// # Errors
    /// As connecting and running a command.
    pub fn greet(&mut self, cancel: &Cancel) -> Result<RemoteUser, SshError> {
        if let Some(login) = self.login {
            return Ok(login);
        }
        let id = "u=$(id -u); echo \"$u\"";
        let with_root = format!("{id}\n{LOOK}");
        let stays_so = self.target.sudo == Some(false);
        let order = Order {
            script: true,
            ..Order::new(
                if stays_so { id } else { &with_root },
                false,
                Limit::Total(patience(LOOK_TIME)),
                cancel,
            )
        };
        // The shell for scripts says who it is: root's host is asked nothing more.
        self.link()?;
        let until = Until::new(order.limit.time(), cancel);
        if self.keep_shell(&until, Way::Direct, None)?.is_some()
            && let Some(uid) = self.served.as_ref().and_then(|served| served.uid)
            && (uid == 0 || stays_so)
        {
            let root = Root::Absent;
            return Ok(*self.login.insert(RemoteUser { uid, root }));
        }
        let out = self.attempt(&order, Way::Direct, None)?;
        let text = out.text();
        let mut lines = text.lines();
        let uid = lines.next().and_then(|l| l.trim().parse().ok());
        let (Some(uid), None) = (uid, out.failure()) else {
            return Err(SshError::new(
                SshErrorKind::Command,
                format!("{} does not tell who we are there", self.shown()),
            )
            .cause(out.failure().unwrap_or(text)));
        };
        let root = Root::read(lines.next());
        Ok(*self.login.insert(RemoteUser { uid, root }))
    }

    /// Runs a command, as root where that is wanted.
    ///
    /// # Errors
    /// As connecting; `NoSudo`, `SudoPasswordWrong`, `Timeout`, `Command`, `Io`.
    pub(super) fn run_as(&mut self, order: &Order<'_>) -> Result<Output, SshError> {
        let login = self.greet(order.cancel)?;
        if !order.root || login.uid == 0 {
            return self.attempt(order, Way::Direct, None);
        }
        match login.root {
            Root::Sudo => self.attempt(order, Way::SudoFree, None),
            Root::SudoAsks => self.run_with_password(order),
            Root::Doas => self.attempt(order, Way::DoasFree, None),
            Root::Absent | Root::SudoOnTerminal | Root::DoasAsks | Root::DoasForbids => {
                Err(self.no_root(login.root))
            }
        }
    }

    fn run_with_password(&mut self, order: &Order<'_>) -> Result<Output, SshError> {
        let context = Arc::clone(&self.context);
        let shown = self.shown();
        let shared = context
            .questions
            .shared(Use::Sudo(self.target.user.clone()));
        let prompt = format!(
            "Password of {} for sudo (on {} and the other hosts)",
            self.target.user, self.target.host
        );
        let mut refused: Option<Answer> = None;
        while let Some(answer) = shared.next(&context.questions, &prompt, refused.as_ref()) {
            match self.attempt(order, Way::SudoPassword, Some(&answer)) {
                Err(e) if e.kind == SshErrorKind::SudoPasswordWrong => refused = Some(answer),
                result => {
                    if result.is_ok() {
                        shared.proven(&answer);
                    }
                    return result;
                }
            }
        }
        Err(no_sudo_password(&shown, self.ssh(), refused.is_some()))
    }

    fn no_root(&self, root: Root) -> SshError {
        let (shown, user) = (self.shown(), &self.target.user);
        let as_root = as_root(self.ssh());
        let (why, hint) = match root {
            Root::SudoOnTerminal => return needs_terminal(&shown, user),
            Root::DoasAsks => (
                "doas there wants a password, which it reads from a terminal only".to_owned(),
                format!(
                    "as root there: echo 'permit nopass {user} as root' >>/etc/doas.conf; or {as_root}"
                ),
            ),
            Root::DoasForbids => (
                format!("doas there does not let {user} become root"),
                format!(
                    "as root there: echo 'permit nopass {user} as root' >>/etc/doas.conf; or {as_root}"
                ),
            ),
            Root::Absent | Root::Sudo | Root::SudoAsks | Root::Doas => (
                if self.target.sudo == Some(false) {
                    "the inventory says `sudo = false`"
                } else {
                    "neither sudo nor doas is installed there"
                }
                .to_owned(),
                format!("{as_root}, or let that user use sudo"),
            ),
        };
        SshError::new(
            SshErrorKind::NoSudo,
            format!("cannot become root on {shown}"),
        )
        .cause(why)
        .hint(hint)
    }
}

/// What spares sudo, for a host that this command reaches.
pub(super) fn as_root(ssh: &str) -> &'static str {
    if local::is_here(ssh) {
        "run replctl as root"
    } else {
        "log in as root (`[ssh] user = \"root\"`)"
    }
}

/// The failure where sudo runs nothing without a terminal.
pub(super) fn needs_terminal(shown: &str, user: &str) -> SshError {
    SshError::new(
        SshErrorKind::NoSudo,
        format!("cannot become root on {shown}: sudo there needs a terminal (`Defaults requiretty`)"),
    )
    .cause("sudo: sorry, you must have a tty to run sudo")
    .hint(format!(
        "as root there: echo 'Defaults:{user} !requiretty' >/etc/sudoers.d/replctl && chmod 440 /etc/sudoers.d/replctl"
    ))
}
