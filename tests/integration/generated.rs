//! completions/, man/ and docs/diagnoses.md match the program's present output, and the pages are
//! well-formed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::{Replctl, repository};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const SCRIPTS: [(&str, &str); 5] = [
    ("bash", "replctl.bash"),
    ("zsh", "_replctl"),
    ("fish", "replctl.fish"),
    ("elvish", "replctl.elv"),
    ("powershell", "_replctl.ps1"),
];

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn assert_fresh(folder: &str, wanted: &BTreeMap<String, String>) {
    let committed = files(&repository().join(folder));
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&committed),
        names(wanted),
        "{folder}/ has other files than the program writes; run: make generated"
    );
    for (name, text) in wanted {
        assert!(
            committed[name] == *text,
            "{folder}/{name} is not what the program writes; run: make generated"
        );
    }
}

fn pages() -> BTreeMap<String, String> {
    let operator = Replctl::new();
    // Neither the date, nor the width, nor what is set may show in the pages.
    let operator = operator
        .env("COLUMNS", "40")
        .env("REPLCTL_INVENTORY", "/elsewhere/inventory.toml")
        .env("SOURCE_DATE_EPOCH", "1");
    let ran = operator.run(&["man", "pages"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    files(&operator.home().join("pages"))
}

#[test]
fn the_completion_scripts_are_fresh() {
    let operator = Replctl::new();
    let script = |shell: &str| {
        let ran = operator.run(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    let wanted = SCRIPTS
        .iter()
        .map(|(shell, file)| ((*file).to_owned(), script(shell)))
        .collect();
    assert_fresh("completions", &wanted);
}

#[test]
fn the_man_pages_are_fresh() {
    assert_fresh("man", &pages());
}

#[test]
fn the_page_of_diagnoses_is_fresh() {
    let wanted = Replctl::new().run(&["explain", "--markdown"]).ok().stdout;
    let committed = std::fs::read_to_string(repository().join("docs/diagnoses.md")).unwrap();
    assert!(
        committed == wanted,
        "docs/diagnoses.md is not what the program writes; run: make generated"
    );
}

#[test]
fn every_command_has_a_page_with_examples() {
    let help = Replctl::new().run(&["help"]).stdout;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.strip_prefix("  ")?.split_whitespace().next())
        .filter(|c| !matches!(*c, "help" | "to" | "the"))
        .collect();
    assert!(commands.contains(&"promote"), "{help}");
    let pages = pages();
    for command in &commands {
        let page = pages
            .get(&format!("replctl-{command}.1"))
            .unwrap_or_else(|| panic!("{command} has no man page"));
        assert!(page.contains(".SH EXAMPLES"), "{command}");
        assert!(page.contains("replctl(1)") || page.contains("\\fIreplctl\\fR(1)"));
        let help = Replctl::new().run(&[command, "--help"]).stdout;
        assert!(help.contains("Examples:\n"), "{command}: {help}");
    }
    // A command of several has a page for each of them, too, with examples of its own.
    let below: Vec<&String> = pages
        .keys()
        .filter(|name| {
            commands
                .iter()
                .any(|c| name.starts_with(&format!("replctl-{c}-")))
        })
        .collect();
    for name in &below {
        assert!(pages[*name].contains(".SH EXAMPLES"), "{name}");
    }
    assert_eq!(
        pages.len(),
        commands.len() + below.len() + 1,
        "one page a command, and one"
    );
    for section in [
        "EXAMPLES",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "SEE ALSO",
    ] {
        assert!(
            pages["replctl.1"].contains(&format!(".SH \"{section}\""))
                || pages["replctl.1"].contains(&format!(".SH {section}\n")),
            "{section}"
        );
    }
}

/// Where `groff` is installed: its own warnings.
#[test]
fn the_man_pages_can_be_set() {
    if Command::new("groff").arg("--version").output().is_err() {
        return crate::support::not_run("groff is not installed");
    }
    for name in files(&repository().join("man")).keys() {
        let out = Command::new("groff")
            .args(["-man", "-ww", "-Tutf8", "-K", "utf8", "-z"])
            .arg(repository().join("man").join(name))
            .output()
            .unwrap();
        let warnings = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            out.status.success() && warnings.is_empty(),
            "{name}: {warnings}"
        );
    }
}
