//! What three nodes can be before a plan.

/// What a node is before the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialNode {
    Bare,
    StoppedPrimary { keys: bool },
    StoppedReplica { of: usize, keys: bool },
    EmptyPrimary,
    FullPrimary,
    Replica { of: usize },
}

/// Whether running replicas follow each other in a ring.
pub fn has_loop(all: [InitialNode; 3]) -> bool {
    (0..3).any(|i| {
        let mut at = i;
        for _ in 0..3 {
            match all[at] {
                InitialNode::Replica { of } => at = of,
                _ => return false,
            }
        }
        true
    })
}

/// Whether its server runs.
pub fn running(begin: InitialNode) -> bool {
    matches!(
        begin,
        InitialNode::EmptyPrimary | InitialNode::FullPrimary | InitialNode::Replica { .. }
    )
}

/// Whose data node `i` has: that of the last node on its way up that has any. In a ring, it has its
/// own.
pub fn origin(i: usize, all: [InitialNode; 3]) -> usize {
    let mut at = i;
    for _ in 0..4 {
        let (InitialNode::StoppedReplica { of, .. } | InitialNode::Replica { of }) = all[at] else {
            return at;
        };
        match all[of] {
            InitialNode::Bare
            | InitialNode::EmptyPrimary
            | InitialNode::StoppedPrimary { keys: false } => return at,
            _ => at = of,
        }
    }
    10 + i
}
