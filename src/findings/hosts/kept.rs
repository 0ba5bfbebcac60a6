//! Where a setting of a host is kept for its next start, and what else sets it there. Pure.

use super::{Check, OnHost, Repair};
use crate::actions::host::HostAction;

/// The name by which a look reports files that set huge pages.
const OF_HUGE_PAGES: &str = "huge-pages";

/// A setting, and the file of replctl's that keeps it.
pub(super) struct Keeper {
    /// Its name in the look.
    setting: String,
    /// The kernel's file.
    pub live: String,
    /// The file of replctl's.
    pub path: String,
    /// The beginning of its line.
    begins: String,
    /// Whether another file with that name is read instead of it, or after it.
    wins: fn(other: &str, own: &str) -> bool,
}

/// A kernel parameter, such as `vm.overcommit_memory`.
pub(super) fn parameter(key: &str) -> Keeper {
    let word = key.rsplit('.').next().unwrap_or(key);
    Keeper {
        setting: key.to_owned(),
        live: format!("/proc/sys/{}", key.replace('.', "/")),
        path: format!("/etc/sysctl.d/90-replctl-{word}.conf"),
        begins: format!("{key}="),
        // The last file in the order of names counts.
        wins: |other, own| file_name(other) > file_name(own) || other == "/etc/sysctl.conf",
    }
}

/// The mode of transparent huge pages.
pub(super) fn huge_pages(live: &str) -> Keeper {
    Keeper {
        setting: OF_HUGE_PAGES.to_owned(),
        live: live.to_owned(),
        path: "/etc/tmpfiles.d/90-replctl-huge-pages.conf".to_owned(),
        begins: format!("w {live} - - - - "),
        // Of two lines for one path, the first counts. An order of other lines is not judged.
        wins: |_, _| true,
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Keeper {
    /// The file that decides at the next start in place of the one that replctl would write:
    /// another one, or that one with lines that are not replctl's.
    pub fn decided_by<'a>(&'a self, host: &'a OnHost<'_>) -> Option<&'a str> {
        let others = host.state.setters.iter();
        let mut others = others.filter(|(file, what)| *what == self.setting && *file != self.path);
        if let Some((file, _)) = others.find(|(file, _)| (self.wins)(file, &self.path)) {
            return Some(file);
        }
        let line = host.state.kept.get(&self.path)?;
        let own = line
            .as_deref()
            .is_some_and(|line| line.starts_with(&self.begins));
        (!own).then_some(self.path.as_str())
    }

    /// The end of a sentence: which file decides at the next start.
    pub fn clause(&self, host: &OnHost<'_>) -> String {
        let file = self.decided_by(host);
        file.map_or_else(String::new, |file| format!("; change it in {file}, too"))
    }

    /// Sets the value now and for the next start. Empty if another file decides then, or if the
    /// host has no systemd, or replctl is not root there.
    pub fn repairs(&self, host: &OnHost<'_>, old: &str, new: &str) -> Vec<Repair> {
        let may = host.state.systemd == Some(true) && host.state.root;
        if !may || self.decided_by(host).is_some() {
            return Vec::new();
        }
        vec![
            set(host, &self.live, old, new),
            keep(host, self.path.clone(), self.line(new), false),
        ]
    }

    /// The line of its file.
    fn line(&self, value: &str) -> String {
        format!("{}{value}", self.begins)
    }

    /// A line of sh that keeps the value for the next start; `None`: another file decides then.
    fn kept(&self, host: &OnHost<'_>, value: &str) -> Option<String> {
        if self.decided_by(host).is_some() {
            return None;
        }
        let (folder, _) = self.path.rsplit_once('/')?;
        let line = self.line(value);
        let path = &self.path;
        Some(format!("mkdir -p {folder} && echo {line} >{path}"))
    }
}

impl Check<'_> {
    /// A command that sets a value now, and for the next start where that is known to work.
    pub(super) fn set_and_keep(
        &self,
        host: &OnHost<'_>,
        keeper: &Keeper,
        value: &str,
    ) -> Option<String> {
        let now = format!("echo {value} >{}", keeper.live);
        let keep = match host.state.systemd {
            Some(true) => keeper.kept(host, value),
            Some(false) | None if keeper.setting != OF_HUGE_PAGES => {
                Some(format!("echo {} >>/etc/sysctl.conf", keeper.line(value)))
            }
            Some(false) | None => None,
        };
        let line = keep.map_or_else(|| now.clone(), |keep| format!("{now} && {keep}"));
        self.as_root(host.first, &line)
    }
}

/// Sets a kernel parameter to a number or a word.
fn set(host: &OnHost<'_>, file: &str, old: &str, new: &str) -> Repair {
    let to = |value: &str| HostAction::SetKernel {
        file: file.to_owned(),
        value: value.to_owned(),
    };
    Repair {
        on: host.first.name.clone(),
        action: to(new),
        undo: to(old),
    }
}

/// Writes a small file that root owns.
pub(super) fn keep(host: &OnHost<'_>, path: String, text: String, reload: bool) -> Repair {
    let before = host.state.kept.get(&path).and_then(Option::as_ref);
    let undo = match before {
        Some(before) => HostAction::KeepFile {
            path: path.clone(),
            text: before.clone(),
            reload,
            back: true,
        },
        None => HostAction::DropFile {
            path: path.clone(),
            reload,
        },
    };
    Repair {
        on: host.first.name.clone(),
        action: HostAction::KeepFile {
            path,
            text,
            reload,
            back: false,
        },
        undo,
    }
}
