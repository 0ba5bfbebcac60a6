#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

fn written(text: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("the password");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

async fn told(source: SecretSource, base: &Path) -> std::result::Result<String, String> {
    match read(&source, base, false).await {
        Ok(secret) => Ok(secret.expose_secret().to_owned()),
        Err(error) => {
            assert_eq!(error.exit, Exit::Refused);
            Err(error.to_string())
        }
    }
}

async fn from_file(text: &[u8], mode: u32) -> std::result::Result<String, String> {
    let (folder, path) = written(text, mode);
    let told = told(SecretSource::File("the password".into()), folder.path()).await;
    told.map_err(|error| error.replace(&path.display().to_string(), "F"))
}

#[tokio::test]
async fn the_first_line_of_a_file_nobody_else_can_read() {
    assert_eq!(
        from_file(b"s3cret\nmore\n", 0o600).await,
        Ok("s3cret".to_owned())
    );
    assert_eq!(from_file(b"s3cret", 0o400).await, Ok("s3cret".to_owned()));
}

#[tokio::test]
async fn files_others_can_read_are_refused() {
    for mode in [0o640, 0o604, 0o610, 0o620, 0o601, 0o666] {
        let expected = format!(
            "error: the password file `F` is open to others: its mode is {mode:04o}\n hint: chmod 600 'F'"
        );
        assert_eq!(from_file(b"s3cret\n", mode).await, Err(expected));
    }
}

#[tokio::test]
async fn files_of_others_are_refused() {
    let (folder, path) = written(b"s3cret\n", 0o600);
    if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
        // Only root can give files away; without it there is no such file to try.
        return;
    }
    let expected = format!(
        "error: the password file `{0}` belongs to another user (uid 12345)\n hint: chown \"$(id -u)\" '{0}'",
        path.display()
    );
    assert_eq!(
        told(SecretSource::File(path), folder.path()).await,
        Err(expected)
    );
}

#[tokio::test]
async fn what_is_no_password_is_refused_and_not_repeated() {
    for (text, wrong) in [
        (&b""[..], "is empty"),
        (b"\nx", "is empty"),
        (b"hunter 2", "holds a space"),
        (
            b"hunter2\r\n",
            "holds a line break or another control character",
        ),
        (
            b"hunter\0",
            "holds a line break or another control character",
        ),
        (
            &[b'h'; 513],
            "is longer than the 512 bytes the servers take",
        ),
    ] {
        assert_eq!(
            from_file(text, 0o600).await,
            Err(format!(
                "error: the password from the password file `F` {wrong}"
            ))
        );
    }
    assert_eq!(
        from_file(b"\xff\xfe", 0o600).await,
        Err("error: the password file `F` is not UTF-8 text".to_owned())
    );
}

#[tokio::test]
async fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = told(SecretSource::File("none".into()), folder.path())
        .await
        .unwrap_err();
    assert!(error.contains("caused by: No such file"), "{error}");
    let fifo = folder.path().join("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .arg("-m")
            .arg("600")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let started = Instant::now();
    let error = told(SecretSource::File(fifo), folder.path())
        .await
        .unwrap_err();
    assert!(error.ends_with("fifo` is no regular file"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn the_environment() {
    let here = Path::new("/");
    let unset = told(SecretSource::Env("REPLCTL_NO_SUCH_VARIABLE".into()), here).await;
    assert_eq!(
        unset,
        Err("error: the environment variable `REPLCTL_NO_SUCH_VARIABLE` for the password is not set\n \
             hint: read -rs REPLCTL_NO_SUCH_VARIABLE && export REPLCTL_NO_SUCH_VARIABLE"
            .to_owned())
    );
    // Cargo sets this one for every test.
    assert_eq!(
        told(SecretSource::Env("CARGO_PKG_NAME".into()), here).await,
        Ok("replctl".to_owned())
    );
}

#[tokio::test]
async fn commands_run_in_the_inventorys_folder() {
    let (folder, _path) = written(b"s3cret\nmore\n", 0o600);
    let run = |line: &str| told(SecretSource::Command(line.to_owned()), folder.path());
    assert_eq!(run("cat 'the password'").await, Ok("s3cret".to_owned()));
    assert_eq!(
        run("echo first >&2; echo 'no such entry' >&2; exit 3").await,
        Err("error: cannot get the password from the command `echo first >&2; echo 'no such entry' >&2; exit 3`: \
             it ended with exit status: 3\ncaused by: no such entry"
            .to_owned())
    );
    assert_eq!(
        run("true").await,
        Err("error: the password from the password command `true` is empty".to_owned())
    );
    // More output than a pipe holds is no obstacle.
    assert_eq!(
        run("echo s3cret; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2").await,
        Ok("s3cret".to_owned())
    );
}

#[tokio::test]
async fn a_command_that_does_not_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let line = "echo $$ > pid; exec sleep 60";
    let error = told(SecretSource::Command(line.to_owned()), folder.path())
        .await
        .unwrap_err();
    assert_eq!(
        error,
        format!(
            "error: cannot get the password from the command `{line}`: it did not end within 10 seconds\n \
             hint: run it once by hand: it may be waiting for an answer"
        )
    );
    assert!(started.elapsed() < PATIENCE + Duration::from_secs(5));
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    let gone = || !Path::new("/proc").join(pid.trim()).join("exe").exists();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !gone() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone(), "the command still runs");
}

#[tokio::test]
async fn nobody_is_asked_without_a_terminal() {
    let error = told(SecretSource::Prompt, Path::new("/"))
        .await
        .unwrap_err();
    assert!(error.starts_with("error: the inventory wants the password to be asked for, and there is nobody to ask\n hint: "), "{error}");
}

#[test]
fn generated_passwords_are_long_plain_and_even() {
    let mut seen: BTreeMap<char, u32> = BTreeMap::new();
    let mut all = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let password = generate().unwrap();
        let text = password.expose_secret();
        assert!(text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(password_trouble(text), None);
        text.chars().for_each(|c| *seen.entry(c).or_default() += 1);
        assert!(all.insert(text.to_owned()));
        assert!(!format!("{password:?}").contains(text));
    }
    // 20,000 letters, 323 of each expected, standard deviation 18: 8 deviations off is a broken
    // generator.
    assert_eq!(seen.len(), 62);
    assert!(
        seen.values().all(|count| (180..470).contains(count)),
        "{seen:?}"
    );
}

#[test]
fn what_is_typed_twice_is_compared() {
    let first = SecretString::from("correct horse");
    assert!(same(&first, &SecretString::from("correct horse")));
    for other in ["correct hosre", "correct horse ", ""] {
        assert!(!same(&first, &SecretString::from(other)));
    }
}
