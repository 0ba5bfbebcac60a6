//! Operations as the command lines that ask for them. Pure.

use super::{Accept, Add, Adopt, Move, Operation, Rejoin, Remove, Sentinels};
use crate::topology::NodeName;
use std::fmt::Write as _;

impl Operation {
    /// The command: a part of the operation's id.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Promote(_) => "promote",
            Self::Move(_) => "move",
            Self::Detach(_) => "detach",
            Self::Sentinels(of) => of.verb(),
            Self::Rejoin(_) => "rejoin",
            Self::Repair(_) => "repair",
            Self::Replay(_) => "replay",
            Self::Add(_) => "add",
            Self::Remove(_) => "remove",
            Self::Adopt(_) => "adopt",
        }
    }

    /// The one node it is about, where it is about one.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Setup(_) | Self::Sentinels(_) => None,
            Self::Promote(p) => Some(&p.node),
            Self::Move(m) => Some(&m.node),
            Self::Detach(d) => Some(&d.node),
            Self::Rejoin(r) => Some(&r.node),
            Self::Repair(r) => Some(&r.keep),
            Self::Replay(r) => Some(&r.node),
            Self::Add(a) => Some(&a.node),
            Self::Remove(r) => Some(&r.node),
            Self::Adopt(a) => match &a.nodes[..] {
                [one] => Some(one),
                [] | [_, _, ..] => None,
            },
        }
    }

    /// What was typed behind `replctl`, without the options that only say how to ask.
    pub fn line(&self) -> String {
        match self {
            Self::Setup(setup) => {
                let mut line = "setup".to_owned();
                for node in &setup.nodes {
                    let _ = write!(line, " {node}");
                }
                for node in &setup.discard_data {
                    let _ = write!(line, " --discard-data {node}");
                }
                line
            }
            Self::Promote(promote) => {
                let mut line = format!("promote {}", promote.node);
                for accepted in &promote.accept {
                    let _ = write!(line, " {}", accepted.option());
                }
                line
            }
            Self::Move(moved) => moved.line(),
            Self::Detach(detach) => format!("detach {}", detach.node),
            Self::Sentinels(of) => of.line(),
            Self::Rejoin(rejoin) => rejoin.line(),
            Self::Repair(repair) => repair.line(),
            Self::Replay(replay) => replay.line(),
            Self::Add(add) => add.line(),
            Self::Remove(remove) => remove.line(),
            Self::Adopt(adopt) => adopt.line(),
        }
    }
}

impl Move {
    /// What was typed behind `replctl`.
    pub fn line(&self) -> String {
        let Self {
            node,
            under,
            discard_data,
            update_inventory,
        } = self;
        let mut line = format!("move {node} --under {under}");
        if *discard_data {
            let _ = write!(line, " --discard-data {node}");
        }
        if *update_inventory {
            line.push_str(" --update-inventory");
        }
        line
    }
}

impl Add {
    /// What was typed behind `replctl`.
    pub fn line(&self) -> String {
        let node = &self.node;
        let mut line = format!("add {node} --address {}", self.address);
        if let Some(upstream) = &self.replicaof {
            let _ = write!(line, " --replicaof {upstream}");
        }
        if let Some(announce) = &self.announce {
            let _ = write!(line, " --announce {announce}");
        }
        if let Some(priority) = self.priority {
            let _ = write!(line, " --priority {priority}");
        }
        if let Some(ssh) = &self.ssh {
            let _ = write!(line, " --ssh {ssh}");
        }
        if self.discard_data {
            let _ = write!(line, " --discard-data {node}");
        }
        line
    }
}

impl Remove {
    /// What was typed behind `replctl`.
    pub fn line(&self) -> String {
        let mut line = format!("remove {}", self.node);
        if self.purge {
            line.push_str(" --purge");
        }
        if self.leave_running {
            line.push_str(" --leave-running");
        }
        line
    }
}

impl Adopt {
    /// What was typed behind `replctl`.
    pub fn line(&self) -> String {
        let mut line = "adopt".to_owned();
        for node in &self.nodes {
            let _ = write!(line, " {node}");
        }
        if self.nodes.is_empty() {
            line.push_str(" --all");
        }
        if self.hand_back {
            line.push_str(" --hand-back");
        }
        if self.pause {
            let _ = write!(line, " {}", Accept::Pause.option());
        }
        line
    }
}

impl Sentinels {
    /// The command: a part of the operation's id.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Setup => "sentinel-setup",
            Self::Remove { .. } => "sentinel-remove",
            Self::Forget { .. } => "sentinel-forget",
        }
    }

    /// What was typed behind `replctl`.
    pub fn line(&self) -> String {
        match self {
            Self::Setup => "sentinel setup".to_owned(),
            Self::Remove { purge: false } => "sentinel remove".to_owned(),
            Self::Remove { purge: true } => "sentinel remove --purge".to_owned(),
            Self::Forget { what } => format!("sentinel forget {}", what.join(" ")),
        }
    }
}

impl Rejoin {
    /// What was typed behind `replctl`, without the folder.
    pub fn line(&self) -> String {
        let mut line = format!("rejoin {}", self.node);
        if let Some(under) = &self.under {
            let _ = write!(line, " --under {under}");
        }
        if self.backup.is_none() {
            let _ = write!(line, " --discard-data {}", self.node);
        }
        line
    }
}

impl Accept {
    /// The option that says so.
    pub fn option(self) -> &'static str {
        match self {
            Self::DataLoss => "--allow-data-loss",
            Self::SplitBrain => "--accept-split-brain",
            Self::Drift => "--ignore drift",
            Self::Difference(difference) => difference.option(),
            Self::Unkept(unkept) => unkept.option(),
            Self::Permissions => "--ignore permissions",
            Self::WithoutSentinel => "--without-sentinel",
            Self::Pause => "--ignore pause",
        }
    }
}
