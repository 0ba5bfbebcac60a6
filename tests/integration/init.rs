//! `replctl init` as a program: with arguments, with questions on a terminal, the files that it
//! leaves alone, and the search for inventories.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use assert_cmd::Command;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// replctl in `folder`, with nothing of the user's own settings.
fn replctl(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("replctl"));
    command
        .current_dir(folder)
        .env_remove("REPLCTL_INVENTORY")
        .env("XDG_CONFIG_HOME", folder.join("xdg"));
    let output = command
        .args(arguments)
        .timeout(Duration::from_secs(20))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const SEED: [&str; 6] = [
    "init",
    "master=192.168.0.120",
    "slave1=192.168.0.130",
    "slave2=192.168.0.140",
    "--name",
    "orders",
];

#[test]
fn three_nodes_from_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = replctl(folder.path(), &SEED);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(
        stdout,
        "wrote inventory.toml\nwrote orders.password (a new password, mode 0600)\n\nnext:\n  \
         replctl setup --dry-run   # look at the hosts and show the plan\n  replctl setup\n  replctl status\n"
    );
    assert_eq!(files(folder.path()), ["inventory.toml", "orders.password"]);
    let secret = folder.path().join("orders.password");
    assert_eq!(
        fs::metadata(&secret).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let password = fs::read_to_string(secret).unwrap();
    let password = password.strip_suffix('\n').unwrap();
    assert!(password.len() >= 32 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let text = fs::read_to_string(folder.path().join("inventory.toml")).unwrap();
    assert!(!text.contains(password));
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(
        table["deployment"]["password"]["file"].as_str(),
        Some("orders.password")
    );
    let nodes: Vec<_> = table["node"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            (
                node["name"].as_str().unwrap(),
                node["address"].as_str().unwrap(),
                node.get("replicaof").and_then(toml::Value::as_str),
            )
        })
        .collect();
    assert_eq!(
        nodes,
        [
            ("master", "192.168.0.120", None),
            ("slave1", "192.168.0.130", Some("master")),
            ("slave2", "192.168.0.140", Some("master")),
        ]
    );
}

#[test]
fn every_option_reaches_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a b")).unwrap();
    let arguments = [
        "init",
        "db1:7000",
        "[::1]",
        "--user",
        "admin",
        "--directory",
        "/srv/redis",
        "--no-password",
        "-o",
        "a b/i.toml",
    ];
    let (code, stdout, stderr) = replctl(folder.path(), &arguments);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.starts_with(
            "wrote a b/i.toml\n\nnext:\n  replctl --inventory 'a b/i.toml' setup --dry-run"
        ),
        "{stdout}"
    );
    assert_eq!(files(&folder.path().join("a b")), ["i.toml"]);
    let text = fs::read_to_string(folder.path().join("a b/i.toml")).unwrap();
    for line in [
        "name = \"redis\"",
        "auth = \"none\"",
        "user = \"admin\"",
        "directory = \"/srv/redis\"",
        "name = \"node1\"",
        "address = \"db1\"",
        "port = 7000",
        "name = \"node2\"",
        "address = \"::1\"",
        "replicaof = \"node1\"",
    ] {
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in\n{text}"
        );
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    for taken in ["inventory.toml", "orders.password"] {
        fs::write(folder.path().join(taken), "mine").unwrap();
        let (code, stdout, stderr) = replctl(folder.path(), &SEED);
        assert_eq!((code, stdout.as_str()), (3, ""));
        assert!(stderr.starts_with(&format!("error: `{taken}` is there already and is not overwritten; nothing was written\n hint: ")), "{stderr}");
        assert_eq!(files(folder.path()), [taken]);
        assert_eq!(
            fs::read_to_string(folder.path().join(taken)).unwrap(),
            "mine"
        );
        fs::remove_file(folder.path().join(taken)).unwrap();
    }
    // A link to nowhere is something that is there, too.
    std::os::unix::fs::symlink("elsewhere", folder.path().join("inventory.toml")).unwrap();
    assert_eq!(replctl(folder.path(), &SEED).0, 3);
    assert_eq!(files(folder.path()), ["inventory.toml"]);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = SEED.to_vec();
    // The password file can be created, the inventory cannot: its name is too long for any file
    // system.
    let long = format!("{}.toml", "x".repeat(300));
    arguments.extend(["-o", &long]);
    let (code, stdout, stderr) = replctl(folder.path(), &arguments);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(
        stderr.contains("; nothing was written\ncaused by: File name too long"),
        "{stderr}"
    );
    assert_eq!(files(folder.path()), [] as [String; 0]);
    let mut arguments = SEED.to_vec();
    arguments.extend(["-o", "no/such/folder/i.toml"]);
    let (code, _, stderr) = replctl(folder.path(), &arguments);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("; nothing was written\ncaused by: No such file or directory"),
        "{stderr}"
    );
}

