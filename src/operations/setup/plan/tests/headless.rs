//! Replicas run and their primary does not. The hint starts the primary, and names the same
//! candidate as `status`.

use super::InitialNode;
use super::stage::{NAMES, Stage};
use crate::engine::Setup;
use crate::findings::{Code, Context, findings};
use crate::topology::{NodeName, Role};

fn hint(world: &Stage) -> String {
    let all = Setup {
        nodes: Vec::new(),
        discard_data: Vec::new(),
    };
    let refusals = world.plan(&all).expect_err("it should be refused");
    let mut headless = refusals
        .into_iter()
        .filter(|r| r.why.contains("no primary runs"));
    headless.next().unwrap().hint
}

#[test]
fn the_stopped_primary_is_started_as_it_was_made_to_be() {
    let mut world = Stage::new([
        InitialNode::StoppedPrimary { keys: true },
        InitialNode::Replica { of: 0 },
        InitialNode::Replica { of: 0 },
    ]);
    let ssh = {
        let node = &mut world.inventory.nodes[0];
        node.ssh.user = Some("ops".into());
        node.ssh.port = Some(2222);
        node.ssh.as_root(&node.address.host)
    };
    // With its offset, slave2 is ahead; but it may not be promoted.
    let server = world.topology.nodes[2].server().unwrap().clone();
    let mut ahead = server;
    ahead.replication.priority = Some(0);
    if let Role::Replica(up) = &mut ahead.replication.role {
        up.offset += 100;
    }
    world.topology.nodes[2].state = crate::topology::State::Up(Box::new(ahead));
    let told = hint(&world);
    let begin = format!(
        "start the server of `{}`: {ssh} systemctl start replctl-6379.service; or: ",
        NAMES[0]
    );
    let rest = told
        .strip_prefix(&begin)
        .unwrap_or_else(|| panic!("{told}"));
    let found = findings(&world.topology, &Context::default());
    let status = found.iter().find(|f| f.code == Code::NoPrimary).unwrap();
    assert_eq!(Some(rest), status.hint.as_deref());
    assert_eq!(rest, format!("replctl promote {}", NAMES[1]));
    // Without systemd, as setup starts it.
    let facts = world.hosts.get_mut(&NodeName::from(NAMES[0])).unwrap();
    facts.as_mut().unwrap().unit = None;
    let told = hint(&world);
    let begin = format!("start the server of `{}`: {ssh} sh -c ", NAMES[0]);
    let rest = told
        .strip_prefix(&begin)
        .unwrap_or_else(|| panic!("{told}"));
    let split = shlex::split(rest.split("; or: ").next().unwrap()).unwrap();
    let there = shlex::split(&split[0]).unwrap();
    assert!(there[0].starts_with("setsid runuser -u redis -- /db/redis/server/current-6379/redis-server /db/redis/6379/conf/redis.cnf "), "{there:?}");
    // Nothing is known of its host.
    world.hosts.remove(&NodeName::from(NAMES[0]));
    assert!(hint(&world).contains(&format!("on its host: {ssh}; or: ")));
}
