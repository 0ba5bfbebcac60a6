//! The findings about restarts and reboots.

use super::super::{Code, Context, Severity, findings};
use crate::topology::service::{Arguments, Chain, Service, Starter, Unit, Writable};
use crate::topology::testing::{down, healthy};
use crate::topology::{Address, Node, PersistedRole, ReplicaAuth, Topology, TroubleKind};

/// A server from a package. Its user may write its file; `enabled`: it starts at boot.
fn service(enabled: bool) -> Service {
    Service {
        starter: Starter::Unit(Box::new(Unit {
            name: "redis-server.service".into(),
            user: Some("redis".into()),
            fragment: None,
            drop_ins: Vec::new(),
            exec_start: String::new(),
            enabled: Some(enabled),
            confined: Vec::new(),
        })),
        process: None,
        file: Some("/etc/redis.conf".into()),
        written: Some("/etc/redis.conf".into()),
        arguments: Arguments::Shown(Vec::new()),
        settings: Ok(Chain::default()),
        writable: Writable::Yes,
        managed: false,
    }
}

/// The tutorial's deployment, with the given roles for its next starts.
fn started(roles: [Option<&str>; 3], enabled: [bool; 3]) -> Topology {
    let mut topology = healthy();
    for ((node, role), enabled) in topology.nodes.iter_mut().zip(roles).zip(enabled) {
        node.persisted = Some(role.map_or(PersistedRole::Primary, |host| {
            PersistedRole::ReplicaOf(Address::new(host, 6379))
        }));
        node.service = Some(Box::new(service(enabled)));
    }
    topology
}

const MASTER: Option<&str> = Some("192.168.0.120");
const SLAVE1: Option<&str> = Some("192.168.0.130");

fn told(topology: &Topology) -> Vec<(Severity, String)> {
    let found = findings(topology, &Context::default());
    let reboots = found.into_iter().filter(|f| f.code == Code::RebootForecast);
    reboots.map(|f| (f.severity, f.message)).collect()
}

#[test]
fn nothing_is_told_where_all_is_well() {
    let topology = started([None, MASTER, MASTER], [true; 3]);
    assert_eq!(told(&topology), []);
    assert!(findings(&topology, &Context::default()).is_empty());
}

#[test]
fn what_a_reboot_of_all_comes_to() {
    let warned = |text: &str| vec![(Severity::Warning, text.to_owned())];
    let two = started([None, None, MASTER], [true; 3]);
    assert_eq!(
        told(&two),
        warned("when all hosts start again, `master` and `slave1` are primaries")
    );
    let circle = started([SLAVE1, MASTER, MASTER], [true; 3]);
    assert_eq!(
        told(&circle),
        warned(
            "when all hosts start again, there is no primary: `master` and `slave1` follow each other"
        )
    );
    let gone = started([None, MASTER, MASTER], [false, true, true]);
    assert_eq!(
        told(&gone),
        warned("when all hosts start again, there is no primary: nothing starts `master`")
    );
    let mut by_hand = gone.clone();
    of(&mut by_hand.nodes[0]).starter = Starter::Nothing;
    assert_eq!(told(&by_hand)[0].0, Severity::Note);
    let one = started([None, MASTER, MASTER], [true, true, false]);
    assert_eq!(
        told(&one),
        [(
            Severity::Note,
            "when the hosts start again, nothing starts `slave2`".to_owned()
        )]
    );
    // An unknown role gives no forecast.
    let mut unknown = started([SLAVE1, MASTER, MASTER], [true; 3]);
    unknown.nodes[2].persisted = Some(PersistedRole::Unknown("no route".into()));
    assert_eq!(told(&unknown), []);
}

/// Sentinels that watch repair it later. Until then the forecast is true.
#[test]
fn sentinels_are_counted() {
    let mut circle = started([SLAVE1, MASTER, MASTER], [true; 3]);
    for node in &mut circle.nodes {
        node.up().sentinels = Some(3);
    }
    let told = told(&circle);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, Severity::Note);
    assert!(
        told[0]
            .1
            .ends_with(", until the Sentinels run again and have agreed on one")
    );
}

