//! Whether a password may go to an address that only servers or Sentinels name: any process that
//! listens there would get it.

use super::Finder;
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::tls::Verify;
use crate::operations::init::plan::walk::{Bond, Fate, Place};
use crate::output;
use crate::topology::Address;
use crate::world::World;

/// The number of addresses that the question names.
const SHOWN: usize = 12;

impl Finder<'_> {
    /// Lets the operator say whether servers that only others name get the password.
    ///
    /// # Errors
    /// [`Exit::Refused`]: there is nobody to ask. [`Exit::Interrupted`].
    pub(super) async fn allow(&mut self) -> Result<()> {
        let first = self.decided;
        self.decided = self.walk.places.len();
        let is_new = |place: &&Place| {
            place.fate == Fate::Open && !matches!(place.bond, Bond::Start | Bond::Inventory)
        };
        let new = self.walk.places.iter().skip(first).filter(is_new);
        let new: Vec<Address> = new.map(|place| place.way().address.clone()).collect();
        let has_password = self.world.as_ref().is_some_and(World::has_password);
        if new.is_empty() || !has_password || self.certificates_prove() {
            return Ok(());
        }
        if !self.may_send("servers", &new).await? {
            for place in self.walk.places.iter_mut().skip(first) {
                if new.contains(&place.way().address) {
                    place.fate = Fate::NotAsked;
                }
            }
        }
        Ok(())
    }

    /// Whether a certificate proves who a server is before it gets the password.
    fn certificates_prove(&self) -> bool {
        let verify = match self.target.inventory() {
            Some(there) => there.tls.as_ref().map(|tls| tls.verify),
            None => self.access.tls.as_ref().map(|tls| tls.verify),
        };
        verify == Some(Verify::Full)
    }

    /// Whether a password may go there.
    ///
    /// # Errors
    /// [`Exit::Refused`]: there is nobody to ask. [`Exit::Interrupted`].
    pub(super) async fn may_send(&self, whose: &str, new: &[Address]) -> Result<bool> {
        if self.args.yes {
            return Ok(true);
        }
        let mut all: Vec<String> = new.iter().take(SHOWN).map(ToString::to_string).collect();
        if new.len() > SHOWN {
            all.push(format!("and {} more", new.len() - SHOWN));
        }
        let all = output::escape(&all.join(", "));
        if !self.options.ask {
            let what = format!(
                "the password of the {whose} would go to addresses that only they name, and there is nobody to ask; nothing was written"
            );
            return Err(Problem::new(what)
                .cause(format!("the addresses are {all}"))
                .hint("if they are yours: the same command with --yes")
                .because(Reason::NoTerminal)
                .exit(Exit::Refused));
        }
        output::before_question(&format!("the {whose} name more of them: {all}"));
        output::flush(None);
        let answer = tokio::task::spawn_blocking(move || {
            let question = dialoguer::Confirm::new()
                .with_prompt("Log in there with the same password?")
                .default(false);
            output::ask(|| question.interact())
        });
        match answer.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => {
                Err(Problem::new("interrupted; nothing was written").exit(Exit::Interrupted))
            }
        }
    }
}
