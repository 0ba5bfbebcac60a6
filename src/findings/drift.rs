//! Running settings that differ from the inventory: reported, and left to the operator. Pure.

use super::{Code, Explanation, Finding, Look, Severity};
use crate::config::directives::{memory, split};
use crate::config::server::settable;
use crate::topology::phrases::name;
use crate::topology::{Node, Server};

/// How many settings of a node are shown in full.
const MOST: usize = 4;

impl Look<'_> {
    pub(super) fn drift(&self, node: &Node, server: &Server) -> Option<Finding> {
        let wanted = &self.wanted(node)?.directives;
        let other: Vec<(&str, &str, &[String])> = wanted
            .iter()
            .filter_map(|(key, args)| {
                let live = server.config.get(key)?;
                // A replica that may not be promoted has its own warning.
                let told = key == "replica-priority" && live == "0";
                (!told && !same(key, live, args)).then_some((&**key, &**live, &**args))
            })
            .collect();
        if other.is_empty() {
            return None;
        }
        let own = name(&node.name);
        let shown = other.iter().take(MOST).map(|(key, live, args)| {
            let when = if settable(key) {
                ""
            } else {
                ", which it takes at a restart"
            };
            let live = if live.is_empty() { "\"\"" } else { live };
            format!(
                "`{key} {live}` where the inventory says `{}`{when}",
                args.join(" ")
            )
        });
        let mut said: Vec<String> = shown.collect();
        if other.len() > MOST {
            said.push(format!("{} others", other.len() - MOST));
        }
        let message = format!("{own} runs with {}", said.join("; "));
        let cli = self.cli(node);
        let lines: Vec<String> = other
            .iter()
            .filter(|(key, ..)| settable(key))
            .filter_map(|(key, _, args)| {
                let value = args.join(" ");
                let value = shlex::try_quote(&value).ok()?;
                Some(format!("{cli} config set {key} {value}"))
            })
            .collect();
        let hint = (!lines.is_empty()).then(|| lines.join(" && "));
        let names: Vec<&str> = other.iter().map(|(key, ..)| *key).collect();
        Some(
            Finding::about(node, Code::Drift, Severity::Note, message)
                .maybe_hint(hint)
                .with("directives", names),
        )
    }
}

/// Compares as the server does: units, case and blanks do not matter, nor does the order of flags,
/// whose case matters.
/// The inventory may name only some of the limits for client classes.
pub fn same(key: &str, live: &str, wanted: &[String]) -> bool {
    let plain = |args: &[String]| -> Vec<String> {
        let words = args.iter().map(|arg| {
            let arg = arg.trim_end_matches('/').to_ascii_lowercase();
            let arg = if arg == "slave" {
                "replica".to_owned()
            } else {
                arg
            };
            memory(&arg).map_or(arg, |bytes| bytes.to_string())
        });
        words.filter(|word| !word.is_empty()).collect()
    };
    let live_words = split(live).unwrap_or_else(|| vec![live.to_owned()]);
    if key == "notify-keyspace-events" {
        let sorted = |args: &[String]| {
            let mut flags: Vec<char> = args.concat().chars().collect();
            flags.sort_unstable();
            flags
        };
        return sorted(&live_words) == sorted(wanted);
    }
    let (a, b) = (plain(&live_words), plain(wanted));
    if a == b {
        return true;
    }
    match key {
        "client-output-buffer-limit" => b.chunks(4).all(|one| a.chunks(4).any(|of| of == one)),
        _ => false,
    }
}

pub(super) const DRIFT: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The server runs with other settings than the inventory says.",
    cause: "Somebody set them by hand, or the inventory was changed and not applied.",
    way_out: "The hint sets them back. If the server is right, change the inventory.",
};

#[cfg(test)]
mod tests {
    use super::super::tests::{context, told};
    use super::same;
    use crate::topology::testing::healthy;

    #[test]
    fn a_setting_that_runs_otherwise_is_a_note() {
        let mut topology = healthy();
        let mut context = context();
        let wants = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
        context.wanted[1].directives.extend([
            wants("maxmemory", "2gb"),
            wants("databases", "32"),
            wants("lazyfree-lazy-expire", "yes"),
        ]);
        assert!(told(&topology, &context).is_empty(), "nothing was read");
        let runs = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        topology.nodes[1].up().config.extend([
            runs("maxmemory", "2147483648"),
            runs("lazyfree-lazy-expire", "yes"),
        ]);
        assert!(told(&topology, &context).is_empty());
        let config = &mut topology.nodes[1].up().config;
        config.extend([runs("maxmemory", "0"), runs("databases", "16")]);
        assert_eq!(
            told(&topology, &context),
            [
                "drift: `slave1` runs with `databases 16` where the inventory says `32`, which it takes at a restart; \
                 `maxmemory 0` where the inventory says `2gb` | redis-cli --askpass -h 192.168.0.130 -p 6379 config set maxmemory 2gb"
            ]
        );
    }

    #[test]
    fn one_value_in_two_forms_is_no_drift() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (key, live, wanted) in [
            ("maxmemory", "1073741824", "1gb"),
            ("appendonly", "yes", "YES"),
            ("save", "3600 1 300 100", "3600 1 300 100"),
            ("notify-keyspace-events", "AKE", "KEA"),
            ("dir", "/db/data", "/db/data/"),
            (
                "client-output-buffer-limit",
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
                "replica 256mb 64mb 60",
            ),
        ] {
            assert!(same(key, live, &words(wanted)), "{key}");
        }
        for (key, live, wanted) in [
            ("maxmemory", "0", "1gb"),
            ("save", "", "3600 1"),
            ("notify-keyspace-events", "", "KEA"),
            ("notify-keyspace-events", "xE", "xe"),
            (
                "client-output-buffer-limit",
                "normal 0 0 0 slave 268435456 67108864 60",
                "replica 512mb 64mb 60",
            ),
        ] {
            assert!(!same(key, live, &words(wanted)), "{key}");
        }
    }
}
