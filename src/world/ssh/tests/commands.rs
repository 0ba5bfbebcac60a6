//! Commands: their end, their two outputs, their input, and their time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation
)]

use super::sshd::{Lab, for_seconds, within};
use crate::world::ssh::{RemoteCommand, SshErrorKind};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn ends_and_outputs_are_told_apart() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let out = host
            .run(
                "echo to-out; echo to-err >&2; exit 7",
                RemoteCommand::default(),
            )
            .await
            .unwrap();
        assert_eq!((out.status, out.signal.as_deref()), (7, None));
        assert_eq!(
            (out.stdout.as_slice(), out.stderr.as_slice()),
            (&b"to-out\n"[..], &b"to-err\n"[..])
        );
        assert_eq!(out.failure().unwrap(), "exit status 7: to-err");
        // libssh2 says status 0 here.
        let out = host
            .run("kill -KILL $$", RemoteCommand::default())
            .await
            .unwrap();
        assert_eq!(out.signal.as_deref(), Some("KILL"));
        assert!(!out.success());
        let out = host
            .run(
                "printf %s \"it's $((1+1))\"; command -v sysctl >/dev/null; echo $LC_ALL",
                RemoteCommand::default(),
            )
            .await
            .unwrap();
        assert_eq!(out.text(), "it's 2C");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_one_output_holds_up_nothing() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let flood =
            "head -c 5000000 /dev/zero | tr '\\0' e >&2; echo the last words >&2; echo done";
        let out = host.run(flood, RemoteCommand::default()).await.unwrap();
        assert_eq!(out.stdout, b"done\n");
        assert_eq!(out.stderr.len(), 1 << 20);
        assert!(out.stderr.ends_with(b"ethe last words\n"));
        assert_eq!(out.dropped, 5_000_000 + 15 - (1 << 20));
        let out = host
            .run(
                "echo first; head -c 3000000 /dev/zero",
                RemoteCommand::default(),
            )
            .await
            .unwrap();
        assert_eq!(out.stdout.len(), 1 << 20);
        assert!(out.stdout.starts_with(b"first\n"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_arrives_whole_and_unread_input_is_no_failure() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let stdin: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let how = RemoteCommand {
            stdin: stdin.clone(),
            ..RemoteCommand::default()
        };
        let out = host.run("wc -c; echo end >&2", how).await.unwrap();
        assert_eq!(out.text(), "3000000");
        let out = host
            .run(
                "exit 3",
                RemoteCommand {
                    stdin,
                    ..RemoteCommand::default()
                },
            )
            .await
            .unwrap();
        assert_eq!(out.status, 3);
        let out = host.run("cat", RemoteCommand::default()).await.unwrap();
        assert!(
            out.success() && out.stdout.is_empty(),
            "no input is the end of it, not waiting"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_login_shell_prints_is_not_the_commands_output() {
    let lab = Lab::new();
    lab.host_key("hostkey", "ed25519");
    let noisy = lab.path("noisy");
    std::fs::write(
        &noisy,
        "echo welcome; echo warning >&2; eval \"$SSH_ORIGINAL_COMMAND\"",
    )
    .unwrap();
    let sshd = lab.sshd_with(
        &["hostkey"],
        &format!("ForceCommand /bin/bash {}\n", noisy.display()),
    );
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let out = host
            .run("echo mine; echo also mine >&2", RemoteCommand::default())
            .await
            .unwrap();
        assert_eq!(
            (out.text().as_str(), out.stderr.as_slice()),
            ("mine", &b"also mine\n"[..])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_out_of_time_is_stopped_on_the_host_and_the_session_goes_on() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let file = lab.path("pids");
        let session = sshd.sessions();
        let began = Instant::now();
        let command = format!(
            "echo $$ >{0}; echo half done >&2; sleep 300 & echo $! >>{0}; wait",
            file.display()
        );
        let error = host.run(&command, for_seconds(2)).await.unwrap_err();
        let took = began.elapsed();
        assert_eq!(error.kind, SshErrorKind::Timeout, "{error}");
        assert!(
            error.to_string().contains("half done") && error.to_string().contains("`node`"),
            "{error}"
        );
        assert!((2.0..10.0).contains(&took.as_secs_f32()), "{took:?}");
        assert_gone(&file).await;
        assert!(
            host.run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        assert_eq!(sshd.sessions(), session, "the session is still the same");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_nobody_waits_for_is_stopped() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let file = lab.path("pids");
        let command = format!("echo $$ >{}; sleep 300", file.display());
        tokio::select! {
            result = host.run(&command, for_seconds(60)) => panic!("{result:?}"),
            () = super::sshd::appears(&file) => {}
        }
        let began = Instant::now();
        assert!(
            host.run("true", RemoteCommand::default())
                .await
                .unwrap()
                .success()
        );
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        assert_gone(&file).await;
    })
    .await;
}

async fn assert_gone(pids: &std::path::Path) {
    let pids = std::fs::read_to_string(pids).unwrap();
    assert!(!pids.is_empty());
    let end = Instant::now() + Duration::from_secs(5);
    for pid in pids.lines() {
        while std::path::Path::new(&format!("/proc/{pid}")).exists() {
            assert!(Instant::now() < end, "process {pid} is still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_one_host_take_turns() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let file = lab.path("turns");
        let command = format!("echo b >>{0}; sleep 0.1; echo e >>{0}", file.display());
        let all = (0..4).map(|_| host.run(&command, RemoteCommand::default()));
        for out in futures::future::join_all(all).await {
            assert!(out.unwrap().success());
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "b\ne\n".repeat(4));
        let long = "x".repeat(40_000);
        let error = host.run(&long, RemoteCommand::default()).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Command);
    })
    .await;
}
