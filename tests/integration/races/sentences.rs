//! The promises of a run's printed sentences and its exit code, each compared with the servers'
//! logs and files.
//!
//! A sentence is false only if replctl was wrong: a change of a node by somebody else after the
//! run's own last change of it excuses the run.

use crate::races::case::Turn;
use crate::races::deed::{Deed, Promise};
use crate::races::field::{Field, Role, name};
use crate::races::record::{Event, Record};

/// One run beside what really happened.
pub struct Told<'a> {
    pub field: &'a Field,
    pub turn: &'a Turn,
    pub record: &'a Record,
}

impl Told<'_> {
    /// The sentences of the run that are not true.
    pub fn false_ones(&self) -> Vec<String> {
        let mut wrong = self.of_offsets();
        wrong.extend(self.of_nothing_changed());
        wrong.extend(self.of_put_back());
        wrong.extend(self.of_roles());
        wrong.extend(self.of_files());
        wrong
    }

    fn own(&self) -> impl Iterator<Item = &Event> {
        self.record.by(self.turn.who)
    }

    /// Whether somebody else changed the node's role after this run did, or, if it did not, after
    /// it began.
    fn is_excused(&self, node: usize) -> bool {
        let of_node = self.own().filter(|e| e.node == node);
        let since = of_node.map(|e| e.at).max().unwrap_or(self.turn.began);
        let others = self.record.events.iter().filter(|e| e.who != self.turn.who);
        let mut later = others.filter(|e| e.node == node && e.at >= since);
        later.any(|e| e.at <= self.turn.ended)
    }

    /// "A on the old primary, B on the new: equal", for two different numbers; or the reverse.
    fn of_offsets(&self) -> Vec<String> {
        let said = self.turn.said();
        let lines = said.lines().filter(|l| l.contains("on the old primary"));
        lines.filter_map(is_untrue_of_offsets).collect()
    }

    /// "Nothing was changed", "nothing was touched", "Nothing to do", and the exit code 3.
    fn of_nothing_changed(&self) -> Option<String> {
        let said = self.turn.said();
        // "Nothing was changed, or all was put back" promises less.
        let said = said.replace("nothing was changed, or all was put back", "");
        let phrase = [
            "nothing was changed",
            "nothing was touched",
            "Nothing to do",
        ]
        .into_iter()
        .find(|p| said.contains(p));
        let code = (self.turn.ran.code == Some(3)).then_some("exit code 3");
        let promise = phrase.or(code)?;
        let changed = self.own().count();
        (changed > 0).then(|| format!("{promise:?}, and it changed {changed} roles"))
    }

    /// The exit code 1, and "put back" in an error.
    fn of_put_back(&self) -> Vec<String> {
        let mut errors = self.turn.ran.stderr.lines();
        let put_back = errors.any(|l| l.starts_with("error") && l.contains("put back"));
        let stays = self.turn.said().contains("what stays changed");
        // Those put back what an earlier run had changed.
        let takes_up = matches!(self.turn.deed, Deed::Resume { .. } | Deed::Rollback { .. });
        if self.turn.went_through()
            || takes_up
            || stays
            || !(put_back || self.turn.ran.code == Some(1))
        {
            return Vec::new();
        }
        let nodes = 0..self.field.servers.len();
        let differ = nodes.filter(|node| self.left_changed(*node));
        let text = |node| format!("put back, and the role of {} is not", name(node));
        differ.map(text).collect()
    }

    /// Whether the run left a node in another role than it found there.
    fn left_changed(&self, node: usize) -> bool {
        let mut role = self.record.first[node];
        let (mut before, mut after) = (None, None);
        for event in self.record.events.iter().filter(|e| e.node == node) {
            if event.who == self.turn.who {
                before.get_or_insert(role);
                after = Some(event.to);
            }
            role = event.to;
        }
        // Somebody else may have put it back first; then it is so, too.
        let now = self.record.roles_at(self.turn.ended)[node];
        before != after && before != Some(now)
    }

    /// The roles that the sentences on stdout and the exit code 0 promise.
    fn of_roles(&self) -> Vec<String> {
        if !self.turn.went_through() {
            return Vec::new();
        }
        let said = self.turn.ran.stdout.lines().filter_map(said_by);
        let promised = self.turn.deed.promises();
        let all = said.chain(promised).filter(|p| !self.holds(*p));
        let mut wrong: Vec<String> = all
            .map(|p| format!("{p:?} was not so at its end"))
            .collect();
        wrong.dedup();
        wrong
    }

    fn holds(&self, promise: Promise) -> bool {
        let roles = self.record.roles_at(self.turn.ended);
        let (node, holds) = match promise {
            Promise::Primary(node) => (node, roles[node] == Role::Primary),
            Promise::Replica(node) => (node, roles[node] != Role::Primary),
            Promise::Under(node, under) => {
                let port = self.field.servers[under].port;
                (node, roles[node] == Role::Of(port))
            }
            Promise::Alone(node) => {
                let port = self.field.servers[node].port;
                let mut others = (0..roles.len()).filter(|i| roles[*i] == Role::Of(port));
                let followed = others.any(|i| !self.is_excused(i));
                (node, roles[node] == Role::Primary && !followed)
            }
        };
        holds || self.is_excused(node)
    }

    /// "Role written to its file", "its file says so": true for every node whose role the run
    /// changed, unless somebody else changed it since.
    fn of_files(&self) -> Vec<String> {
        let said = self.turn.said();
        let says = said.contains("written to its file") || said.contains("its file says so");
        if !self.turn.went_through() || !says {
            return Vec::new();
        }
        let roles = self.record.roles_at(i64::MAX);
        let kept = |node: &usize| {
            let mut events = self.record.events.iter().rev();
            events
                .find(|e| e.node == *node)
                .is_some_and(|e| e.who == self.turn.who)
        };
        let nodes = (0..self.field.servers.len()).filter(kept);
        let differ = nodes.filter(|node| self.field.written(*node) != roles[*node]);
        let text = |node| format!("the file of {} says another role", name(node));
        differ.map(text).collect()
    }

    /// Beside a person: a failed run names a node that the person changed.
    pub fn names_none(&self, names: &[String]) -> bool {
        let said = self.turn.said();
        !names.iter().any(|name| said.contains(name.as_str()))
    }
}

