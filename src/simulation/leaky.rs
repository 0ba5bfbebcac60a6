//! Servers before 6.2: a script writes past the fence, right before any step of every promotion in
//! every tree. Its write is never lost.

use super::world::{Servers, World};
use super::{access, operations, topologies};
use crate::engine::Warning;
use crate::engine::journal::Outcome;
use crate::operations::promote;
use crate::topology::{State, Topology, sample};

impl Servers {
    /// The old primary `old` became a replica of `i`, which has less. If another node feeds `i`,
    /// `old` may have made a full copy of `i` before it became a primary again. The link that would
    /// show the difference was never cut.
    pub(super) fn copied_back(&mut self, i: usize, old: usize) {
        let straight = self.sims[i].of.as_ref() == Some(&self.sims[old].address);
        if self.script_at.is_some() && !straight && self.sims[old].of.is_some() {
            self.sims[old].log = self.sims[i].log.clone();
        }
    }
}

fn before_6_2(mut topology: Topology) -> Topology {
    for node in &mut topology.nodes {
        if let State::Up(server) = &mut node.state {
            server.version = sample::version(6, 0, 16);
        }
    }
    topology
}

#[test]
fn what_a_script_writes_past_the_fence_is_never_lost() {
    let (mut runs, mut chains, mut put_back) = (0, 0, 0);
    for topology in (2..=4).flat_map(topologies).map(before_6_2) {
        if topology.primaries().next().is_none() {
            continue;
        }
        let access = access(&topology, true);
        for operation in operations(topology.nodes.len()) {
            let Ok(plan) = promote::plan::plan(&operation, &topology, &access) else {
                continue;
            };
            let straight = World::new(&topology);
            straight.start(&plan);
            let moved = |w: &Warning| w.code() == "moved-first";
            chains += usize::from(plan.warnings.iter().any(moved));
            for call in 0..straight.calls() {
                runs += 1;
                let world = World::new(&topology);
                world.lock().script_at = Some(call);
                let outcome = world.start(&plan);
                put_back += usize::from(matches!(outcome, Outcome::RolledBack { .. }));
                let now = world.observe();
                let primaries: Vec<_> = now.primaries().map(|n| n.name.clone()).collect();
                let [primary] = &primaries[..] else {
                    panic!("{primaries:?} {outcome:?} {plan:#?}");
                };
                let lost = world.lost(primary);
                assert_eq!(lost, 0, "at {call}: {outcome:?} {plan:#?}");
            }
        }
    }
    println!("{runs} runs, {chains} from chains, {put_back} put back");
    assert!(
        runs > 1_000 && chains > 20 && put_back > 50,
        "{runs}, {chains}, {put_back}"
    );
}
