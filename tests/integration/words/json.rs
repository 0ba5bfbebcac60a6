//! The real JSON of every command, checked against the committed schema; errors too.

use crate::support::{Ran, await_that, ports};
use crate::words::bench::{Bench, NAMES};
use crate::words::schema::{sees_faults, wrong};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Runs commands with `--json`, and keeps what they print.
struct Listener<'a> {
    bench: &'a Bench,
    documents: Vec<(String, Value)>,
}

impl Listener<'_> {
    /// Runs a line, asserts its exit code, and gives its document.
    #[track_caller]
    fn run(&mut self, line: &str, code: i32) -> Value {
        let mut words: Vec<&str> = line.split(' ').collect();
        words.push("--json");
        let ran = self.bench.operator.run(&words).code(code);
        let document: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
        assert_eq!(document["format"], 1, "{ran}");
        told_to_people_too(&ran, &document, code);
        self.documents.push((line.to_owned(), document.clone()));
        document
    }
}

/// An error is in the document and on stderr, in the same words; without an error, neither has one.
fn told_to_people_too(ran: &Ran, document: &Value, code: i32) {
    let error = &document["error"];
    if matches!(code, 0 | 4) && error.is_null() {
        return;
    }
    assert_eq!(error["exit"], code, "{ran}");
    let further = error["further"].as_array();
    for problem in std::iter::once(error).chain(further.into_iter().flatten()) {
        told_whole(ran, problem);
    }
}

/// The sentence, its causes and its hint, each in all its words.
fn told_whole(ran: &Ran, problem: &Value) {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = plain(&ran.stderr);
    let message = problem["message"].as_str().unwrap();
    let begun = ["error:", "warning:"].map(|word| plain(&format!("{word} {message}")));
    assert!(
        begun.iter().any(|told| said.contains(told)) || by_clap(ran),
        "{message}\n{ran}"
    );
    assert!(
        said.contains(&plain(message)) || message == "no command is given",
        "{message}\n{ran}"
    );
    for cause in problem["causes"].as_array().unwrap() {
        let cause = format!("caused by: {}", cause.as_str().unwrap());
        assert!(said.contains(&plain(&cause)), "{cause}\n{ran}");
    }
    if let (Some(hint), false) = (problem["hint"].as_str(), by_clap(ran)) {
        let hint = format!("hint: {hint}");
        assert!(said.contains(&plain(&hint)), "{hint}\n{ran}");
    }
}

/// Clap has an own form for what is wrong with a command line.
fn by_clap(ran: &Ran) -> bool {
    ran.stderr.contains("try '--help'")
}

#[test]
fn every_document_is_as_the_schema_says() {
    let Some(bench) = Bench::new(3) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0);
    let mut listen = Listener {
        bench: &bench,
        documents: Vec::new(),
    };
    looks(&mut listen);
    changes(&mut listen);
    two_primaries(&mut listen);
    sentinels(&mut listen);
    wrong_words(&mut listen);

    let documents = listen.documents;
    let folder = bench.folder();
    if let Some(wrong) = wrong(folder, &documents) {
        assert!(wrong.is_empty(), "{wrong}");
    }
    let status = documents.iter().find(|(line, _)| line == "status").unwrap();
    sees_faults(folder, &status.1);
    // Every command that help names has printed one that is no mere error.
    let told = |(_, d): &(String, Value)| {
        let fields = d.as_object().unwrap().keys().filter(|k| *k != "error");
        let more = fields.count() > 2;
        more.then(|| d["command"].as_str().map(str::to_owned))
            .flatten()
    };
    let seen: BTreeSet<String> = documents.iter().filter_map(told).collect();
    let schema = crate::words::schema::strict();
    let known = schema["properties"]["command"]["enum"].as_array().unwrap();
    let known: BTreeSet<String> = known
        .iter()
        .filter_map(|c| c.as_str().map(str::to_owned))
        .collect();
    let missing: Vec<&String> = known.difference(&seen).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
    commands_of_help_are(&bench, &known);
}

/// The schema knows each command that help names.
fn commands_of_help_are(bench: &Bench, known: &BTreeSet<String>) {
    let help = bench.run(&["help"]).ok().stdout;
    let lines = help
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1);
    let named = lines.take_while(|l| !l.is_empty()).filter_map(|l| {
        l.strip_prefix("  ")?
            .split_whitespace()
            .next()
            .filter(|_| !l.starts_with("   "))
    });
    for command in named.filter(|c| *c != "help") {
        let in_it = known
            .iter()
            .any(|k| k == command || k.starts_with(&format!("{command} ")));
        assert!(in_it, "{command} is not in the schema");
    }
}

