//! The questions of `replctl init`, asked on stderr. Nothing is written here.

use super::{Answers, DIRECTORY, NAME, Password, deployment_name, fits, named, node};
use crate::error::{Error, Exit, Problem, Result};
use crate::output;
use crate::topology::Address;
use dialoguer::Input;
use std::io;
use std::path::Path;

/// Asks for everything that is not given.
///
/// # Errors
/// [`Exit::Interrupted`] where the operator goes away.
pub fn answers(args: &crate::operations::init::args::Init) -> Result<Answers> {
    let name = match &args.name {
        Some(name) => deployment_name(name)
            .map(|()| name.clone())
            .map_err(|wrong| {
                Problem::new(format!("`--name {name}` {wrong}"))
                    .hint("for example, `--name orders`")
                    .exit(Exit::Usage)
            })?,
        None => name()?,
    };
    let nodes = nodes()?;
    let user = match &args.user {
        Some(user) => Some(user.clone()),
        None => optional("SSH user (empty: as ~/.ssh/config says)")?,
    };
    let directory = args.directory.clone().map_or_else(directory, Ok)?;
    let password = if args.no_password {
        Password::None
    } else {
        password(&name, &args.output)?
    };
    Ok(Answers {
        name,
        nodes,
        user,
        directory,
        password,
    })
}

fn name() -> Result<String> {
    let input = Input::<String>::new()
        .with_prompt("name of the deployment")
        .default(NAME.to_owned());
    let input = input.validate_with(|name: &String| {
        deployment_name(name).map_err(|wrong| format!("`{name}` {wrong}"))
    });
    output::ask(|| input.interact()).map_err(gone)
}

fn nodes() -> Result<Vec<(String, Address)>> {
    output::before_question(
        "nodes, one per line, as [NAME=]ADDRESS[:PORT]; the first is the first primary, an empty line ends",
    );
    output::flush(None);
    let mut nodes: Vec<(Option<String>, Address)> = Vec::new();
    loop {
        let check = |text: &String| match node(text) {
            _ if text.trim().is_empty() && !nodes.is_empty() => Ok(()),
            _ if text.trim().is_empty() => Err("at least one node is needed".to_owned()),
            Ok(node) => fits(&nodes, &node).map_err(|wrong| format!("`{text}` {wrong}")),
            Err(wrong) => Err(format!("`{text}` {wrong}")),
        };
        let input = Input::<String>::new()
            .with_prompt(format!("node {}", nodes.len() + 1))
            .allow_empty(true);
        let input = input.validate_with(check);
        let text = output::ask(|| input.interact()).map_err(gone)?;
        match node(&text) {
            Ok(node) if !text.trim().is_empty() => nodes.push(node),
            Ok(_) | Err(_) => return Ok(named(nodes)),
        }
    }
}

fn directory() -> Result<String> {
    let input = Input::<String>::new()
        .with_prompt("directory on the hosts")
        .default(DIRECTORY.to_owned());
    output::ask(|| input.interact()).map_err(gone)
}

fn optional(prompt: &str) -> Result<Option<String>> {
    let input = Input::<String>::new().with_prompt(prompt).allow_empty(true);
    let text = output::ask(|| input.interact()).map_err(gone)?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Asks for a word and shows no menu: a menu hides the cursor, and Ctrl-C would leave it hidden.
fn password(name: &str, inventory: &Path) -> Result<Password> {
    output::before_question(&format!(
        "`new` writes a new password into {name}.password, `none` is for a trusted network only, anything else names a file that holds one"
    ));
    output::flush(None);
    // If the operator types the password itself here, it must not get into the inventory as a file
    // name.
    let check = |answer: &String| match answer.trim() {
        "new" | "none" => Ok(()),
        file if file.starts_with("~/") || inventory.with_file_name(file).is_file() => Ok(()),
        _ => Err("there is no such file; `new` makes one"),
    };
    let input = Input::<String>::new()
        .with_prompt("password")
        .default("new".to_owned())
        .validate_with(check);
    let answer = output::ask(|| input.interact()).map_err(gone)?;
    Ok(match answer.trim() {
        "new" => Password::New,
        "none" => Password::None,
        file => Password::File(file.to_owned()),
    })
}

fn gone(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    let exit = if error.kind() == io::ErrorKind::Interrupted {
        Exit::Interrupted
    } else {
        Exit::Failed
    };
    Problem::new("cannot ask; nothing was written")
        .cause(error)
        .exit(exit)
}
