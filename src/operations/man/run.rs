//! `replctl man`: one man page for each command, from the clap definitions. It writes nothing that
//! changes from day to day.

use crate::cli::Cli;
use crate::cli::help::{ENVIRONMENT, EXIT, FILES, HOOKS, REASONS, Section};
use crate::error::{Exit, Problem, Result};
use crate::operations::command::Local;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use std::{fs, io};

const NAME: &str = "replctl";
/// What `roff` writes first: an apostrophe that every formatter prints as one.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// Writes the pages into a folder, which is made if need be.
pub fn run(args: &super::args::Man) -> Result<()> {
    let failed = |e: io::Error| {
        Problem::new(format!(
            "{}: the man pages cannot be written",
            args.directory.display()
        ))
        .cause(e)
        .exit(Exit::Failed)
    };
    fs::create_dir_all(&args.directory).map_err(failed)?;
    for (name, page) in pages().map_err(failed)? {
        fs::write(args.directory.join(name), once(&page)).map_err(failed)?;
    }
    Ok(())
}

/// The page with one preamble at its top. Every part brought its own.
fn once(page: &[u8]) -> String {
    let text = String::from_utf8_lossy(page).replace(PREAMBLE, "");
    format!("{PREAMBLE}{text}")
}

/// File names and texts.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut main = Cli::command().disable_help_subcommand(true);
    main.build();
    let shown = |c: &Command| -> Vec<Command> {
        let all = c.get_subcommands().filter(|c| !c.is_hide_set());
        all.cloned().collect()
    };
    let commands: Vec<Command> = shown(&main)
        .into_iter()
        .flat_map(|c| {
            let below = shown(&c);
            std::iter::once(c).chain(below)
        })
        .collect();
    let others: Vec<String> = commands.iter().map(page_name).collect();
    let mut pages = vec![(format!("{NAME}.1"), main_page(&main, &others)?)];
    for command in &commands {
        pages.push((
            format!("{}.1", page_name(command)),
            command_page(command, &others)?,
        ));
    }
    Ok(pages)
}

fn page_name(command: &Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    name.to_owned()
}

fn main_page(command: &Command, others: &[String]) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = opening(command, NAME, &mut page)?;
    man.render_subcommands_section(&mut page)?;
    let mut roff = Roff::default();
    examples(&mut roff, command.get_name());
    for section in [&EXIT, &REASONS, &HOOKS, &ENVIRONMENT, &FILES] {
        terms(&mut roff, section);
    }
    see_also(&mut roff, others, &["ssh", "ssh_config", "redis-cli"]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn command_page(command: &Command, others: &[String]) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let name = page_name(command);
    let man = opening(command, &name, &mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::default();
    examples(&mut roff, name.trim_start_matches("replctl-"));
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([
        roman("As all commands; see "),
        bold(NAME),
        roman("(1), which also has the environment and the files."),
    ]);
    let siblings: Vec<String> = std::iter::once(NAME.to_owned())
        .chain(others.iter().filter(|o| **o != name).cloned())
        .collect();
    see_also(&mut roff, &siblings, &[]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// Title to options.
fn opening(command: &Command, name: &str, page: &mut Vec<u8>) -> io::Result<Man> {
    let version = command.get_version().unwrap_or_default();
    // No date: a date would make the pages stale. `Man::render_title` leaves out an empty date,
    // which moves the rest to the left.
    page.extend_from_slice(
        format!(
            ".TH {} 1 \"\" \"{NAME} {version}\" \"replctl manual\"\n",
            name.to_uppercase()
        )
        .as_bytes(),
    );
    let man = Man::new(command.clone());
    man.render_name_section(page)?;
    let mut roff = Roff::default();
    synopsis(&mut roff, command);
    roff.to_writer(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    Ok(man)
}

/// `Usage: replctl setup [OPTIONS] [NODE]...`: the name in bold, the rest as it is.
fn synopsis(roff: &mut Roff, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let name = command.get_bin_name().unwrap_or(NAME);
    let rest = usage.strip_prefix(name).unwrap_or_default();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(name), roman(rest)]);
}

fn examples(roff: &mut Roff, command: &str) {
    let examples = crate::operations::examples(command);
    if examples.is_empty() {
        return;
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, what) in examples {
        roff.control("TP", []);
        roff.text([bold(*line)]);
        roff.text([roman(*what)]);
    }
}

fn terms(roff: &mut Roff, section: &Section) {
    roff.control("SH", [section.title.to_uppercase().as_str()]);
    for (term, meaning) in section.terms {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
}

fn see_also(roff: &mut Roff, ours: &[String], elsewhere: &[&str]) {
    roff.control("SH", ["SEE ALSO"]);
    let names: Vec<&str> = ours
        .iter()
        .map(String::as_str)
        .chain(elsewhere.iter().copied())
        .collect();
    let mut line = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let section = if *name == "ssh_config" { "5" } else { "1" };
        let end = if place + 1 == names.len() { "" } else { ", " };
        line.push(italic(*name));
        line.push(roman(format!("({section}){end}")));
    }
    roff.text(line);
}

impl Local for super::args::Man {
    fn run(&self, _global: &crate::cli::Global) -> Result<Exit> {
        run(self).map(|()| Exit::Done)
    }
}
