//! `replctl explain`. It contacts no host and reads no inventory.

use super::args::Explain;
use super::report::Explained;
use crate::error::{Error, Exit, Problem, Result};
use crate::operations::command::Local;
use crate::output;
use std::fmt::Write as _;

/// Runs the command.
///
/// # Errors
/// There is no finding of that code: exit code 2.
pub fn run(args: &Explain) -> Result<()> {
    let Some(name) = &args.code else {
        let all = Explained::all();
        output::print(&all, || {
            if args.markdown {
                all.markdown().trim_end().to_owned()
            } else {
                all.text()
            }
        });
        return Ok(());
    };
    let one = Explained::named(name).map_err(|near| unknown(name, &near))?;
    let text = one.text();
    output::print(
        &Explained {
            findings: vec![one],
        },
        || text,
    );
    Ok(())
}

fn unknown(name: &str, near: &[String]) -> Error {
    let mut message = format!("no finding has the code `{}`", output::escape(name));
    if near.len() > 1 {
        let _ = write!(message, "; near it: {}", near.join(", "));
    }
    let hint = near
        .first()
        .map_or_else(String::new, |code| format!(" {code}"));
    Problem::new(message)
        .hint(format!("replctl explain{hint}"))
        .exit(Exit::Usage)
}

impl Local for Explain {
    fn run(&self, _global: &crate::cli::Global) -> Result<Exit> {
        run(self).map(|()| Exit::Done)
    }
}
