//! Stopped servers: which unit is theirs, and what is not known of them.

use super::*;

/// A stopped server with these units, which the look has found, and these files.
fn stopped(units: Vec<Properties>, files: &[(&str, &str)], port: u16) -> (Answer, Subject) {
    let (mut answer, mut subject) = debian("");
    (subject.running, subject.config_file, subject.port) = (false, None, port);
    (answer.in_unit, answer.process, answer.listening) = (None, None, false);
    answer.units = units;
    let lines = |(path, text): &(&str, &str)| ((*path).to_owned(), Read::Lines((*text).to_owned()));
    answer.files.read = files.iter().map(lines).collect();
    (answer, subject)
}

fn debians() -> Properties {
    unit("redis-server.service", &format!("redis-server {FILE}"), &[])
}

#[test]
fn the_port_of_a_stopped_server_is_what_its_whole_start_reads() {
    let of_b = format!("redis-server {FILE} --port 6380 --dir /srv/b");
    let units = || vec![unit("redis-b.service", &of_b, &[]), debians()];
    let (answer, subject) = stopped(units(), &[(FILE, "")], 6379);
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(service.unit().unwrap().name, "redis-server.service");
    // Both start with one file: a role in it would be a role of both.
    assert_eq!(
        service.of_others().unwrap_err(),
        format!("redis-b.service starts a server with {FILE}, too")
    );
    assert_eq!(service.file, None);
    // The port may be in an include, which is read first.
    let text = "include /etc/more.conf\n";
    let (mut answer, subject) = stopped(vec![debians()], &[(FILE, text)], 6380);
    let ask = resolve(&answer, &subject).unwrap_err();
    assert!(ask.files.contains("/etc/more.conf"));
    let more = Read::Lines("port 6380\n".to_owned());
    answer.files.read.insert("/etc/more.conf".to_owned(), more);
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(service.file.as_deref(), Some(FILE));
    assert!(service.of_others().unwrap().is_some());
}

#[test]
fn a_unit_of_a_stopped_server_is_never_guessed() {
    let other = unit("cache.service", "redis-server /etc/cache.conf", &[]);
    let files = [(FILE, ""), ("/etc/cache.conf", "")];
    let (answer, mut subject) = stopped(vec![other, debians()], &files, 6379);
    let why = resolve(&answer, &subject).unwrap().of_others().unwrap_err();
    assert_eq!(
        why,
        "cache.service and redis-server.service start a server on port 6379: name one of them as `unit` of the node in the inventory"
    );
    subject.unit = Some("cache.service".to_owned());
    let service = resolve(&answer, &subject).unwrap();
    assert_eq!(service.file.as_deref(), Some("/etc/cache.conf"));
    assert!(service.of_others().unwrap().is_some());
    subject.port = 6380;
    let service = resolve(&answer, &subject).unwrap();
    let why = service.of_others().unwrap_err();
    assert_eq!(
        (why.as_str(), service.file),
        (
            "cache.service starts a server on port 6379, and the node's port is 6380",
            None
        )
    );
    subject.unit = Some("gone.service".to_owned());
    let why = resolve(&answer, &subject).unwrap().of_others().unwrap_err();
    assert_eq!(
        why,
        "gone.service, which the inventory names, is not loaded there"
    );
}

/// `dir` of a server whose unit gives it other folders is another folder on its host.
#[test]
fn a_unit_with_folders_of_its_own_hides_the_data() {
    let of = |key: &str, value: &str, text: &str| {
        let command = format!("redis-server {FILE}");
        let more = [("PrivateTmp", "yes"), (key, value)];
        let units = vec![unit("redis-server.service", &command, &more)];
        let (answer, subject) = stopped(units, &[(FILE, text)], 6379);
        resolve(&answer, &subject).unwrap().of_others().map(drop)
    };
    assert_eq!(of("BindPaths", "", "dir /srv\n"), Ok(()));
    let bound = of("BindPaths", "/a:/srv", "dir /srv\n").unwrap_err();
    assert!(bound.contains("(BindPaths)"), "{bound}");
    let private = of("BindPaths", "", "dir /tmp/x\n").unwrap_err();
    assert!(private.contains("(PrivateTmp)"), "{private}");
}

/// Where the data of a stopped server lie and what role it starts with is not known where its
/// command is not.
#[test]
fn what_a_unit_hides_is_not_known() {
    let of = |command: &str, more: &[(&str, &str)]| {
        let units = vec![unit("redis-server.service", command, more)];
        let (answer, mut subject) = stopped(units, &[(FILE, "")], 6379);
        subject.unit = Some("redis-server.service".to_owned());
        subject.wanted_file = Some(FILE.to_owned());
        let service = resolve(&answer, &subject).unwrap();
        service.of_others().map(drop).unwrap_err()
    };
    let hidden = "what redis-server.service starts it with cannot be read";
    assert_eq!(of("/usr/local/bin/start-it", &[]), hidden);
    let file = [("EnvironmentFiles", "/etc/default/redis (ignore_errors=no)")];
    assert_eq!(of(&format!("redis-server {FILE} $OPTIONS"), &file), hidden);
    assert_eq!(
        of("redis-server --port 6379", &[]),
        "redis-server.service starts it without a configuration file"
    );
    let relative = of("redis-server redis.conf", &[]);
    assert!(
        relative.contains("the file `redis.conf`, and from which folder"),
        "{relative}"
    );
}