fn looks(listen: &mut Listener<'_>) {
    let setup = listen.run("setup", 0);
    assert_eq!(setup["nothing_to_do"], true);
    let status = listen.run("status", 0);
    assert_eq!(status["command"], "status");
    listen.run("status --seconds --no-ssh", 0);
    let warned = listen.run("status --accept-new-host-keys", 0);
    let no_effect = "--accept-new-host-keys has no effect: this command writes nothing";
    let warnings = warned["warnings"].as_array().unwrap();
    assert!(warnings.contains(&no_effect.into()), "{warned:#}");
    assert!(!status["warnings"].to_string().contains(no_effect));
    // All nodes are on one host here.
    let checked = listen.run("check --matrix --seconds 1", 4);
    assert!(
        checked["writes"]["bytes_per_second"].is_u64(),
        "{checked:#}"
    );
    assert!(checked["findings"].to_string().contains("one-host"));
    let endpoint = listen.run("endpoint", 0);
    assert_eq!(endpoint["primary"], "master");
    listen.run("clients", 0);
    listen.run("history", 0);
    listen.run("report last", 0);
    let into = listen.run("report last --output incident.md", 0);
    assert_eq!(into["file"], "incident.md");
    let again = listen.run("report last --output incident.md", 1);
    assert_eq!(again["error"]["code"], "failed", "{again:#}");
    assert_eq!(again["error"]["changed"], false);
    for line in ["resume", "rollback", "abandon last --yes"] {
        assert_eq!(listen.run(line, 0)["nothing_to_do"], true, "{line}");
    }
    let one = listen.run("explain no-primary", 0);
    assert_eq!(one["findings"][0]["code"], "no-primary");
    let all = listen.run("explain", 0);
    assert!(all["findings"].as_array().unwrap().len() > 50, "{all:#}");
    let unknown = listen.run("explain nothing-of-ours", 2);
    assert_eq!(unknown["error"]["hint"], "replctl explain", "{unknown:#}");
    listen.run("server", 0);
    listen.run("server --licence", 0);
    listen.run("server --extract ./bin", 0);
    listen.run("completions bash", 0);
    let wrote = listen.run("init a=10.0.0.1 --yes --name new --output new.toml", 0);
    assert_eq!(wrote["password_file"], "new.password");
    let again = listen.run("init a=10.0.0.1 --yes --name new --output new.toml", 3);
    assert_eq!(again["error"]["changed"], false);
    let at = &endpoint["address"];
    let at = format!("{}:{}", at["host"].as_str().unwrap(), at["port"]);
    from_a_server(listen, &at);
}

/// A deployment that is found, and one that is there already.
fn from_a_server(listen: &mut Listener<'_>, at: &str) {
    let secret = listen.bench.folder().join("password");
    let line = format!(
        "init --from {at} --no-ssh --yes --output found.toml --password-file {}",
        secret.display()
    );
    let found = listen.run(&line, 0);
    assert_eq!(found["found"].as_array().unwrap().len(), 3, "{found:#}");
    assert_eq!(found["found"][0]["role"], "primary");
    let there = listen.run(&format!("init --from {at} --merge"), 0);
    assert_eq!(there["nodes"].as_array().unwrap().len(), 0, "{there:#}");
    assert_eq!(there["found"][0]["inventory"], "there");
}

