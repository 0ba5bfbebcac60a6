//! Hosts on which a program fails, or a file is no text: a look never takes what it could not read for what is not there.

use super::*;
use crate::world::host::owner::{OWNER, without_comments};
use crate::world::host::said::SAID;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// The look at how a server is run, without what it reads of files.
const SERVICE: &str = include_str!("../../service/facts.sh");
const AS: &str = include_str!("../../service/as.sh");

/// A shell that finds another program by the name `name`.
fn with(name: &str, text: &str) -> Local {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut shell = Local::root();
    shell.applets = Some(folder);
    shell
}

#[tokio::test]
async fn an_awk_that_fails_does_not_say_that_nobody_listens() {
    // mawk ends so where an operand cannot be opened, and where it is killed.
    let shell = with("awk", "exit 2");
    let bench = Bench::new(&shell);
    let node = &bench.inventory.nodes[0];
    let why = facts(&shell, &bench.inventory, node).await.unwrap_err();
    assert!(why.contains("awk did not read /proc"), "{why}");
    let text = without_comments(&[OWNER, SAID, "reader=:", AS, SERVICE]);
    let port = node.address.port.to_string();
    for (shell, broken) in [
        (shell, true),
        (Local::root(), false),
        (Local::busybox(), false),
    ] {
        let ran = script(&shell, &text, &[&port, "", "", "", ""], Vec::new(), QUICK).await;
        match ran {
            Ok(text) => assert!(!broken && text.ends_with("end:\n"), "{shell:?}: {text}"),
            Err(why) => assert!(broken && why.contains("awk did not read"), "{why}"),
        }
    }
}

const QUICK: Duration = Duration::from_secs(20);
