//! Why an operation is not planned: a ground that programs can tell from others, a sentence, and
//! the way on. Pure.

use crate::engine::Accept;
use crate::error::Reason;
use crate::topology::NodeName;

/// Why an operation is not planned, with the way on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// On what ground, for programs.
    pub ground: Ground,
    /// The node that the sentence is about, where it names the node that was asked for.
    pub node: Option<NodeName>,
    /// One lower-case sentence that names the node.
    pub why: String,
    /// A command to paste, or what to change.
    pub hint: String,
    /// The option that accepts it. The hint names this option.
    pub accept: Option<Accept>,
}

/// On what ground a planner refuses. There is no general one: each refusal has to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// No node of that name.
    NoNode,
    /// A node does not have the role that the operation needs; or there is no primary, or more than
    /// one.
    Role,
    /// The replication topology does not allow it.
    Topology,
    /// What the inventory says.
    Inventory,
    /// A server, a Sentinel or a file that replctl has not made.
    Foreign,
    /// The version of a server.
    Version,
    /// What replctl does not do, such as Redis Cluster.
    Unsupported,
    /// A host lacks something, or does not let it be done.
    Host,
    /// A replica could not log in at its new upstream, or could not connect to it.
    Login,
    /// What was done cannot be undone, or something else was done since.
    Undo,
    /// It is not known what an earlier operation did.
    Unknown,
    /// A password.
    Secret,
    /// Acknowledged writes would be lost.
    DataLoss,
    /// The old primary may come back and take writes.
    SplitBrain,
    /// Keys would be replaced.
    DiscardData,
    /// What differs from the primary, and what a role would not outlive.
    Difference,
    /// Commands that the user may not run.
    Permission,
    /// Sentinels that cannot be asked, do not agree, or are at work.
    Sentinel,
    /// A node does not have its data yet, or is in the middle of a failover.
    NotReady,
    /// A server or a host does not answer.
    Unreachable,
}

impl Ground {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 20] = [
        Self::NoNode,
        Self::Role,
        Self::Topology,
        Self::Inventory,
        Self::Foreign,
        Self::Version,
        Self::Unsupported,
        Self::Host,
        Self::Login,
        Self::Undo,
        Self::Unknown,
        Self::Secret,
        Self::DataLoss,
        Self::SplitBrain,
        Self::DiscardData,
        Self::Difference,
        Self::Permission,
        Self::Sentinel,
        Self::NotReady,
        Self::Unreachable,
    ];

    /// The word for programs.
    pub fn reason(self) -> Reason {
        match self {
            Self::NoNode => Reason::NoNode,
            Self::Role => Reason::Role,
            Self::Topology => Reason::Topology,
            Self::Inventory => Reason::Inventory,
            Self::Foreign => Reason::Foreign,
            Self::Version => Reason::Version,
            Self::Unsupported => Reason::Unsupported,
            Self::Host => Reason::Host,
            Self::Login => Reason::Login,
            Self::Undo => Reason::Undo,
            Self::Unknown => Reason::Unknown,
            Self::Secret => Reason::Secret,
            Self::DataLoss => Reason::DataLoss,
            Self::SplitBrain => Reason::SplitBrain,
            Self::DiscardData => Reason::DiscardData,
            Self::Difference => Reason::Difference,
            Self::Permission => Reason::Permission,
            Self::Sentinel => Reason::Sentinel,
            Self::NotReady => Reason::NotReady,
            Self::Unreachable => Reason::Unreachable,
        }
    }
}

impl Refusal {
    /// A refusal with its hint.
    pub fn new(ground: Ground, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            ground,
            node: None,
            why: why.into(),
            hint: hint.into(),
            accept: None,
        }
    }

    /// Names the node that the sentence names.
    #[must_use]
    pub fn about(mut self, node: &NodeName) -> Self {
        self.node = Some(node.clone());
        self
    }

    /// Says which option accepts it.
    #[must_use]
    pub fn unless(mut self, accept: Accept) -> Self {
        self.accept = Some(accept);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Ground;
    use crate::error::Reason;
    use std::collections::BTreeSet;

    #[test]
    fn each_ground_has_a_word_of_its_own_and_none_is_the_general_one() {
        let mut words = BTreeSet::new();
        for ground in Ground::ALL {
            let reason = ground.reason();
            assert_ne!(reason, Reason::Refused, "{ground:?}");
            assert!(words.insert(format!("{reason:?}")), "{ground:?}");
        }
        assert_eq!(words.len(), Ground::ALL.len());
    }
}
