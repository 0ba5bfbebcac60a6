//! Files in memory, read as real servers were measured to read them.

use super::*;

fn files(all: &[(&str, &str)]) -> Files {
    let lines = |(path, text): &(&str, &str)| {
        let read = match *text {
            "missing" => Read::Missing,
            text => Read::Lines(text.to_owned()),
        };
        ((*path).to_owned(), read)
    };
    Files {
        read: all.iter().map(lines).collect(),
        matching: BTreeMap::new(),
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn chain(all: &[(&str, &str)], arguments: &str) -> Result<Chain, String> {
    let arguments = words(arguments);
    let start = Start {
        file: Some("/etc/r.conf"),
        arguments: &arguments,
        folder: Some("/"),
        patterns: true,
    };
    Ok(follow(&start, &files(all))?.unwrap())
}

fn role(all: &[(&str, &str)], arguments: &str) -> Result<PersistedRole, String> {
    Ok(chain(all, arguments)?.role())
}

fn of(host: &str, port: u16) -> PersistedRole {
    PersistedRole::ReplicaOf(Address::new(host, port))
}

#[test]
fn the_last_line_counts_wherever_it_stands() {
    let main = |text: &str| role(&[("/etc/r.conf", text)], "").unwrap();
    assert_eq!(main(""), PersistedRole::Primary);
    assert_eq!(main("replicaof a 1\nSlaveOf \"b\" 2\n"), of("b", 2));
    assert_eq!(
        main("replicaof a 1\nreplicaof no one\n"),
        PersistedRole::Primary
    );
    assert_eq!(main("replicaof \"a 1\"\n"), of("a", 1));
    assert!(role(&[("/etc/r.conf", "replicaof a 99999\n")], "").is_err());
    assert!(role(&[("/etc/r.conf", "replicaof a\n")], "").is_err());
    let included = [
        ("/etc/r.conf", "replicaof a 1\ninclude /etc/x.conf\n"),
        ("/etc/x.conf", "replicaof x 9\n"),
    ];
    assert_eq!(role(&included, "").unwrap(), of("x", 9));
    let before = [
        ("/etc/r.conf", "include /etc/x.conf\nreplicaof a 1\n"),
        ("/etc/x.conf", "replicaof x 9\n"),
    ];
    assert_eq!(role(&before, "").unwrap(), of("a", 1));
    assert_eq!(role(&before, "--replicaof h 7").unwrap(), of("h", 7));
    assert_eq!(
        role(&before, "--replicaof no one").unwrap(),
        PersistedRole::Primary
    );
    assert_eq!(role(&before, "--include /etc/x.conf").unwrap(), of("x", 9));
}

#[test]
fn relative_names_are_of_the_folder_at_that_point() {
    let moved = [
        ("/etc/r.conf", "dir /data\ninclude x.conf\n"),
        ("/data/x.conf", "dir sub\ninclude ./y.conf\n"),
        ("/data/sub/y.conf", "replicaof y 1\n"),
    ];
    assert_eq!(role(&moved, "").unwrap(), of("y", 1));
    let start = Start {
        file: Some("/etc/r.conf"),
        arguments: &[],
        folder: None,
        patterns: true,
    };
    let unknown = files(&[("/etc/r.conf", "include x.conf\ndir /data\n")]);
    assert!(
        follow(&start, &unknown)
            .unwrap_err()
            .contains("is not known")
    );
    let known = files(&[("/etc/r.conf", "dir /data\ninclude x.conf\n")]);
    let ask = follow(&start, &known).unwrap().unwrap_err();
    assert_eq!(Vec::from_iter(ask.files), ["/data/x.conf"]);
}

#[test]
fn patterns_are_expanded_where_the_server_does() {
    let text = "include /etc/d/*.conf\n";
    let start = |patterns| Start {
        file: Some("/etc/r.conf"),
        arguments: &[],
        folder: Some("/"),
        patterns,
    };
    let mut all = files(&[
        ("/etc/r.conf", text),
        ("/etc/d/1.conf", "replicaof one 1\n"),
        ("/etc/d/2.conf", "replicaof two 2\n"),
    ]);
    let ask = follow(&start(true), &all).unwrap().unwrap_err();
    assert_eq!(Vec::from_iter(ask.patterns), ["/etc/d/*.conf"]);
    let found = ["/etc/d/1.conf", "/etc/d/2.conf"].map(str::to_owned);
    all.matching.insert("/etc/d/*.conf".into(), found.to_vec());
    let chain = follow(&start(true), &all).unwrap().unwrap();
    assert_eq!(chain.role(), of("two", 2));
    // Before 7.0 it is the name of a file.
    let ask = follow(&start(false), &all).unwrap().unwrap_err();
    assert_eq!(Vec::from_iter(ask.files), ["/etc/d/*.conf"]);
}

#[test]
fn what_has_no_end_or_is_not_there_is_not_known() {
    let itself = [("/etc/r.conf", "include /etc/r.conf\n")];
    assert!(role(&itself, "").unwrap_err().contains("files deep"));
    let gone = [
        ("/etc/r.conf", "include /etc/x.conf\n"),
        ("/etc/x.conf", "missing"),
    ];
    assert_eq!(role(&gone, "").unwrap_err(), "/etc/x.conf is not there");
    let wide: String = "include /etc/x.conf\n".repeat(70);
    let many = [("/etc/r.conf", wide.as_str()), ("/etc/x.conf", "")];
    assert!(role(&many, "").unwrap_err().contains("more than 64 files"));
}

#[test]
fn the_data_lie_where_the_last_lines_say() {
    let read = |text: &str, arguments: &str| {
        let all = [("/etc/r.conf", text), ("/etc/more.conf", "dbfilename b")];
        chain(&all, arguments)
    };
    let data = |text: &str, arguments: &str| read(text, arguments).unwrap().data;
    let defaults = data("", "");
    assert_eq!(defaults.folder.as_deref(), Some("/"));
    assert_eq!(defaults.snapshot, "dump.rdb");
    assert_eq!(
        data(
            "dir /srv\ndbfilename a\nappendfilename \"w.log\"\nappenddirname parts\ninclude /etc/more.conf\n",
            "--dir orders"
        ),
        DataFiles {
            folder: Some("/srv/orders".to_owned()),
            snapshot: "b".to_owned(),
            log: "w.log".to_owned(),
            log_folder: "parts".to_owned(),
            ..DataFiles::default()
        }
    );
    // `systemctl show` joins the words of a command: `--dbfilename "my dump"` is two of them.
    let why = read("", "--dbfilename my dump").unwrap_err();
    assert!(
        why.contains("`dbfilename` line that cannot be read"),
        "{why}"
    );
    assert_eq!(data("", "").clients, Some(10_000));
    assert_eq!(data("maxclients 9\nmaxclients 7\n", "").clients, Some(7));
    assert_eq!(data("", "--maxclients 8").clients, Some(8));
    let listens = |text: &str, arguments: &str, port| data(text, arguments).listens_on(port);
    assert!(listens("", "", 6379) && !listens("port 7000\n", "", 6379));
    assert!(listens("port 7000\n", "--port 7001", 7001));
    assert!(listens("port 0\ntls-port 7002\n", "", 7002) && !listens("port 0\n", "", 0));
}
