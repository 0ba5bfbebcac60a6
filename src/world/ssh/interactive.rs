//! Keyboard-interactive logins: the server asks, and the operator or the shared password answers.

use super::ask::{Answer, Questions};
use super::auth::Bound;
use super::watch::Watch;
use crate::output::escape;
use secrecy::ExposeSecret;
use std::time::{Duration, Instant};

/// Answers the server's questions. The first hidden question about a password gets the shared
/// password. The operator answers the rest.
pub(super) struct Prompter<'a> {
    answer: &'a Answer,
    questions: &'a Questions,
    given: bool,
    /// Stands still while a person answers.
    watch: Watch,
    time: Duration,
}

impl<'a> Prompter<'a> {
    pub fn new(answer: &'a Answer, questions: &'a Questions, bound: Bound<'_>) -> Self {
        Self {
            answer,
            questions,
            given: false,
            watch: Watch::within(bound.wire, bound.time),
            time: bound.time,
        }
    }

    /// The server took too long.
    pub fn is_late(&self) -> bool {
        self.watch.is_over()
    }
}

impl ssh2::KeyboardInteractivePrompt for Prompter<'_> {
    fn prompt(
        &mut self,
        _user: &str,
        instructions: &str,
        prompts: &[ssh2::Prompt<'_>],
    ) -> Vec<String> {
        self.watch.pause();
        let mut answers = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            if !self.given && !prompt.echo && prompt.text.to_lowercase().contains("password") {
                self.given = true;
                answers.push(self.answer.secret.expose_secret().to_owned());
                continue;
            }
            let question = escape(format!("{instructions} {}", prompt.text).trim());
            let typed = self.questions.secret(&question);
            answers.push(
                typed
                    .map(|t| t.expose_secret().to_owned())
                    .unwrap_or_default(),
            );
        }
        self.watch.extend(Instant::now() + self.time);
        answers
    }
}
