//! How the server of a host in the model is run, as a look at it would say.

use super::{FORMER_PID, Host, UNIT};
use crate::config::Paths;
use crate::topology::service::{Arguments, Chain, Process, Service, Starter, Unit, Writable};

impl Host {
    pub(super) fn service(&self, paths: &Paths) -> Service {
        let ours = self.runs_new() || self.old.is_none();
        let name = if ours { paths.unit() } else { UNIT.to_owned() };
        let unit = Starter::Unit(Box::new(Unit {
            user: Some("redis".to_owned()),
            fragment: Some(format!("/lib/systemd/system/{name}")),
            name,
            drop_ins: Vec::new(),
            exec_start: String::new(),
            enabled: Some(true),
            confined: Vec::new(),
        }));
        let by_unit = ours || self.old.as_ref().is_some_and(|old| old.unit);
        let file = if ours {
            paths.config()
        } else {
            "/etc/redis/redis.conf".to_owned()
        };
        let role = if ours {
            self.base.of.clone()
        } else {
            self.old.as_ref().and_then(|o| o.role.clone())
        };
        Service {
            starter: if by_unit { unit } else { Starter::Nothing },
            process: Some(Process {
                pid: FORMER_PID,
                uid: 998,
                gid: 998,
                groups: Vec::new(),
                program: Some("/usr/bin/redis-server".to_owned()),
            }),
            settings: Ok(Chain::of_file(&file, role.as_ref())),
            file: Some(file.clone()),
            written: Some(file),
            arguments: Arguments::Shown(Vec::new()),
            writable: Writable::Yes,
            managed: ours,
        }
    }
}
