//! The one question before anything is changed.

use crate::engine::{Loss, Plan};
use crate::error::{Exit, Problem, Reason, Result};
use crate::output;

/// Asks whether to carry out the plan. The question names what may be lost.
pub async fn confirm(plan: &Plan) -> Result<()> {
    if !output::can_ask() {
        return Err(Problem::new(
            "there is no terminal to confirm the plan on; nothing was touched",
        )
        .because(Reason::NoTerminal)
        .hint("look at it with --dry-run, and give --yes")
        .exit(Exit::Refused));
    }
    let question = match (&plan.may_lose, plan.operation.answers().loss) {
        (Some(what), Loss::Certain) => format!("Discard {}?", output::escape(what)),
        (Some(what), Loss::Possible) => {
            format!("Do this, although it may lose {}?", output::escape(what))
        }
        (None, Loss::Certain | Loss::Possible) => "Do this?".to_owned(),
    };
    let answer = tokio::task::spawn_blocking(move || {
        let question = dialoguer::Confirm::new()
            .with_prompt(question)
            .default(false);
        output::ask(|| question.interact())
    })
    .await;
    match answer {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Problem::new("not confirmed; nothing was touched")
            .because(Reason::NotConfirmed)
            .exit(Exit::Refused)),
        Ok(Err(_)) | Err(_) => {
            Err(Problem::new("interrupted; nothing was touched").exit(Exit::Interrupted))
        }
    }
}
