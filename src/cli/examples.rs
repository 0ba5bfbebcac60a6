//! What the examples of a command are: each operation has its own beside its arguments.

/// Lines to paste, each with its purpose. Text only; it must not say what the program does not
/// do.
pub type Examples = &'static [(&'static str, &'static str)];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::cli::Cli;
    use crate::operations::EXAMPLES;
    use clap::{Command, CommandFactory};
    use std::collections::BTreeSet;

    /// What is typed for each visible command, and whether nothing stands below it.
    fn typed(command: &Command, before: &str, found: &mut Vec<(String, bool)>) {
        for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            let line = format!("{before}{}", below.get_name());
            found.push((line.clone(), !below.has_subcommands()));
            typed(below, &format!("{line} "), found);
        }
    }

    fn all() -> Vec<(String, bool)> {
        let mut found = Vec::new();
        typed(&Cli::command(), "", &mut found);
        found
    }

    #[test]
    fn each_command_has_examples_and_no_examples_lack_their_command() {
        let mut wanted: BTreeSet<String> = all()
            .iter()
            .map(|(line, _)| line.replace(' ', "-"))
            .collect();
        wanted.insert("replctl".to_owned());
        let have: BTreeSet<String> = EXAMPLES.iter().map(|(key, _)| (*key).to_owned()).collect();
        assert_eq!(have, wanted);
        assert_eq!(have.len(), EXAMPLES.len(), "a key is there twice");
        for (key, examples) in EXAMPLES {
            let own = format!("replctl {}", key.replace('-', " "));
            assert!(!examples.is_empty(), "{key}");
            let of_it = |(line, _): &(&str, &str)| *key == "replctl" || line.contains(&own);
            assert!(examples.iter().any(of_it), "{key}: {examples:?}");
        }
    }

    #[test]
    fn the_schema_names_each_command_that_nothing_stands_below() {
        let schema = include_str!("../../schema/replctl.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let listed = schema["properties"]["command"]["enum"].as_array().unwrap();
        let listed: BTreeSet<&str> = listed.iter().filter_map(|name| name.as_str()).collect();
        let all = all();
        let leaves = all.iter().filter(|(_, leaf)| *leaf);
        let leaves: BTreeSet<&str> = leaves.map(|(line, _)| line.as_str()).collect();
        assert_eq!(listed, leaves);
    }
}