fn changes(listen: &mut Listener<'_>) {
    let asked = listen.run("promote slave1", 3);
    assert_eq!(
        asked["error"]["message"],
        "there is no terminal to confirm the plan on; nothing was touched"
    );
    assert_eq!(asked["error"]["changed"], false);
    assert_eq!(
        listen.run("promote", 2)["candidates"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let shown = listen.run("promote slave1 --dry-run", 0);
    assert_eq!(shown["operation"], "promote slave1");
    assert_eq!(listen.run("promote slave1 --yes", 0)["primary"], "slave1");
    listen.run("promote slave1 --yes", 0);
    listen.run("undo last --dry-run", 0);
    listen.run("undo last --yes", 0);
    listen.run("move slave2 --under slave1 --dry-run", 0);
    listen.run("move slave2 --under slave1 --yes", 0);
    listen.run("move slave2 --under slave1 --yes", 0);
    let circle = listen.run("move slave1 --under slave2 --yes", 3);
    assert_eq!(circle["error"]["changed"], false, "{circle:#}");
    let detached = listen.run("detach slave2 --yes", 0);
    let notice = &detached["notices"][0];
    assert_eq!(notice["code"], "separate-primary", "{detached:#}");
    assert_eq!(notice["node"], "slave2");
    assert!(notice.get("nodes").is_none(), "{notice:#}");
    let message = notice["message"].as_str().unwrap();
    assert!(
        message.starts_with("`slave2` becomes a writable primary"),
        "{message}"
    );
    let again = listen.run("detach slave2 --yes", 0);
    assert!(again.get("notices").is_none(), "{again:#}");
    listen.run("move slave2 --under master --discard-data slave2 --yes", 0);
    listen.run("remove slave2 --dry-run", 0);
    assert_eq!(listen.run("remove slave2 --yes", 0)["stopped"], true);
    let idle = listen.run("adopt --all", 0);
    assert_eq!(idle["command"], "adopt", "{idle:#}");
    // The inventory has it again, and its host too.
    let added = listen.run("undo last --yes", 0);
    assert_eq!(added["written"], true, "{added:#}");
    the_rest_by_name(listen);
}

/// `add` of a node that `remove --leave-running` took out of the inventory, and that still runs.
fn the_rest_by_name(listen: &mut Listener<'_>) {
    listen.run("remove slave2 --leave-running --yes", 0);
    let bench = listen.bench;
    let spec = bench
        .text
        .nodes()
        .iter()
        .find(|n| n.name == "slave2")
        .unwrap();
    let ssh = bench.sshds.hosts()[2].port;
    let line = format!(
        "add slave2 --address 127.0.0.1:{} --ssh {}@127.0.0.1:{ssh} --yes",
        spec.port,
        bench.sshds.user()
    );
    listen.run(&line, 0);
}

fn two_primaries(listen: &mut Listener<'_>) {
    let bench = listen.bench;
    let said = bench.client(1).command(&["REPLICAOF", "NO", "ONE"]).text();
    assert_eq!(said, "OK");
    bench.client(1).command(&["SET", "new", "1"]);
    bench.client(0).command(&["SET", "old", "1"]);
    listen.run("status", 4);
    let nobody = listen.run("endpoint", 4);
    assert!(nobody.get("url").is_none(), "{nobody:#}");
    assert_eq!(nobody["error"]["code"], "problems");
    listen.run("repair --dry-run", 0);
    let lost = listen.run("lost master --than slave1", 0);
    assert_eq!(lost["commands"], 1, "{lost:#}");
    listen.run("lost master --than slave1 --replay --dry-run", 0);
    listen.run("lost master --than slave1 --replay --yes", 0);
    listen.run("rejoin master --under slave1 --dry-run", 0);
    listen.run("rejoin master --under slave1 --yes", 0);
    listen.run("rejoin master --yes", 0);
    listen.run("promote slave1 --yes", 0);
    listen.run("repair --yes", 0);
    await_that("all to follow slave1", Duration::from_secs(20), || {
        listen.bench.run(&["status"]).code == Some(0)
    });
}

fn sentinels(listen: &mut Listener<'_>) {
    assert!(listen.run("sentinel status", 0)["watch"].is_null());
    let none = listen.run("sentinel setup --yes", 2);
    assert_eq!(none["error"]["changed"], false);
    let nodes = NAMES.map(|name| format!("\"{name}:{}\"", ports::free()));
    let section = format!("\n[sentinel]\nnodes = [{}]\n", nodes.join(", "));
    let file = listen.bench.folder().join("inventory.toml");
    let text = std::fs::read_to_string(&file).unwrap() + &section;
    std::fs::write(&file, text).unwrap();
    listen.run("sentinel setup --dry-run", 0);
    listen.run("sentinel setup --yes", 0);
    assert_eq!(listen.run("sentinel setup --yes", 0)["nothing_to_do"], true);
    let status = listen.run("sentinel status", 0);
    assert_eq!(status["watch"]["views"].as_array().unwrap().len(), 3);
    // It follows master, and so no Sentinel knows it.
    let forget = listen.run("sentinel forget slave2 --yes", 0);
    assert_eq!(forget["nothing_to_do"], true);
    let detach = listen.run("detach slave2 --yes", 3);
    assert_eq!(detach["error"]["changed"], false);
    listen.run("sentinel remove --yes", 0);
}

fn wrong_words(listen: &mut Listener<'_>) {
    let unknown = listen.run("failover", 2);
    assert!(unknown["command"].is_null());
    assert_eq!(unknown["error"]["message"], "no command `failover`");
    assert_eq!(unknown["error"]["hint"], "replctl promote");
    let option = listen.run("status --nosuch", 2);
    assert_eq!(option["error"]["code"], "usage");
    assert_eq!(option["error"]["hint"], "replctl status --help");
    let none = listen.run("status --inventory nosuch.toml", 2);
    assert_eq!(none["command"], "status");
    assert_eq!(none["error"]["reason"], "inventory");
    let version = listen.run("--version", 0)["version"].clone();
    let printed = listen.bench.run(&["--version"]).ok().stdout;
    assert_eq!(
        printed.trim(),
        format!("replctl {}", version.as_str().unwrap())
    );
    let help = listen.run("status --help", 0)["help"].clone();
    let printed = listen.bench.run(&["status", "--help"]).ok().stdout;
    assert_eq!(printed.trim_end(), help.as_str().unwrap().trim_end());
    // Two things are wrong, and both are told.
    let two = listen.run("setup nobody noone --yes", 2);
    assert_eq!(
        two["error"]["further"][0]["message"],
        "the inventory has no node `noone`"
    );
}
