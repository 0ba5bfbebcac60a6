//! Answers of real hosts.

mod stopped;

use super::super::chain::Read;
use super::super::{Keep, Obstacle};
use super::*;
use crate::topology::{Address, PersistedRole};

const FILE: &str = "/etc/redis/redis.conf";

fn unit(id: &str, exec: &str, more: &[(&str, &str)]) -> Properties {
    let exec =
        format!("{{ path=/usr/bin/redis-server ; argv[]={exec} ; ignore_errors=no ; pid=0 }}");
    let fixed = [
        ("Id", id),
        ("LoadState", "loaded"),
        ("UnitFileState", "enabled"),
        ("User", "redis"),
        ("ExecStart", exec.as_str()),
    ];
    let all = fixed.iter().chain(more);
    all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn process(cmdline: &str, bytes: Option<u64>) -> SeenProcess {
    SeenProcess {
        pid: 7,
        exe: Some("/usr/bin/redis-check-rdb".into()),
        cmdline: cmdline.as_bytes().to_vec(),
        argument_bytes: bytes,
        ids: (101, 102, Vec::new()),
        nested: false,
    }
}

/// Debian's server, as its package starts it; `text`: its file.
fn debian(text: &str) -> (Answer, Subject) {
    let command = format!("/usr/bin/redis-server {FILE} --supervised systemd --daemonize no");
    let mut answer = Answer {
        listening: true,
        process: Some(process(
            "/usr/bin/redis-server 127.0.0.1:6379\0\0\0",
            Some(90),
        )),
        systemd: true,
        in_unit: Some("redis-server.service".into()),
        units: vec![unit(
            "redis-server.service",
            &command,
            &[("ProtectSystem", "strict")],
        )],
        reader: Some((101, 102, Vec::new())),
        writable: Some(Writable::Yes),
        ..Answer::default()
    };
    answer
        .files
        .read
        .insert(FILE.into(), Read::Lines(text.into()));
    let subject = Subject {
        port: 6379,
        running: true,
        own_port: Some(6379),
        config_file: Some(FILE.into()),
        patterns: true,
        own_unit: "redis_6379.service".into(),
        own_file: "/db/redis/6379/conf/redis.cnf".into(),
        ..Subject::default()
    };
    (answer, subject)
}

fn keeps(service: &Service, role: Option<&Address>) -> Keep {
    service.keeps(role, None, |a, b| a == b)
}

#[test]
fn a_package_keeps_its_role_in_its_own_file() {
    let (answer, subject) = debian("port 6379\n");
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(service.unit().unwrap().name, "redis-server.service");
    assert_eq!(service.file.as_deref(), Some(FILE));
    assert_eq!(service.next_role(), PersistedRole::Primary);
    assert_eq!(
        (service.managed, service.starts_at_boot()),
        (false, Some(true))
    );
    assert_eq!(keeps(&service, Some(&Address::new("h", 1))), Keep::Yes);
}

/// The server is stopped, so INFO says nothing. Its unit is found by the port in the file that the
/// unit names.
#[test]
fn a_package_that_is_stopped_is_found_by_its_unit() {
    let (mut answer, mut subject) = debian("port 6379\nreplicaof h 1\n");
    (subject.running, subject.config_file, answer.in_unit) = (false, None, None);
    (answer.process, answer.listening) = (None, false);
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(service.file.as_deref(), Some(FILE));
    assert_eq!(
        service.next_role(),
        PersistedRole::ReplicaOf(Address::new("h", 1))
    );
    // Another port's unit is not its own.
    subject.port = 7000;
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!((service.file.as_deref(), service.unit()), (None, None));
    // A file that was not read yet is asked for.
    answer.files.read.clear();
    let ask = resolve(&answer, &subject).unwrap_err();
    assert!(ask.files.contains(FILE));
}

#[test]
fn a_role_in_the_command_of_a_unit_wins() {
    let (mut answer, subject) = debian("");
    let command = format!("/usr/bin/redis-server {FILE} --replicaof h 1");
    answer.units = vec![unit("redis-server.service", &command, &[])];
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(
        service.next_role(),
        PersistedRole::ReplicaOf(Address::new("h", 1))
    );
    assert!(matches!(
        keeps(&service, None),
        Keep::No(Obstacle::CommandLine(Some(_)))
    ));
    assert_eq!(keeps(&service, Some(&Address::new("h", 1))), Keep::Yes);
    // The same from a variable of the unit; and from a file, which is not read.
    let command = format!("/usr/bin/redis-server {FILE} $ROLE");
    let set = [("Environment", "\"ROLE=--replicaof h 1\"")];
    answer.units = vec![unit("redis-server.service", &command, &set)];
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(
        service.next_role(),
        PersistedRole::ReplicaOf(Address::new("h", 1))
    );
    let file = [("EnvironmentFiles", "/etc/default/redis (ignore_errors=no)")];
    answer.units = vec![unit("redis-server.service", &command, &file)];
    let service = resolve(&answer, &subject).unwrap();
    assert!(matches!(service.next_role(), PersistedRole::Unknown(_)));
}

#[test]
fn what_cannot_be_written_is_known_before() {
    let (mut answer, subject) = debian("");
    answer.confined = Some("/etc/redis".into());
    let service = resolve(&answer, &subject).unwrap();
    let Keep::No(obstacle) = keeps(&service, None) else {
        panic!("{service:?}")
    };
    assert!(
        obstacle
            .why(&service)
            .contains("redis-server.service does not let it write in /etc/redis (ProtectSystem)")
    );
    assert!(
        obstacle
            .remedy(&service)
            .ends_with("systemctl edit redis-server.service")
    );
    let (answer, mut subject) = debian("");
    subject.config_file = Some("/tmp/other.conf".into());
    let service = resolve(&answer, &subject).unwrap();
    assert!(matches!(
        keeps(&service, None),
        Keep::No(Obstacle::OtherFile { .. })
    ));
    subject.config_file = None;
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(keeps(&service, None), Keep::No(Obstacle::NoFile));
}

/// A title hides the arguments. Its length shows whether there were any.
#[test]
fn a_title_tells_by_its_length() {
    let (mut answer, subject) = debian("");
    answer.units.clear();
    answer.in_unit = Some("ssh.service".into());
    let mut started = |cmdline: &str| {
        answer.process = Some(process(cmdline, None));
        resolve(&answer, &subject).unwrap()
    };
    let shown = |typed: &str| {
        let title = "redis-server 127.0.0.1:6379";
        format!("{title:\0<width$}", width = typed.len() + 1)
    };
    for alone in [
        format!("redis-server {FILE}"),
        "redis-server redis/redis.conf".into(),
    ] {
        let service = started(&shown(&alone));
        assert_eq!(service.arguments, Arguments::Shown(Vec::new()), "{alone}");
        assert_eq!(service.starter, Starter::Nothing);
    }
    let typed = format!("redis-server {FILE} --replicaof 10.0.0.1 6379");
    let service = started(&shown(&typed));
    assert!(
        matches!(service.arguments, Arguments::Hidden(_)),
        "{service:?}"
    );
    assert!(matches!(service.next_role(), PersistedRole::Unknown(_)));
    let now = Address::new("10.0.0.1", 6379);
    let before = service.keeps(None, Some(&now), |a, b| a == b);
    assert_eq!(before, Keep::No(Obstacle::CommandLine(None)));
    // Too few bytes for a role of that length.
    let now = Address::new("a-host-with-a-long-name.example.org", 6379);
    let service = started(&shown(&format!("redis-server {FILE} --port 6379")));
    assert!(matches!(
        service.keeps(None, Some(&now), |a, b| a == b),
        Keep::Unknown(_)
    ));
    let plain = format!("redis-server\0{FILE}\0--replicaof\0h\x001\0");
    let service = started(&plain);
    assert_eq!(
        service.next_role(),
        PersistedRole::ReplicaOf(Address::new("h", 1))
    );
}

#[test]
fn containers_and_forwarded_ports_are_not_looked_into() {
    let (mut answer, subject) = debian("replicaof h 1\n");
    answer.process.as_mut().unwrap().nested = true;
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(
        service.next_role(),
        PersistedRole::Unknown("it runs in a container".into())
    );
    answer.process = Some(SeenProcess {
        exe: Some("/usr/bin/docker-proxy".into()),
        ..process("/usr/bin/docker-proxy\0-proto\0tcp\0", None)
    });
    let service = resolve(&answer, &subject).unwrap();
    assert!(matches!(&service.starter, Starter::Container(why) if why.contains("docker-proxy")));
    (answer.process, answer.listening) = (None, false);
    let service = resolve(&answer, &subject).unwrap();
    assert!(matches!(service.starter, Starter::Container(_)));
}

#[test]
fn a_start_script_is_read() {
    let (mut answer, mut subject) = debian("");
    answer.units.clear();
    answer.in_unit = None;
    let own = "/db/redis/6379/conf/redis.cnf";
    answer.rc_local = Some(format!(
        "su -s /bin/sh redis -c 'exec /db/redis/server/current/redis-server {own} --replicaof h 1'"
    ));
    subject.config_file = Some(own.into());
    answer
        .files
        .read
        .insert(own.into(), Read::Lines(String::new()));
    let service = resolve(&answer, &subject).unwrap();
    assert!(matches!(service.starter, Starter::Script(_)));
    assert_eq!(service.starts_at_boot(), Some(true));
    assert_eq!(
        service.next_role(),
        PersistedRole::ReplicaOf(Address::new("h", 1))
    );
}

#[test]
fn the_inventory_says_what_cannot_be_seen() {
    let (mut answer, mut subject) = debian("");
    answer.in_unit = None;
    answer.units.push(unit(
        "cache.service",
        "/usr/bin/redis-server /etc/cache.conf",
        &[],
    ));
    subject.unit = Some("cache.service".into());
    subject.managed = Some(true);
    answer
        .files
        .read
        .insert("/etc/cache.conf".into(), Read::Lines(String::new()));
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(service.file.as_deref(), Some("/etc/cache.conf"));
    assert!(service.managed);
    (subject.unit, subject.running) = (None, false);
    answer.units.clear();
    subject.wanted_file = Some(FILE.into());
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(service.file.as_deref(), Some(FILE));
}
