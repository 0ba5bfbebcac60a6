//! Where a setting of a host is kept for its next start, and what else sets it there. Pure.

use super::{Check, OnHost, Repair};
use crate::actions::host::HostAction;
use crate::topology::host::Setter;

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
    /// Whether a value that another file sets is as good as the wanted one.
    enough: fn(value: &str, wanted: &str) -> bool,
}

/// What counts when the host starts.
enum Next<'a> {
    /// The file of replctl's.
    Own,
    /// Other files, which give what is wanted already.
    Wanted,
    /// This file: another one, or that one with lines that are not replctl's.
    Other(&'a str),
}

/// A kernel parameter, such as `vm.overcommit_memory`.
pub(super) fn parameter(key: &str, enough: fn(&str, &str) -> bool) -> Keeper {
    let word = key.rsplit('.').next().unwrap_or(key);
    Keeper {
        setting: key.to_owned(),
        live: format!("/proc/sys/{}", key.replace('.', "/")),
        path: format!("/etc/sysctl.d/90-replctl-{word}.conf"),
        begins: format!("{key}="),
        enough,
    }
}

/// The mode of transparent huge pages.
pub(super) fn huge_pages(live: &str) -> Keeper {
    Keeper {
        setting: OF_HUGE_PAGES.to_owned(),
        live: live.to_owned(),
        path: "/etc/tmpfiles.d/90-replctl-huge-pages.conf".to_owned(),
        begins: format!("w {live} - - - - "),
        enough: same,
    }
}

/// Whether two values are one.
pub(super) fn same(value: &str, wanted: &str) -> bool {
    value == wanted
}

/// Whether a limit is not lower.
pub(super) fn at_least(value: &str, wanted: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    let both = number(value).zip(number(wanted));
    both.is_some_and(|(value, wanted)| value >= wanted)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Keeper {
    /// What counts at the next start, if replctl writes its file.
    fn next<'a>(&'a self, host: &'a OnHost<'_>, wanted: &str) -> Next<'a> {
        let others = self.others(&host.state.setters);
        let differs = |other: &&&Setter| !(self.enough)(&other.value, wanted);
        if let Some(other) = others.iter().find(differs) {
            return Next::Other(&other.file);
        }
        if !others.is_empty() {
            return Next::Wanted;
        }
        let own = |line: &Option<String>| {
            let line = line.as_deref();
            line.is_some_and(|line| line.starts_with(&self.begins))
        };
        match host.state.kept.get(&self.path) {
            Some(line) if !own(line) => Next::Other(&self.path),
            Some(_) | None => Next::Own,
        }
    }

    /// The lines of other files that count in place of replctl's.
    fn others<'a>(&self, all: &'a [Setter]) -> Vec<&'a Setter> {
        let others = all.iter();
        let others = others.filter(|s| s.setting == self.setting && s.file != self.path);
        if self.setting == OF_HUGE_PAGES {
            // Of two lines for one path, the first counts. An order of other lines is not judged.
            return others.collect();
        }
        // The last line of the last file in the order of names counts. systemd reads no
        // `/etc/sysctl.conf`: where that counts, a link in `sysctl.d` leads to it.
        let own = file_name(&self.path);
        let later = others.filter(|s| s.file != "/etc/sysctl.conf" && file_name(&s.file) > own);
        // Of two files with one name, the first that is listed hides the other.
        let file = later.clone().rev().max_by_key(|s| file_name(&s.file));
        let of_file = |s: &&Setter| file.is_some_and(|file| s.file == file.file);
        later.rev().find(of_file).into_iter().collect()
    }

    /// The end of a sentence: which file decides at the next start. Without systemd, that is not
    /// known.
    pub fn clause(&self, host: &OnHost<'_>, wanted: &str) -> String {
        match self.next(host, wanted) {
            Next::Other(file) if host.state.systemd == Some(true) => {
                format!("; change it in {file}, too")
            }
            Next::Other(_) | Next::Own | Next::Wanted => String::new(),
        }
    }

    /// Sets the value now, and for the next start if no other file does that. Empty if another file
    /// decides then, or if the host has no systemd, or replctl is not root there.
    pub fn repairs(&self, host: &OnHost<'_>, old: &str, new: &str) -> Vec<Repair> {
        if host.state.systemd != Some(true) || !host.state.root {
            return Vec::new();
        }
        let set = || set(host, &self.live, old, new);
        match self.next(host, new) {
            Next::Own => vec![set(), keep(host, self.path.clone(), self.line(new), false)],
            Next::Wanted => vec![set()],
            Next::Other(_) => Vec::new(),
        }
    }

    /// The line of its file.
    fn line(&self, value: &str) -> String {
        format!("{}{value}", self.begins)
    }

    /// A line of sh that keeps the value for the next start; `None`: another file decides then.
    fn kept(&self, host: &OnHost<'_>, value: &str) -> Option<String> {
        if !matches!(self.next(host, value), Next::Own) {
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
            back: Some(text.clone()),
        },
        None => HostAction::DropFile {
            path: path.clone(),
            text: text.clone(),
            reload,
        },
    };
    Repair {
        on: host.first.name.clone(),
        action: HostAction::KeepFile {
            path,
            text,
            reload,
            back: None,
        },
        undo,
    }
}
