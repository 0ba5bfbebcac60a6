//! How a long script and its input reach a shell, in shells with and without a `printf` of their
//! own.

use super::*;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

/// What a shell makes of it: its status, its output, and the arguments of the programs that it has
/// started by name.
fn run(shell: &[&str], (line, stdin): &(String, Vec<u8>)) -> (Option<i32>, Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    for name in ["printf", "cat", "dd", "["] {
        let path = folder.path().join(name);
        let text = format!(
            "#!/bin/sh\necho \"{name} $*\" >>'{}'\nexec '/usr/bin/{name}' \"$@\"\n",
            log.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .arg(line)
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let _ = input.write_all(stdin);
    drop(input);
    let out = child.wait_with_output().unwrap();
    let log = fs::read_to_string(&log).unwrap();
    (out.status.code(), out.stdout, log)
}

/// The last one starts a program to print.
const SHELLS: [&[&str]; 3] = [
    &["sh", "-c"],
    &["busybox", "sh", "-c"],
    &["bash", "--posix", "-c", "enable -n printf; eval \"$0\""],
];

fn long(script: &str) -> String {
    format!("{script}\n{}", ": padding\n".repeat(300))
}

#[test]
fn the_input_of_a_script_arrives_as_it_is_and_is_nobodys_argument() {
    let inputs: [&[u8]; 7] = [
        b"requirepass s3cret\n",
        b"requirepass s3cret",
        b"\n",
        "a 's3cret' \"$HOME\" `id` \\n \\\\ %s é\u{81} $(id)\n\n\nreplctl_end\n$replctl_given\n\n"
            .as_bytes(),
        b"s3cret \xff\xfe\n",
        b"s3cret \0 more\n",
        &b"requirepass s3cret and much more of it\n".repeat(1600),
    ];
    let script = long("echo \"$1\"; cat; if [ \"$1\" = x ]; then exit 7; fi; exit 3");
    for shell in SHELLS {
        for input in inputs {
            for script in [script.as_str(), "echo \"$1\"; cat; exit 3"] {
                let (status, out, log) = run(shell, &prepared(script, &["it's"], input.to_vec()));
                assert_eq!(status, Some(3), "{shell:?}");
                assert_eq!(out, [b"it's\n", input].concat(), "{shell:?} {log}");
                assert!(!log.contains("s3cret"), "{shell:?}: {log}");
            }
        }
    }
}

#[test]
fn a_script_may_have_its_input_in_itself() {
    let text = "printf '%s|' \"$@\"; cat; exit 5";
    for shell in SHELLS {
        for given in ["", "one\n", "it's $HOME `id` \\n\n\nlast \n"] {
            let text = in_itself(text, &["a b", "it's", ""], given.as_bytes()).unwrap();
            let (status, out, _) = run(shell, &(text.to_string(), Vec::new()));
            let wanted = format!("a b|it's||{given}");
            assert_eq!((status, out), (Some(5), wanted.into_bytes()), "{shell:?}");
        }
        for other in [
            &b"no line break"[..],
            b"\0\n",
            b"\xff\n",
            &b"\n".repeat(65537),
        ] {
            assert!(in_itself(text, &[], other).is_none());
        }
    }
}

#[test]
fn a_long_script_that_is_cut_off_does_nothing() {
    let script = long("echo done");
    for shell in SHELLS {
        for input in ["", "requirepass s3cret\n", "no line break"] {
            let (line, whole) = prepared(&script, &[], input.as_bytes().to_vec());
            assert_eq!(run(shell, &(line.clone(), whole.clone())).1, b"done\n");
            let end = whole.len() - input.len() * usize::from(!input.ends_with('\n')) - 1;
            for cut in [30, 80, 200, 1_000, end] {
                let (_, out, log) = run(shell, &(line.clone(), whole[..cut].to_vec()));
                assert_eq!(out, b"", "{shell:?} {cut} {input:?}");
                assert!(!log.contains("s3cret"), "{shell:?}: {log}");
            }
        }
    }
}