/// The two numbers of such a line are its first two.
fn is_untrue_of_offsets(line: &str) -> Option<String> {
    let numbers: Vec<u64> = line
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect();
    let [old, new, ..] = numbers[..] else {
        return None;
    };
    let says_equal = line.contains("equal") && !line.to_lowercase().contains("not equal");
    (says_equal != (old == new)).then(|| line.trim().to_owned())
}

/// What one line of stdout says of nodes.
fn said_by(line: &str) -> Option<Promise> {
    let (subject, rest) = line.trim_start().split_once(' ')?;
    let node = |word: &str| word.trim_matches('`').strip_prefix('n')?.parse().ok();
    let this: usize = node(subject)?;
    if line.contains("is the primary") || rest.trim_start().starts_with("primary, ") {
        return Some(Promise::Primary(this));
    }
    if rest.trim_start().starts_with("replica, ") {
        return Some(Promise::Replica(this));
    }
    let under = rest.strip_prefix("replicates from ")?;
    let under = under.split([' ', '.']).next()?;
    Some(Promise::Under(this, node(under)?))
}

#[test]
fn sentences_are_understood() {
    let line = "  offsets at the change  43478 on the old primary, 43614 on the new: equal: no acknowledged write is lost";
    assert!(is_untrue_of_offsets(line).is_some());
    let same = line.replace("43614", "43478");
    assert_eq!(is_untrue_of_offsets(&same), None);
    assert!(is_untrue_of_offsets(&same.replace("equal: no", "NOT equal: no")).is_some());
    assert_eq!(
        said_by("n1 (127.0.0.1:17001) is the primary."),
        Some(Promise::Primary(1))
    );
    assert_eq!(
        said_by("  n2  replica, in sync by a partial resync, role written to its file"),
        Some(Promise::Replica(2))
    );
    assert_eq!(
        said_by("n2 replicates from n1 (127.0.0.1:17001)."),
        Some(Promise::Under(2, 1))
    );
    assert_eq!(said_by("nothing to see"), None);
}
