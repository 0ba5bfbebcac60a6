//! Uploads: whole or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation
)]

use super::sshd::{Lab, names_in, within};
use crate::world::ssh::{Host, SshErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn payload() -> Arc<Vec<u8>> {
    Arc::new(
        (0..2_500_000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect(),
    )
}

async fn replaces_a_file(lab: &Lab, host: &Host) {
    let folder = lab.path("it's a folder");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("server");
    std::fs::write(&file, "the old one").unwrap();
    let data = payload();
    let (seen, told) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (s, t) = (Arc::clone(&seen), Arc::clone(&told));
    let progress = move |n| {
        assert!(
            n >= s.swap(n, Ordering::Relaxed),
            "progress never goes back"
        );
        t.fetch_add(1, Ordering::Relaxed);
    };
    host.upload(
        Arc::clone(&data),
        file.to_str().unwrap(),
        0o750,
        false,
        progress,
    )
    .await
    .unwrap();
    assert!(std::fs::read(&file).unwrap() == *data);
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
        0o750
    );
    assert_eq!(seen.load(Ordering::Relaxed), data.len() as u64);
    assert!(told.load(Ordering::Relaxed) > 2);
    assert_eq!(names_in(&folder), ["server"]);
    host.upload(
        Arc::new(Vec::new()),
        folder.join("empty").to_str().unwrap(),
        0o600,
        false,
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!(std::fs::metadata(folder.join("empty")).unwrap().len(), 0);
}

async fn leaves_all_as_it_was_on_failure(lab: &Lab, host: &Host) {
    let folder = lab.path("target");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    let put = |path: std::path::PathBuf| {
        let path = path.to_str().unwrap().to_owned();
        async move { host.upload(payload(), &path, 0o600, false, |_| {}).await }
    };
    let error = put(folder.join("sub")).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Transfer);
    assert!(error.to_string().contains("is a folder"), "{error}");
    let error = put(folder.join("none/file")).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Transfer);
    assert!(error.to_string().contains("No such file"), "{error}");
    assert_eq!(
        put("relative".into()).await.unwrap_err().kind,
        SshErrorKind::Transfer
    );
    assert_eq!(names_in(&folder), ["sub"]);
    assert!(names_in(&folder.join("sub")).is_empty());
    // A disk that is always full.
    if std::path::Path::new("/dev/full").exists() {
        let error = host
            .run("cat /dev/zero >/dev/full", super::sshd::for_seconds(5))
            .await
            .unwrap();
        assert!(error.failure().unwrap().contains("No space left"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_replaced_whole_or_not_at_all() {
    let lab = Lab::new();
    lab.host_key("hostkey", "ed25519");
    // The upload does not use SFTP.
    for subsystem in ["", "Subsystem sftp internal-sftp\n"] {
        let sshd = lab.sshd_with(&["hostkey"], subsystem);
        within(30, async {
            let host = sshd.log_in(lab.options()).await.unwrap();
            replaces_a_file(&lab, &host).await;
            leaves_all_as_it_was_on_failure(&lab, &host).await;
        })
        .await;
        std::fs::remove_dir_all(lab.path("target")).unwrap();
        std::fs::remove_dir_all(lab.path("it's a folder")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_nobody_waits_for_leaves_nothing() {
    let lab = Lab::new();
    let sshd = lab.sshd();
    within(30, async {
        let host = sshd.log_in(lab.options()).await.unwrap();
        let folder = lab.path("target");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("file"), "the old one").unwrap();
        let (begun, wait) = tokio::sync::oneshot::channel();
        let begun = std::sync::Mutex::new(Some(begun));
        let path = folder.join("file").to_str().unwrap().to_owned();
        let upload = host.upload(
            Arc::new(vec![1; 200 << 20]),
            &path,
            0o600,
            false,
            move |_| {
                if let Some(begun) = begun.lock().unwrap().take() {
                    let _ = begun.send(());
                }
            },
        );
        tokio::select! {
            result = upload => panic!("too fast to be given up: {result:?}"),
            _ = wait => {}
        }
        // The next command comes after the clean-up.
        assert!(
            host.run("true", super::sshd::for_seconds(10))
                .await
                .unwrap()
                .success()
        );
        assert_eq!(names_in(&folder), ["file"]);
        assert_eq!(
            std::fs::read_to_string(folder.join("file")).unwrap(),
            "the old one"
        );
    })
    .await;
}