fn of(node: &mut Node) -> &mut Service {
    node.service.as_mut().unwrap()
}

#[test]
fn nodes_that_could_not_keep_another_role_are_told_once_for_each_reason() {
    let mut topology = started([None, MASTER, MASTER], [true; 3]);
    of(&mut topology.nodes[1]).written = None;
    of(&mut topology.nodes[2]).written = None;
    of(&mut topology.nodes[0]).writable = Writable::No("its user may not write in /etc".into());
    let found = findings(&topology, &Context::default());
    let said: Vec<&str> = found.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "a new role of `master` would end with its process: /etc/redis.conf cannot be written: its user may not write in /etc",
            "a new role of `slave1` and `slave2` would end with its process: it runs without a configuration file",
        ]
    );
    assert!(
        found
            .iter()
            .all(|f| f.severity == Severity::Note && f.code == Code::RoleNotKept)
    );
}

/// The hint for a foreign server names its own unit.
#[test]
fn no_hint_leads_to_a_second_unit() {
    let mut topology = started([None, MASTER, MASTER], [true; 3]);
    let gone = down("slave2", "192.168.0.140", TroubleKind::Refused, "refused");
    topology.nodes[2].state = gone.state;
    let found = findings(&topology, &Context::default());
    let hint = found.iter().find(|f| f.code == Code::Unreachable).unwrap();
    assert_eq!(
        hint.hint.as_deref(),
        Some("ssh 192.168.0.140 systemctl start redis-server.service")
    );
    of(&mut topology.nodes[2]).managed = true;
    let found = findings(&topology, &Context::default());
    let hint = found.iter().find(|f| f.code == Code::Unreachable).unwrap();
    assert_eq!(hint.hint.as_deref(), Some("replctl setup slave2"));
}

/// A foreign server that runs is not started. A setting to change by hand is the subject of the
/// finding.
#[test]
fn what_setup_cannot_do_is_told_as_what_to_do_by_hand() {
    let hint = |code: Code, change: &dyn Fn(&mut Topology)| {
        let mut topology = started([None, MASTER, MASTER], [true; 3]);
        change(&mut topology);
        let found = findings(&topology, &Context::default());
        let found = found.into_iter().find(|f| f.code == code).unwrap();
        found.hint.unwrap()
    };
    let closed = |kind: TroubleKind| {
        hint(Code::Unreachable, &|t| {
            t.nodes[2].state = down("slave2", "192.168.0.140", kind, "closed").state;
        })
    };
    assert_eq!(
        closed(TroubleKind::PasswordMissing),
        "give `password` under `[deployment]` in the inventory"
    );
    assert_eq!(
        closed(TroubleKind::PasswordRefused),
        "compare the inventory's password with `requirepass` of `slave2`"
    );
    let announces = |t: &mut Topology| {
        let config = &mut t.nodes[1].up().config;
        config.insert("replica-announce-ip".into(), "10.9.9.9".into());
    };
    let cli = "redis-cli -h 192.168.0.130 -p 6379";
    assert_eq!(
        hint(Code::AnnouncedElsewhere, &announces),
        format!(
            "correct `announce` in the inventory, or let the server say the same: {cli} config set replica-announce-ip 192.168.0.130 \
             && {cli} config set replica-announce-port 6379, and the same in its file"
        )
    );
    let shut = |t: &mut Topology| {
        t.nodes[1].link_down(None);
        let above = t.nodes[0].up();
        above.has_password = Some(false);
        above.config.insert("protected-mode".into(), "yes".into());
        t.nodes[1].up().replica_auth = Some(ReplicaAuth::Unset);
    };
    assert_eq!(
        hint(Code::NeverLinked, &shut),
        "give every node a password and say it in the inventory; or, where nobody else reaches `master`: \
         ssh 192.168.0.120 redis-cli -h 127.0.0.1 -p 6379 config set protected-mode no"
    );
    let wrong = |t: &mut Topology| t.nodes[1].up().replica_auth = Some(ReplicaAuth::Wrong);
    assert_eq!(
        hint(Code::ReplicaAuthWrong, &wrong),
        format!("as the inventory says, CONFIG SET masterauth '', and then CONFIG REWRITE: {cli}")
    );
}
