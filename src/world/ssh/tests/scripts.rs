//! One shell that does one script after the other, through each transport: what a script leaves
//! behind, what becomes of one that is out of time, and of the shell that is ended.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::sshd::{Lab, appears, for_seconds, within};
use crate::inventory::{SshSettings, Transport};
use crate::world::ssh::output::Output;
use crate::world::ssh::{Host, SshError, SshErrorKind};
use secrecy::zeroize::Zeroizing;
use std::path::Path;
use std::time::{Duration, Instant};

const ALL: [Transport; 3] = [Transport::Builtin, Transport::OpenSsh, Transport::Local];

async fn script(host: &Host, text: &str, seconds: u64) -> Result<Output, SshError> {
    let text = Zeroizing::new(text.to_owned());
    host.script(text, for_seconds(seconds)).await
}

async fn gone(file: &Path) {
    let pid = std::fs::read_to_string(file).unwrap();
    let process = format!("/proc/{}/stat", pid.trim());
    let end = Instant::now() + Duration::from_secs(5);
    while let Ok(stat) = std::fs::read_to_string(&process) {
        assert!(Instant::now() < end, "it runs on: {stat}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shell_does_them_all_and_each_ends_in_its_time() {
    within(100, async {
        let tried = ALL.map(|transport| tokio::spawn(everything(transport)));
        for (one, transport) in futures::future::join_all(tried).await.into_iter().zip(ALL) {
            one.unwrap_or_else(|e| panic!("{transport:?}: {e}"));
        }
    })
    .await;
}

async fn everything(transport: Transport) {
    let lab = Lab::new();
    let sshd = lab.sshd();
    let ssh = crate::world::ssh::Ssh::new(lab.options());
    let settings = SshSettings {
        port: (transport != Transport::Local).then_some(sshd.port),
        transport: Some(transport),
        ..SshSettings::default()
    };
    let host = ssh.host("node", &settings, "127.0.0.1").await.unwrap();
    leave_nothing_behind(&host).await;
    end_in_their_time(&host, &lab).await;
    // The shell itself is ended: what had been asked of it is no success, and the next is done.
    let ended = script(&host, "kill -9 $$; sleep 9", 20).await;
    assert!(ended.is_err() || !ended.unwrap().success());
    let out = script(&host, "echo on", 20).await.unwrap();
    assert_eq!(out.text(), "on");
    // Commands with a channel of their own go on beside it.
    let out = host.run("cat", for_seconds(10)).await.unwrap();
    assert!(out.success());
    drop(host);
    ssh.close().await;
}

async fn leave_nothing_behind(host: &Host) {
    let text =
        "x=1; cd /; umask 000; trap 'echo trapped' EXIT\nprintf 'no end'; echo why >&2; exit 7";
    let out = script(host, text, 20).await.unwrap();
    assert_eq!((out.status, out.text().as_str()), (7, "no endtrapped"));
    assert_eq!(out.stderr, b"why\n");
    let out = script(host, "echo $$ ${x:-none} $(umask); cat; pwd >&2", 20)
        .await
        .unwrap();
    let first = out.text();
    assert!(
        first.contains(" none 00") && !first.contains("0000"),
        "{first}"
    );
    let out = script(host, "echo $$ ${x:-none} $(umask)", 20)
        .await
        .unwrap();
    assert_eq!(out.text(), first, "another shell");
    // As much as is kept, and no more than that.
    let out = script(host, "head -c 3000000 /dev/zero; echo end >&2", 60)
        .await
        .unwrap();
    assert_eq!(
        (out.stdout.len(), out.dropped),
        (1 << 20, 3_000_000 - (1 << 20))
    );
    assert_eq!(out.stderr, b"end\n");
    let out = script(host, "if", 20).await.unwrap();
    assert!(!out.success());
}

async fn end_in_their_time(host: &Host, lab: &Lab) {
    for (name, work) in [("silent", "sleep 300"), ("endless", "cat /dev/zero")] {
        let file = lab.path(name);
        let text = format!("sh -c 'echo $$ >{}; {work}; :'", file.display());
        let began = Instant::now();
        // Enough for a busy machine to begin it.
        let error = script(host, &text, 3).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Timeout, "{error}");
        assert!(began.elapsed() < Duration::from_secs(12), "{name}");
        gone(&file).await;
    }
    let file = lab.path("cancelled");
    let text = format!("sh -c 'echo $$ >{}; sleep 300; :'", file.display());
    tokio::select! {
        out = script(host, &text, 30) => panic!("{out:?}"),
        () = appears(&file) => {}
    }
    gone(&file).await;
}