#[test]
fn arguments_that_make_no_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = replctl(
        folder.path(),
        &[
            "init",
            "a=192.168.0.300",
            "b c=db",
            "d=x",
            "e=X",
            "d=y",
            "--name",
            "Bad",
        ],
    );
    assert_eq!((code, stdout.as_str()), (2, ""));
    let told: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(
        told,
        [
            "error: `--name Bad` is no name: it takes a-z, 0-9, `.`, `_` and `-`, and begins with a letter or digit",
            "error: the node `a=192.168.0.300` has an address that is no IPv4 address",
            "error: the node `b c=db` has a name that is none: `b c` (letters, digits, `.`, `_` and `-`; a letter or digit first)",
            "error: the node `e=X` has the address of another: x:6379",
            "error: the node `d=y` has the name of another: `d`",
        ]
    );
    let (code, _, stderr) = replctl(folder.path(), &["init", "a=db1", "--directory", "relative"]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: cannot write `inventory.toml`: `directory` in `[server]` must be absolute: `relative`\n hint: "), "{stderr}");
    for arguments in [&["init"][..], &["init", "--yes", "--name", "orders"]] {
        let (code, _, stderr) = replctl(folder.path(), arguments);
        assert_eq!(code, 2);
        assert!(
            stderr.starts_with(
                "error: no node is given, and there is nobody to ask\n hint: replctl init master="
            ),
            "{stderr}"
        );
    }
    assert_eq!(files(folder.path()), [] as [String; 0]);
}

/// replctl on a terminal of its own; every wait ends after ten seconds.
fn on_a_terminal(folder: &Path, arguments: &[&str]) -> rexpect::session::PtySession {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("replctl"));
    command
        .current_dir(folder)
        .env("TERM", "xterm")
        .env_remove("REPLCTL_INVENTORY")
        .args(arguments);
    rexpect::session::spawn_command(command, Some(10_000)).unwrap()
}

#[test]
fn questions_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = on_a_terminal(folder.path(), &["init"]);
    for (question, answer) in [
        ("name of the deployment [redis]: ", "Orders"),
        ("name of the deployment [redis]: ", "orders"),
        ("node 1: ", ""),
        ("node 1: ", "192.168.0.300"),
        ("node 1: ", "master=192.168.0.120"),
        ("node 2: ", "192.168.0.130"),
        ("node 3: ", "192.168.0.130"),
        ("node 3: ", ""),
        ("SSH user (empty: as ~/.ssh/config says): ", ""),
        ("directory on the hosts [/db/redis]: ", ""),
        ("password [new]: ", ""),
    ] {
        terminal.exp_string(question).unwrap();
        terminal.send_line(answer).unwrap();
    }
    terminal.exp_string("replctl setup --dry-run").unwrap();
    terminal.exp_eof().unwrap();
    assert_eq!(files(folder.path()), ["inventory.toml", "orders.password"]);
    let text = fs::read_to_string(folder.path().join("inventory.toml")).unwrap();
    assert!(text.contains("[[node]]\nname = \"master\"\naddress = \"192.168.0.120\"\n\n[[node]]\nname = \"node2\"\naddress = \"192.168.0.130\"\nreplicaof = \"master\"\n"), "{text}");
    assert!(
        text.contains("# user = \"root\"\n") && text.contains("directory = \"/db/redis\"\n"),
        "{text}"
    );
}

