//! What the shell for scripts says, in real shells, and how that is read.
#![allow(clippy::unwrap_used)]

use super::*;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

/// What such a shell says to these requests, on both outputs.
fn said(shell: &[&str], requests: &str) -> (String, String) {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", SERVE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(requests.as_bytes()).unwrap();
    drop(input);
    let (mut out, mut err) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    child.wait().unwrap();
    (out, err)
}

#[test]
fn one_script_comes_after_the_other_and_leaves_nothing_behind() {
    let first = "x=1; cd /; umask 077; trap 'echo trapped' EXIT\nprintf 'no end'; cat; exit 7\n#m1";
    let second = "echo \"$x\" >&2; (exit 3)\n#m2";
    let requests = format!(
        "m1 {} -5\n{first}m2 {} 6\n{second}m3 9 6\necho cut\nsecret 5 words\n",
        first.len(),
        second.len()
    );
    // Such a `head` reads more than it was asked to, and so gets one request after the other.
    for shell in [&["sh"][..], &["bash"], &["dash"]] {
        let (out, err) = said(shell, &requests);
        assert_eq!(
            out, "m1\nno endtrapped\nm1:7\nm2\nm2:3\nm3\nm3:cut\n",
            "{shell:?}"
        );
        let whole = "m1 -5\nm1:\nm2 6\n\nm2:\nm3 6\nm3:\n";
        assert_eq!(err, whole, "{shell:?}");
    }
    let (out, _) = said(
        &["busybox", "sh"],
        &format!("m2 {} 6\n{second}", second.len()),
    );
    assert_eq!(out, "m2\nm2:3\n");
}

#[test]
fn the_end_of_a_script_is_found_wherever_it_is_cut() {
    let text = b"some mar mark mark mark:7\n";
    for cut in 0..text.len() {
        let (mut end, mut kept) = (End::new("mark"), Kept::beginning());
        end.take(&text[..cut], &mut kept);
        assert_eq!(end.said, None, "{cut}");
        end.take(&text[cut..], &mut kept);
        assert_eq!(end.said.as_deref(), Some("7"), "{cut}");
        assert_eq!(kept.so_far(), b"some mar mark mark ", "{cut}");
    }
    let (mut end, mut kept) = (End::new("mark"), Kept::beginning());
    end.take(b"cut ma", &mut kept);
    end.give_up(&mut kept);
    assert_eq!(kept.so_far(), b"cut ma");
}

#[test]
fn what_no_such_shell_says_is_no_status_and_takes_no_room() {
    let came = |out: &[u8], err: &[u8]| {
        let (mut ends, mut kept) = (Ends::new("mark"), Kept::beginning());
        ends.stdout.take(out, &mut kept);
        ends.stderr.take(err, &mut kept);
        (ends.came(), ends.are_clean())
    };
    assert_eq!(came(b"mark:7\n", b"mark:\n"), (Some(Came::To(7)), true));
    assert_eq!(came(b"mark:7\nx", b"mark:\n"), (Some(Came::To(7)), false));
    assert_eq!(came(b"mark:cut\n", b"mark:\n").0, Some(Came::Cut));
    assert_eq!(came(b"mark:\n", b"mark:\n").0, Some(Came::Unclear));
    assert_eq!(came(b"mark:7\n", b"mark:7\n").0, Some(Came::Unclear));
    assert_eq!(came(b"mark:7", b"mark:\n").0, None);
    let (mut end, mut kept) = (End::new("mark"), Kept::beginning());
    end.take(b"mark:", &mut kept);
    for _ in 0..9 {
        end.take(&[b'7'; 30], &mut kept);
    }
    assert_eq!(end.said.as_deref(), Some(""));
    assert!(end.pending.len() < 100, "{}", end.pending.len());
}
