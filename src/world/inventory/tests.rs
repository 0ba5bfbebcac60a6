#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::inventory::ServerSource;
use std::fs;
use std::time::Instant;

fn written(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn file_names_are_meant_from_the_inventorys_folder() {
    let (folder, path) = written(
        b"[deployment]\nname = \"x\"\npassword.file = \"pw\"\n[server]\nsource = \"binary\"\nfile = \"bin/r\"\n\
          [ssh]\nidentity_file = [\"k\", \"~/.ssh/k\", \"/k\"]\nknown_hosts = \"../kh\"\n[[node]]\nname = \"a\"\naddress = \"db1\"\n\
          [sentinel]\nnodes = [\"a\", \"db9\"]\npassword.file = \"~/s\"\n\
          [tls]\nca = \"ca\"\ncert = \"~/c\"\nkey = \"k\"\n",
    );
    let inventory = open(&path).unwrap();
    let here = folder.path();
    assert!(
        matches!(&inventory.auth, Auth::Password(SecretSource::File(file)) if *file == here.join("pw"))
    );
    assert_eq!(
        inventory.server.source,
        ServerSource::Binary(here.join("bin/r"))
    );
    let home = etcetera::home_dir().unwrap();
    assert_eq!(
        inventory.nodes[0].ssh.identity_files,
        [here.join("k"), home.join(".ssh/k"), PathBuf::from("/k")]
    );
    assert_eq!(inventory.nodes[0].ssh.known_hosts, Some(here.join("../kh")));
    for sentinel in inventory.sentinels() {
        assert_eq!(
            sentinel.ssh.identity_files,
            inventory.nodes[0].ssh.identity_files
        );
    }
    let of_sentinels = inventory.sentinel.as_ref().unwrap().password.clone();
    assert!(matches!(of_sentinels, Some(SecretSource::File(file)) if file == home.join("s")));
    assert_eq!(inventory.path, path);
    let mut tls = inventory.tls.clone().unwrap();
    let files: Vec<PathBuf> = tls.files_mut().map(|file| file.clone()).collect();
    assert_eq!(files, [here.join("ca"), home.join("c"), here.join("k")]);
    let others = inventory.nodes[0].tls.as_ref().into_iter();
    let others = others.chain(inventory.tls_of_sentinels());
    assert_eq!(others.filter(|other| **other == tls).count(), 2);
}

#[test]
fn what_cannot_be_read_is_told_with_the_systems_words() {
    let (folder, path) = written(b"[deployment]\nname = \"\xff\"\n");
    let error = open(&path).unwrap_err();
    assert_eq!(
        (error.exit, error.to_string()),
        (
            Exit::Usage,
            format!("error: {}:2:9: this is not UTF-8 text", path.display())
        )
    );
    let missing = folder.path().join("no such.toml");
    assert_eq!(
        open(&missing).unwrap_err().to_string(),
        format!(
            "error: cannot read the inventory `{0}`\ncaused by: No such file or directory (os error 2)\n hint: write it with `replctl init --output '{0}'`",
            missing.display()
        )
    );
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("caused by: Is a directory"), "{error}");
}

#[test]
fn all_problems_come_at_once() {
    let (_folder, path) = written(b"[deployment]\nnam = \"x\"\n[[node]]\nname = \"a\"\n");
    assert_eq!(open(&path).unwrap_err().problems.len(), 3);
}

#[test]
fn what_is_given_comes_first_and_nothing_given_is_nothing() {
    assert_eq!(
        find(Some(Path::new("x.toml"))).unwrap(),
        Path::new("x.toml")
    );
    let given = find(Some(Path::new("")));
    assert_eq!(given, find(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_resolve_to_nothing_are_told_with_their_line() {
    let (_folder, path) = written(
        b"[deployment]\nname = \"x\"\nauth = \"none\"\n\
          [[node]]\nname = \"a\"\naddress = \"localhost\"\n\
          [[node]]\nname = \"b\"\naddress = \"no-such-host.invalid\"\nreplicaof = \"a\"\n\
          [[node]]\nname = \"c\"\naddress = \"192.0.2.1\"\nreplicaof = \"a\"\n\
          [[node]]\nname = \"d\"\naddress = \"other.invalid\"\nreplicaof = \"a\"\nvia = \"ssh\"\n\
          [[node]]\nname = \"e\"\naddress = \"no-such-host.invalid:7000\"\nreplicaof = \"a\"\n",
    );
    let inventory = open(&path).unwrap();
    let started = Instant::now();
    let problems = check_names(&inventory).await;
    assert!(started.elapsed() < RESOLVE + Duration::from_secs(2));
    let told: Vec<&str> = problems
        .iter()
        .map(|problem| problem.what.as_str())
        .collect();
    let at = |line: u32, node: &str| {
        format!(
            "{}:{line}:11: `address` of node `{node}` resolves to nothing: `no-such-host.invalid`",
            path.display()
        )
    };
    assert_eq!(told, [at(9, "b"), at(22, "e")]);
    assert!(
        problems
            .iter()
            .all(|problem| problem.causes.len() == 1 && problem.hint.is_some())
    );
}