#[test]
fn only_what_is_not_given_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = tempfile::tempdir().unwrap();
    let secret = secrets.path().join("pw");
    fs::write(&secret, "correct-horse").unwrap();
    let secret = secret.to_str().unwrap();
    let arguments = [
        "init",
        "--name",
        "orders",
        "--user",
        "root",
        "--directory",
        "/srv/redis",
    ];
    let mut terminal = on_a_terminal(folder.path(), &arguments);
    for (question, answer) in [
        ("node 1: ", "db1"),
        ("node 2: ", ""),
        // A password in the place of its file's name is not taken.
        ("password [new]: ", "correct-horse"),
        ("there is no such file", secret),
    ] {
        terminal.exp_string(question).unwrap();
        terminal.send_line(answer).unwrap();
    }
    terminal.exp_string("wrote inventory.toml").unwrap();
    terminal.exp_eof().unwrap();
    assert_eq!(files(folder.path()), ["inventory.toml"]);
    let text = fs::read_to_string(folder.path().join("inventory.toml")).unwrap();
    assert!(
        text.contains(&format!("password = {{ file = \"{secret}\" }}\n")),
        "{text}"
    );
}

#[test]
fn ctrl_c_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = on_a_terminal(folder.path(), &["init", "--name", "orders"]);
    terminal.exp_string("node 1: ").unwrap();
    terminal.send_line("db1").unwrap();
    terminal.exp_string("node 2: ").unwrap();
    terminal.send_control('c').unwrap();
    terminal.exp_eof().unwrap();
    assert_eq!(files(folder.path()), [] as [String; 0]);
}

#[test]
fn where_inventories_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (code, stdout, stderr) = replctl(here, &["status"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    let there = here.join("xdg/replctl/inventory.toml");
    assert_eq!(
        stderr,
        format!(
            "error: there is no inventory: `./inventory.toml` and `{}` are not there\n \
             hint: write one with `replctl init`, or name one with `--inventory FILE` or $REPLCTL_INVENTORY\n",
            there.display()
        )
    );
    // Each is wrong in its own way, so that what is said tells which one was read; all that is
    // wrong is said.
    let wrong =
        |name: &str| format!("[deployment]\nname = \"x\"\n{name} = 1\n[[node]]\nname = \"a\"\n");
    fs::create_dir_all(there.parent().unwrap()).unwrap();
    fs::write(&there, wrong("folder")).unwrap();
    let (code, _, stderr) = replctl(here, &["status"]);
    assert_eq!(code, 2);
    assert!(
        stderr.starts_with(&format!(
            "error: {}:3:1: unknown key `folder`",
            there.display()
        )),
        "{stderr}"
    );
    assert!(
        stderr.contains(&format!(
            "\nerror: {}:4:1: node `a` has no `address`",
            there.display()
        )),
        "{stderr}"
    );
    fs::write(here.join("inventory.toml"), wrong("here")).unwrap();
    assert!(
        replctl(here, &["status"])
            .2
            .starts_with("error: inventory.toml:3:1: unknown key `here`")
    );
    fs::write(here.join("env.toml"), wrong("env")).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("replctl"));
    command
        .current_dir(here)
        .env("REPLCTL_INVENTORY", "env.toml")
        .timeout(Duration::from_secs(20));
    let told = String::from_utf8(command.arg("status").output().unwrap().stderr).unwrap();
    assert!(
        told.starts_with("error: env.toml:3:1: unknown key `env`"),
        "{told}"
    );
    fs::write(here.join("flag.toml"), wrong("flag")).unwrap();
    let told =
        String::from_utf8(command.args(["-i", "flag.toml"]).output().unwrap().stderr).unwrap();
    assert!(
        told.starts_with("error: flag.toml:3:1: unknown key `flag`"),
        "{told}"
    );
}
