//! A lab of three hosts at the tutorial's addresses, the inventory of its deployment, and its
//! operator.

use crate::support::inventory::write_password;
use crate::support::process::Ran;
use crate::support::{Flavour, InventoryText, Lab, RawRedis, Replctl, await_that};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

pub const NAMES: [&str; 3] = ["master", "slave1", "slave2"];
pub const PASSWORD: &str = "correct-horse-battery";
const ADDRESSES: [[u8; 4]; 3] = [[192, 168, 0, 120], [192, 168, 0, 130], [192, 168, 0, 140]];

pub struct Bench<'a> {
    pub lab: &'a Lab,
    pub text: InventoryText,
    pub operator: Replctl<'a>,
    folder: TempDir,
}

/// Hosts of that kind; `last`: options of the last one, for example its disk's size.
pub fn hosts(flavour: Flavour, last: &[&str]) -> Option<Lab> {
    let lab = Lab::up()?;
    lab.host("master", "192.168.0.120", flavour);
    lab.host("slave1", "192.168.0.130", flavour);
    lab.host_with("slave2", "192.168.0.140", flavour, last);
    lab.wait();
    Some(lab)
}

impl<'a> Bench<'a> {
    pub fn new(lab: &'a Lab) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("replctl-setup-")
            .tempdir()
            .unwrap();
        let password = write_password(folder.path(), PASSWORD);
        let text = InventoryText::on_lab(lab).password_file(&password);
        let operator = Replctl::in_lab(lab).inventory(&text.write(folder.path()));
        Self {
            lab,
            text,
            operator,
            folder,
        }
    }

    /// Changes the inventory.
    pub fn change(&mut self, change: impl FnOnce(InventoryText) -> InventoryText) {
        self.text = change(self.text.clone());
        self.text.write(self.folder.path());
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.operator
            .run_within(Duration::from_secs(100), arguments)
    }

    #[track_caller]
    pub fn nothing_to_do(&self) -> Ran {
        self.run(&["setup", "--yes"]).ok().says("Nothing to do")
    }

    pub fn connect(&self, n: usize) -> std::io::Result<RawRedis> {
        let address = SocketAddr::from((ADDRESSES[n], 6379));
        RawRedis::connect(
            &self.lab.net(),
            address,
            Some(PASSWORD),
            Duration::from_secs(3),
        )
    }

    #[track_caller]
    pub fn client(&self, n: usize) -> RawRedis {
        self.connect(n)
            .unwrap_or_else(|e| panic!("{}: {e}", NAMES[n]))
    }

    pub fn answers(&self, n: usize) -> bool {
        self.connect(n).is_ok()
    }

    /// That node is the primary, and those others follow it at its offset.
    #[track_caller]
    pub fn in_sync(&self, primary: usize, replicas: &[usize]) {
        await_that(
            "the replicas to be in sync",
            Duration::from_secs(30),
            || {
                let Ok(mut top) = self.connect(primary) else {
                    return false;
                };
                let top = top.info("replication");
                top["role"] == "master"
                    && replicas.iter().all(|n| {
                        self.connect(*n).is_ok_and(|mut c| {
                            let info = c.info("replication");
                            info["role"] == "slave"
                                && info["master_host"]
                                    == ADDRESSES[primary].map(|b| b.to_string()).join(".")
                                && info["master_link_status"] == "up"
                                && info["slave_repl_offset"] == top["master_repl_offset"]
                        })
                    })
            },
        );
    }

    /// Whether anything of a deployment is on a host.
    pub fn is_bare(&self, host: &str) -> bool {
        let line = "[ ! -e /db ] && ! id redis >/dev/null 2>&1 && [ ! -e /etc/systemd/system/replctl-6379.service ]";
        self.lab.inside(host, line).code == Some(0)
    }
}
