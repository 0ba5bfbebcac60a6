//! Refuses a change of passwords that would cut off servers: replicas that are no nodes, and
//! unknown Sentinels. No step reaches those.

use super::{Look, PasswordInput};
use crate::engine::{Ground, Refusal};
use crate::topology::Node;
use crate::topology::fed::{Strangers, strangers};
use crate::topology::one_address::Places;
use crate::topology::phrases::addresses;
use crate::topology::sentinel::View;

/// Replicas that are no nodes keep their login, and would be refused the next time.
pub(super) fn replicas(look: &Look<'_>) -> Vec<Refusal> {
    let places = Places::of(look.topology);
    let all = look.topology.nodes.iter();
    let found = all.filter_map(|node| Some((node, strangers(node, &places, look.topology)?)));
    let one = |(node, Strangers { count, among }): (&Node, Strangers)| {
        let (who, it) = if count == 1 {
            ("a replica".to_owned(), "it")
        } else {
            (format!("{count} replicas"), "they")
        };
        let at = among.first().map_or_else(String::new, ToString::to_string);
        Refusal::new(
            Ground::Topology,
            format!(
                "`{}` feeds {who} that the inventory lacks ({}): {it} would be let in no more",
                node.name,
                addresses(&among)
            ),
            format!(
                "with the earlier `auth` or `password` in the inventory: replctl add NAME --address {at}; or end it; then change the password"
            ),
        )
    };
    found.map(one).collect()
}

/// Every Sentinel must get the password, or it would lose the servers.
pub(super) fn sentinels(look: &Look<'_>, around: &PasswordInput<'_>) -> Vec<Refusal> {
    let nodes = look.topology.nodes.iter();
    let counted = nodes.filter_map(|n| n.server()?.sentinels).max();
    let counted = usize::try_from(counted.unwrap_or(0)).unwrap_or(usize::MAX);
    let views = around.watch.map_or(&[][..], |w| &w.views);
    let silent = views
        .iter()
        .filter_map(|v| Some((&v.address, v.silence()?)));
    let mut out: Vec<Refusal> = silent
        .map(|(at, why)| {
            Refusal::new(
                Ground::Sentinel,
                format!("the Sentinel at {at} has to be told the password, and cannot be: {why}"),
                format!(
                    "start it; or, if it never comes back: replctl sentinel forget {at}; then: replctl setup"
                ),
            )
        })
        .collect();
    let strange = |v: &&View| v.sees().is_some() && !around.confirmed.contains(&v.address);
    for view in views.iter().filter(strange) {
        let at = &view.address;
        out.push(Refusal::new(
            Ground::Sentinel,
            format!(
                "what answers at {at} says that it is a Sentinel of these servers, and neither the inventory nor a host of theirs says so: it would be told the password"
            ),
            "if it is yours, name it in `[sentinel]` of the inventory; if not, end it; then: replctl setup",
        ));
    }
    // A process that only claims to be a Sentinel does not count as a known one.
    let known = views.len() - views.iter().filter(strange).count();
    if counted > known {
        out.push(Refusal::new(
            Ground::Sentinel,
            format!(
                "{counted} Sentinels watch, and replctl knows {known} of them: the others could not be told the password"
            ),
            "name them in `[sentinel]` of the inventory, then: replctl setup",
        ));
    }
    out
}
