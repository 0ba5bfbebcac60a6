//! The steps that make a node's directories, and correct the owner of existing ones.

use super::{Do, Host};
use crate::actions::Action;
use crate::engine::{Step, Undo};
use crate::plan::facts::Ownership;

impl Host<'_> {
    /// What all nodes of a host share, parents first.
    fn shared(&self) -> Vec<String> {
        let mut shared = self.paths.above();
        shared.extend([self.paths.root().to_owned(), self.paths.servers()]);
        shared
    }

    /// Makes those that all nodes of a host share.
    pub(super) fn folders_of_all(&mut self) {
        let is_missing = |d: &String| !self.facts.directories.contains_key(d);
        let shared: Vec<String> = self.shared().into_iter().filter(is_missing).collect();
        if shared.is_empty() {
            return;
        }
        let paths = shared.iter().rev().cloned().collect();
        let make = Do::MakeDirectories {
            shared,
            private: Vec::new(),
            owner: self.owner(),
        };
        self.add(make, Some(Do::RemoveDirectories { paths }));
    }

    /// Makes missing directories, and gives existing ones to the server's user.
    pub(super) fn directories(&mut self) {
        let shared = self.shared();
        let mut private = vec![self.paths.data()];
        private.extend(self.paths.below());
        let have = &self.facts.directories;
        let owner = self.owner();
        let is_missing = |d: &String| !have.contains_key(d);
        let missing = |all: &[String]| -> Vec<String> {
            all.iter().filter(|d| is_missing(d)).cloned().collect()
        };
        let (mut new_shared, new_private) = (missing(&shared), missing(&private));
        if self.builds() {
            // The build has made them already.
            new_shared.clear();
        }
        let created: Vec<String> = new_shared
            .iter()
            .chain(&new_private)
            .rev()
            .cloned()
            .collect();
        let wrong: Vec<(String, Ownership)> = private
            .iter()
            .filter_map(|d| Some((d.clone(), *have.get(d)?)))
            .filter(|(_, o)| Some(o.uid) != self.facts.owner_uid || o.mode & 0o700 != 0o700)
            .collect();
        if !wrong.is_empty() {
            let make = Do::MakeDirectories {
                shared: Vec::new(),
                private: wrong.iter().map(|(d, _)| d.clone()).collect(),
                owner: owner.clone(),
            };
            self.add(make, Some(Do::OwnAgain { all: wrong }));
        }
        if !created.is_empty() {
            let make = Do::MakeDirectories {
                shared: new_shared,
                private: new_private,
                owner,
            };
            self.add(make, Some(Do::RemoveDirectories { paths: created }));
        }
    }
}

/// The directories of all nodes, and those of this one: these go with all that its server has
/// written into them, where they were not there before.
pub fn apart(data: &str, step: Step) -> Vec<Step> {
    let Action::Host(Do::MakeDirectories {
        shared,
        private,
        owner,
    }) = &step.action
    else {
        return vec![step];
    };
    let Undo::By(Action::Host(Do::RemoveDirectories { paths })) = &step.undo else {
        return vec![step];
    };
    if !paths.iter().any(|path| path == data) {
        return vec![step];
    }
    let made = |shared: &[String], private: &[String]| {
        Action::Host(Do::MakeDirectories {
            shared: shared.to_vec(),
            private: private.to_vec(),
            owner: owner.clone(),
        })
    };
    let of_all: Vec<String> = paths
        .iter()
        .filter(|p| shared.contains(p))
        .cloned()
        .collect();
    let back = |action| Undo::By(Action::Host(action));
    let mut steps = Vec::new();
    if !of_all.is_empty() {
        let undo = back(Do::RemoveDirectories { paths: of_all });
        steps.push(Step::new(&step.node, made(shared, &[]), undo));
    }
    let undo = back(Do::RemoveTree {
        path: data.to_owned(),
        bytes: None,
    });
    steps.push(Step::new(&step.node, made(&[], private), undo));
    steps
}
