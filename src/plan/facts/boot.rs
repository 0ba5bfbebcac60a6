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
        units.filter(|unit| !by_link(unit)).collect()
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
        assert_eq!(boot.other_for(6380), Some("redis@a.service"));
        assert_eq!(boot.other_for(6379), None);
    }
}
