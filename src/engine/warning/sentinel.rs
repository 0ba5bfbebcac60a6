//! The Sentinels of the inventory, as they are set up or removed. Pure.

use super::Matter;
use crate::topology::{Address, NodeName};

/// The Sentinels of the inventory. The node is a Sentinel unless a variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sentinel {
    /// This number is too small, or it is even and one less is as safe.
    Number(usize),
    /// Others watch as well.
    Strangers(Vec<Address>),
    /// Several are on one host.
    OneHost(String),
    /// A node replicates from this one, which is no primary.
    Chained(NodeName),
    /// They take commands from everybody.
    Open,
    /// replctl has not set it up.
    Foreign,
    /// replctl did not begin this file of the Sentinel.
    ForeignFile(String),
    /// This file of the Sentinel has another port, password or address.
    OtherFile(String),
    /// replctl has not set it up, and only makes it stop watching that deployment.
    RunsOn(String),
    /// A process that replctl has not set up has its port.
    Taken(u16, String),
}

impl From<Sentinel> for Matter {
    fn from(it: Sentinel) -> Self {
        Self::Sentinel(it)
    }
}

impl Sentinel {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Number(_) => "number-of-sentinels",
            Self::Strangers(_) => "unlisted-sentinels",
            Self::OneHost(_) => "sentinels-on-one-host",
            Self::Chained(_) => "replica-of-a-replica",
            Self::Open => "open-sentinels",
            Self::Foreign | Self::RunsOn(_) => "foreign-sentinel",
            Self::ForeignFile(_) => "foreign-sentinel-file",
            Self::OtherFile(_) => "sentinel-file-differs",
            Self::Taken(..) => "port-taken",
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::Number(all) => number(*all),
            Self::Strangers(at) => {
                let texts: Vec<String> = at.iter().map(ToString::to_string).collect();
                let (es, is) = if at.len() == 1 {
                    ("es", "is")
                } else {
                    ("", "are")
                };
                format!(
                    "{} watch{es} as well, and {is} not under [sentinel]: each counts for the majority",
                    texts.join(" and ")
                )
            }
            Self::OneHost(host) => format!(
                "several Sentinels are on {host} and go down with it: they count as one failure, and vote as several"
            ),
            Self::Chained(above) => format!(
                "`{node}` replicates from `{above}`, and Sentinels know the replicas of the primary only: by themselves they would never promote it"
            ),
            Self::Open => "the Sentinels take commands from whoever reaches their ports, and have the servers' password: give them a `password` under [sentinel], or a firewall".to_owned(),
            Self::Foreign => format!(
                "`{node}` was not set up by replctl: its program, its file and its start at boot are left as they are"
            ),
            Self::ForeignFile(path) => {
                format!("replctl did not create {path} of `{node}`; it is left as it is")
            }
            Self::OtherFile(path) => format!(
                "`{node}` was created with another port, password or address than the inventory has now, and its file {path} is its own: to create it anew, stop it, remove the file, and run this again"
            ),
            Self::RunsOn(deployment) => format!(
                "`{node}` was not set up by replctl: it runs on, and only stops watching `{deployment}`"
            ),
            Self::Taken(port, who) => format!(
                "port {port} of the host of `{node}` is {who}, which replctl did not set up; it is left alone"
            ),
        }
    }
}

/// What is wrong with that number of them.
fn number(all: usize) -> String {
    let majority = all / 2 + 1;
    match all {
        1 => "one Sentinel is not enough: it mistakes its own bad connection for a dead primary, and without its host there is no failover; three or more on separate hosts outvote one that is wrong or lost".to_owned(),
        2 => "two Sentinels cannot outvote a failure: a failover needs a majority, which is both, so the loss of one stops it; three or more survive the loss of one".to_owned(),
        _ => format!("{all} Sentinels survive no more failures than {}: a majority of them is {majority}; an odd number is as safe and cheaper", all - 1),
    }
}
