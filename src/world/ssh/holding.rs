//! A command that goes on beside all others on a host's session, for what has to be held there
//! while it is worked on. It ends with the session, and so with this process. Where the session is
//! lost, it is begun anew before any other command; where that is refused, none is run any more.

use super::conn::{Cancel, Until};
use super::error::{SshError, SshErrorKind};
use super::exec::Limit;
use super::worker::{Order, Worker};
use std::time::Duration;

/// How long it may take to begin.
const BEGIN: Duration = Duration::from_secs(20);
/// How long it may take to end.
pub(super) const END: Duration = Duration::from_secs(2);

/// What is held.
pub(super) struct Holding {
    /// What it is called among the processes of the host.
    name: String,
    /// Begins it anew on another session.
    again: String,
    root: bool,
    /// What it says first where it holds.
    said: String,
    /// It could not be begun anew: what was said instead.
    lost: Option<String>,
}

impl Worker {
    /// Begins a command that goes on, and gives the first line that it says. It is kept where that
    /// is `said`. `again` begins it anew on another session. `name` is what it is called among the
    /// processes of the host.
    ///
    /// # Errors
    /// As running a command.
    pub fn hold(
        &mut self,
        name: &str,
        (command, again): (&str, &str),
        root: bool,
        said: &str,
        cancel: &Cancel,
    ) -> Result<String, SshError> {
        if let Some(holding) = self.holding.as_ref().filter(|h| h.lost.is_none()) {
            return Ok(holding.said.clone());
        }
        let line = self.begin((name, command), root, cancel)?;
        if line == said {
            self.holding = Some(Holding {
                name: name.to_owned(),
                again: again.to_owned(),
                root,
                said: line.clone(),
                lost: None,
            });
        } else if let Some(link) = &mut self.link {
            link.let_go(&Until::for_tidying(END));
        }
        Ok(line)
    }

    /// Ends it.
    pub fn let_go(&mut self) {
        if self.holding.take().is_some()
            && let Some(link) = &mut self.link
        {
            link.let_go(&Until::for_tidying(END));
        }
    }

    /// Begins it anew on a session that was just made.
    pub(super) fn hold_again(&mut self) -> Result<(), SshError> {
        let Some(mut holding) = self.holding.take() else {
            return Ok(());
        };
        if holding.lost.is_none() {
            match self.begin(
                (&holding.name, &holding.again),
                holding.root,
                &Cancel::default(),
            ) {
                Ok(line) if line == holding.said => {}
                Ok(line) => holding.lost = Some(line),
                Err(error) => {
                    self.cut();
                    self.holding = Some(holding);
                    return Err(error);
                }
            }
        }
        let lost = holding.lost.is_some();
        self.holding = Some(holding);
        if !lost {
            return Ok(());
        }
        self.cut();
        Err(SshError::new(
            SshErrorKind::Taken,
            format!("{} is not held any more", self.shown()),
        )
        .cause("another operator has taken it over, or has worked on it since the connection to it was lost"))
    }

    fn begin(
        &mut self,
        (name, command): (&str, &str),
        root: bool,
        cancel: &Cancel,
    ) -> Result<String, SshError> {
        let order = Order {
            name,
            stays: true,
            ..Order::new(command, root, Limit::Total(BEGIN), cancel)
        };
        let output = self.run(&order)?;
        let text = output.text();
        match text.lines().next() {
            Some(line) => Ok(line.to_owned()),
            None => Err(SshError::new(
                SshErrorKind::Command,
                format!("{} does not say whether it is held", self.shown()),
            )
            .cause(output.failure().unwrap_or_default())),
        }
    }
}
