//! What has the unit of a server started at boot, and what else would start one on its port. Pure.

use crate::actions::former::Link;
use crate::topology::Version;

/// One look at that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AtBoot {
    /// What `systemctl is-enabled` says of its unit; empty: it has none.
    pub state: String,
    /// The links in `/etc/systemd/system` that have it started, and its other names.
    pub links: Vec<Link>,
    /// The units that want it, by links or by lines of their own.
    pub wanted_by: Vec<String>,
    /// Timers, sockets and paths that start it.
    pub triggers: Vec<String>,
    /// Other units that are started at boot and start such a server, each with its port.
    pub others: Vec<(String, u16)>,
    /// The program of the process was replaced or removed since it was started.
    pub replaced: bool,
    /// The version of the distribution's program.
    pub of_package: Option<Version>,
    /// Units of `wanted_by` that want it by a line, or by a link outside of `/etc`.
    pub by_lines: Vec<String>,
    /// The processes of its unit.
    pub processes: Processes,
    /// Files of cron and start scripts that start such a server.
    pub scripts: Vec<String>,
    /// How many files its process may open: the soft and the hard limit.
    pub open_files: Option<(u64, u64)>,
    /// Where others than root may write above its data, although root runs it.
    pub open_to_others: Option<Open>,
}

/// Where others than root may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// A folder or a file of others, or a folder in which they may write.
    Path(String),
    /// A link of others.
    Link(String),
    /// A folder in which everybody may create files, such as `/tmp`.
    Sticky(String),
    /// Why that is not known.
    Unknown(String),
}

/// The processes of a unit, and when systemd counts it as running.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Processes {
    /// `Type=`; empty: not known.
    pub kind: String,
    /// `RemainAfterExit=`.
    pub remains: Option<bool>,
    /// Its main process.
    pub main: Option<u32>,
    /// All its processes.
    pub inside: Vec<Inside>,
}

/// A process of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Its id.
    pub pid: u32,
    /// The id of its parent.
    pub parent: u32,
    /// Its name.
    pub name: String,
}

/// Why the end of a unit's server is not just the end of the unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAlone<'a> {
    /// That is not known.
    Unknown,
    /// The unit counts as running after that, by this setting.
    Remains(String),
    /// Its main process is another one, or none (0).
    Main(u32),
    /// The server is no process of the unit.
    Outside,
    /// The unit has another process, too.
    Also(&'a Inside),
}

/// The types of units that end with their server.
const ENDS_WITH_SERVER: [&str; 6] = [
    "simple",
    "exec",
    "idle",
    "forking",
    "notify",
    "notify-reload",
];

impl Processes {
    /// Whether the unit is this server and its children, and nothing else.
    pub fn beside(&self, server: u32) -> Option<NotAlone<'_>> {
        if self.remains == Some(true) {
            return Some(NotAlone::Remains("RemainAfterExit=yes".to_owned()));
        }
        if !self.kind.is_empty() && !ENDS_WITH_SERVER.contains(&self.kind.as_str()) {
            return Some(NotAlone::Remains(format!("Type={}", self.kind)));
        }
        let (Some(main), Some(false), false) =
            (self.main, self.remains, self.kind.is_empty() || server == 0)
        else {
            return Some(NotAlone::Unknown);
        };
        if self.inside.iter().all(|one| one.pid != server) {
            return Some(NotAlone::Outside);
        }
        if main != server {
            return Some(NotAlone::Main(main));
        }
        let is_its = |one: &&Inside| one.pid == server || one.parent == server;
        let also = self.inside.iter().find(|one| !is_its(one));
        also.map(NotAlone::Also)
    }
}

impl AtBoot {
    /// Units that start it by a line of their own: no link that could be taken away.
    pub fn wanted_by_lines(&self) -> Vec<&str> {
        let folders: Vec<&str> = self
            .links
            .iter()
            .filter_map(|link| link.path.rsplit('/').nth(1))
            .collect();
        let by_link = |unit: &str| {
            let kinds = ["wants", "requires", "upholds"];
            let mut names = kinds.iter().map(|kind| format!("{unit}.{kind}"));
            names.any(|name| folders.contains(&name.as_str()))
        };
        let units = self.wanted_by.iter().map(String::as_str);
        let has_line = |unit: &str| self.by_lines.iter().any(|by| by == unit);
        units
            .filter(|unit| has_line(unit) || !by_link(unit))
            .collect()
    }

    /// Another unit that is started at boot, for the same port.
    pub fn other_for(&self, port: u16) -> Option<&str> {
        let other = self.others.iter().find(|(_, p)| *p == port);
        other.map(|(unit, _)| unit.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_another_one_wants_by_a_line_is_told_from_one_with_a_link() {
        let link = |path: &str| Link {
            path: path.to_owned(),
            target: "/lib/systemd/system/redis-server.service".to_owned(),
        };
        let boot = AtBoot {
            links: vec![
                link("/etc/systemd/system/multi-user.target.wants/redis-server.service"),
                link("/etc/systemd/system/redis.service"),
            ],
            wanted_by: vec!["multi-user.target".to_owned(), "shop.service".to_owned()],
            others: vec![("redis@a.service".to_owned(), 6380)],
            ..AtBoot::default()
        };
        assert_eq!(boot.wanted_by_lines(), ["shop.service"]);
        let also_by_line = AtBoot {
            by_lines: vec!["multi-user.target".to_owned()],
            ..boot.clone()
        };
        let both = ["multi-user.target", "shop.service"];
        assert_eq!(also_by_line.wanted_by_lines(), both);
        assert_eq!(boot.other_for(6380), Some("redis@a.service"));
        assert_eq!(boot.other_for(6379), None);
    }

    #[test]
    fn a_unit_that_is_more_than_its_server_is_told() {
        let inside = |pid, parent| Inside {
            pid,
            parent,
            name: "redis-server".to_owned(),
        };
        let alone = Processes {
            kind: "notify".to_owned(),
            remains: Some(false),
            main: Some(8),
            inside: vec![inside(8, 1), inside(9, 8)],
        };
        assert_eq!(alone.beside(8), None);
        let with = |with: &dyn Fn(&mut Processes)| {
            let mut processes = alone.clone();
            with(&mut processes);
            processes.beside(8).map(|told| format!("{told:?}"))
        };
        let says = |told: Option<String>, what: &str| {
            let told = told.unwrap_or_default();
            assert!(told.starts_with(what), "{what}: {told}");
        };
        says(with(&|p| "oneshot".clone_into(&mut p.kind)), "Remains");
        says(with(&|p| p.remains = Some(true)), "Remains");
        says(with(&|p| p.main = Some(0)), "Main(0)");
        says(with(&|p| p.main = Some(9)), "Main(9)");
        says(with(&|p| p.inside.push(inside(10, 1))), "Also");
        says(with(&|p| p.inside = vec![inside(10, 1)]), "Outside");
        says(with(&|p| p.inside.clear()), "Outside");
        says(with(&|p| p.kind.clear()), "Unknown");
        says(with(&|p| p.remains = None), "Unknown");
        says(with(&|p| p.main = None), "Unknown");
        assert_eq!(alone.beside(0), Some(NotAlone::Unknown));
    }
}
