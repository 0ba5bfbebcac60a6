//! What the shell for scripts says, in real shells, and how that is read.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::inventory::SshSettings;
use crate::world::ssh::conn::Cancel;
use crate::world::ssh::link::Beside;
use crate::world::ssh::local;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

/// What such a shell says to these requests, on both outputs.
fn run_requests(shell: &[&str], requests: &str) -> (String, String) {
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
        let (out, err) = run_requests(shell, &requests);
        assert_eq!(
            out, "m1\nno endtrapped\nm1:7\nm2\nm2:3\nm3\nm3:cut\n",
            "{shell:?}"
        );
        let whole = "m1 -5\nm1:\nm2 6\n\nm2:\nm3 6\nm3:\n";
        assert_eq!(err, whole, "{shell:?}");
    }
    // Its connection is lost while it is on its way: it is not run.
    let lost = "m4 4000 6\necho began\necho began >&2\n";
    for shell in [&["sh"][..], &["bash"], &["dash"], &["busybox", "sh"]] {
        let (out, err) = run_requests(shell, lost);
        assert_eq!(
            (out.as_str(), err.as_str()),
            ("m4\nm4:cut\n", "m4 6\nm4:\n")
        );
    }
    let (out, _) = run_requests(
        &["busybox", "sh"],
        &format!("m2 {} 6\n{second}", second.len()),
    );
    assert_eq!(out, "m2\nm2:3\n");
}

#[test]
fn the_end_of_a_script_is_found_wherever_it_is_cut() {
    let text = b"some mar mark mark mark:7\n";
    for cut in 0..text.len() {
        let (mut end, mut kept) = (End::new("mark"), OutputBuffer::beginning());
        end.take(&text[..cut], &mut kept);
        assert_eq!(end.word, None, "{cut}");
        end.take(&text[cut..], &mut kept);
        assert_eq!(end.word.as_deref(), Some("7"), "{cut}");
        assert_eq!(kept.so_far(), b"some mar mark mark ", "{cut}");
    }
    let (mut end, mut kept) = (End::new("mark"), OutputBuffer::beginning());
    end.take(b"cut ma", &mut kept);
    end.give_up(&mut kept);
    assert_eq!(kept.so_far(), b"cut ma");
}

#[test]
fn what_no_such_shell_says_is_no_status_and_takes_no_room() {
    let came = |out: &[u8], err: &[u8]| {
        let (mut ends, mut kept) = (Ends::new("mark"), OutputBuffer::beginning());
        ends.stdout.take(out, &mut kept);
        ends.stderr.take(err, &mut kept);
        (ends.came(), ends.are_clean())
    };
    assert_eq!(came(b"mark:7\n", b"mark:\n"), (Some(Came::To(7)), true));
    assert_eq!(came(b"mark:7\nx", b"mark:\n"), (Some(Came::To(7)), false));
    assert_eq!(came(b"mark:cut\n", b"mark:\n").0, Some(Came::Cut));
    assert_eq!(came(b"mark:\n", b"mark:\n").0, Some(Came::Unclear));
    assert_eq!(came(b"mark:7\n", b"mark:7\n").0, Some(Came::Unclear));
    let long = [&b"mark:"[..], &[b'x'; 2 * LONGEST], b"\n"].concat();
    assert_eq!(came(b"mark:7\n", &long).0, Some(Came::Unclear));
    assert_eq!(came(b"mark:7", b"mark:\n").0, None);
    // The end of another script is words.
    assert_eq!(came(b"other:0\nmark", b"other:\nmark:\n").0, None);
    assert_eq!(
        came(b"other:0\nmark:7\n", b"other:\nmark:\n"),
        (Some(Came::To(7)), true)
    );
    let (mut end, mut kept) = (End::new("mark"), OutputBuffer::beginning());
    end.take(b"mark:", &mut kept);
    for _ in 0..9 {
        end.take(&[b'7'; 30], &mut kept);
    }
    assert_eq!(end.word.as_deref(), Some(NO_END));
    assert!(end.pending.len() < 100, "{}", end.pending.len());
}

/// What becomes of a script whose shell does this in place of what such a shell does.
fn outcome_of(shell: &str) -> Result<&'static str, String> {
    let target = local::target(&SshSettings::default(), "127.0.0.1");
    let (mut link, left, cancel) = (
        Link::Here(Beside::new(())),
        Cell::new(None),
        Cancel::default(),
    );
    let request = Request::new(Way::Direct, "host", &target, (&cancel, &left));
    let until = Until::new(Duration::from_secs(20), &cancel);
    let pipe = link.open(shell, &until).unwrap();
    let text = frame("true", "mark", RunsAs::Group(7));
    let stops = ((RunsAs::Group(7), "word"), until);
    let running = Running::served("mark", &request, text, Ends::new("mark"), stops);
    match running.see_through(&mut link, pipe).0 {
        Ok(Done::Output(_)) => Ok("output"),
        Ok(Done::Cut) => Ok("cut"),
        Ok(Done::Ended) => Ok("ended"),
        Err(error) => Err(error.to_string()),
    }
}

/// Status 0 may be no status, and a script without its end may be at work.
#[test]
fn a_script_without_its_end_is_no_success_and_not_sent_again() {
    assert_eq!(outcome_of("exit 69"), Ok("ended"));
    assert_eq!(outcome_of("kill -9 $$"), Ok("ended"));
    let begins = "echo mark; echo 'mark -7' >&2";
    let ends = "echo mark:0; echo mark: >&2";
    assert_eq!(outcome_of(&format!("{begins}; {ends}")), Ok("output"));
    let others = "echo other:0; echo other: >&2; exit 7";
    let why = outcome_of(&format!("{begins}; {others}")).unwrap_err();
    assert!(why.contains("did not say how a command ended"), "{why}");
    let why = outcome_of("exit 0").unwrap_err();
    assert!(why.contains("so it is not sent again"), "{why}");
    for how in ["exit 0", "exit 7", "kill -9 $$", "echo mark:0; exit 0"] {
        let why = outcome_of(&format!("{begins}; {how}")).unwrap_err();
        assert!(
            why.contains("did not say how a command ended"),
            "{how}: {why}"
        );
    }
}

#[test]
fn a_shell_whose_subshells_are_no_processes_is_not_used() {
    for (version, fits) in [
        ("Version AJM 93u+ 2012-08-01", false),
        ("@(#)MIRBSD KSH R59 2020/10/31", true),
        ("", true),
    ] {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &format!("{FITS}echo on")]);
        let out = shell.env("KSH_VERSION", version).output().unwrap();
        assert_eq!(out.stdout == b"on\n", fits, "{version}");
    }
}
