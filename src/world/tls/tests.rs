#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../tests/integration/support/certs.rs"]
mod certs;

use super::*;
use crate::inventory::parse::parse;
use crate::topology::State;
use crate::world::login::{Logins, ServerLogin};
use crate::world::observe::{self, Reach};
use crate::world::resp::tcp;
use crate::world::testing::{TestServer, free_port};
use certs::{Authority, Pair, Wanted};
use std::path::Path;

/// Over the wire as replctl goes.
struct Dressed(Keyring);

impl Reach for Dressed {
    async fn open(&self, node: &NodeSpec) -> std::result::Result<Box<dyn Stream>, Trouble> {
        let bare = || async {
            let stream: Box<dyn Stream> = Box::new(tcp(&node.address).await?);
            Ok(stream)
        };
        self.0.open(node, || Box::pin(bare())).await
    }
}

struct Stage {
    folder: tempfile::TempDir,
    ca: Authority,
}

/// A server that speaks TLS on one port and plain text on the other.
struct Both {
    plain: TestServer,
    tls: u16,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = Authority::new(folder.path(), "ca");
        Self { folder, ca }
    }

    fn server(&self, pair: &Pair, more: &[&str]) -> Both {
        let tls = free_port();
        let lines = self.ca.directives(tls, pair);
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.extend(more);
        let plain = TestServer::start(&lines);
        // It listens on one port after the other.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", tls)).is_err() {
            assert!(
                std::time::Instant::now() < until,
                "it does not listen for TLS"
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Both { plain, tls }
    }

    /// The trouble with a node at that port, as the inventory's lines have it.
    async fn look(&self, port: u16, tls: String, password: Option<&str>) -> Option<Trouble> {
        self.seen(port, tls, password).await.err()
    }

    async fn seen(
        &self,
        port: u16,
        tls: String,
        password: Option<&str>,
    ) -> std::result::Result<bool, Trouble> {
        let inventory = self.inventory(port, &tls);
        let reach = Dressed(
            Keyring::read(&inventory).map_err(|e| trouble(TroubleKind::Other, e.to_string()))?,
        );
        let logins = Logins::from(password.map(ServerLogin::from));
        let topology = observe::topology(&inventory, &logins, &reach, 1).await;
        match &topology.nodes[0].state {
            State::Up(_) => {
                let now = Timestamp::now();
                let left = reach
                    .0
                    .certificate(&"a".into(), now)
                    .map(|c| c.left_seconds);
                Ok(left.is_some_and(|left| (364 * DAY..=365 * DAY).contains(&left)))
            }
            State::Down(trouble) => Err(trouble.clone()),
        }
    }

    fn inventory(&self, port: u16, tls: &str) -> Inventory {
        let text = format!(
            "[deployment]\nname = \"x\"\n{tls}\n[[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\nport = {port}\nvia = \"direct\"\n"
        );
        parse(&self.folder.path().join("i"), &text).unwrap()
    }
}

fn trusting(ca: &Path) -> String {
    format!("[tls]\nca = {:?}\n", ca.display().to_string())
}

fn with_own(ca: &Path, own: &Pair) -> String {
    format!(
        "{}cert = {:?}\nkey = {:?}\n",
        trusting(ca),
        own.cert.display().to_string(),
        own.key.display().to_string()
    )
}

const DAY: i64 = 86_400;

#[track_caller]
fn told(trouble: Option<Trouble>, kind: TroubleKind, detail: &str) {
    let trouble = trouble.expect("it is let in");
    assert_eq!(trouble.kind, kind, "{}", trouble.detail);
    assert!(trouble.detail.contains(detail), "{}", trouble.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mix_up_of_a_servers_port_and_certificate_is_told_as_what_it_is() {
    let stage = Stage::new();
    let good = stage.ca.issue("good", &["127.0.0.1", "db1.example.org"]);
    let server = stage.server(&good, &["tls-auth-clients no", "requirepass pw"]);
    let ca = trusting(&stage.ca.cert);
    let named = |name: &str| format!("{ca}server_name = {name:?}");
    let look = |port: u16, tls: String| stage.look(port, tls, Some("pw"));
    let (tls, open) = (server.tls, server.plain.port);
    assert_eq!(stage.seen(tls, ca.clone(), Some("pw")).await, Ok(true));
    assert_eq!(look(tls, named("db1.example.org")).await, None);
    let without = stage.look(tls, ca.clone(), None).await;
    told(without, TroubleKind::PasswordMissing, "NOAUTH");
    told(look(open, ca.clone()).await, TroubleKind::NoTls, "no");
    told(look(tls, String::new()).await, TroubleKind::WantsTls, "TLS");
    let system = look(tls, "[tls]".to_owned()).await;
    told(
        system,
        TroubleKind::CertificateUntrusted,
        "goes back to `ca`, which is not trusted",
    );
    let other = look(tls, named("other.example.org")).await;
    let told_names = "is for `127.0.0.1`, `db1.example.org`, and not for `other.example.org`";
    told(other, TroubleKind::CertificateName, told_names);

    server.plain.freeze();
    told(look(tls, ca.clone()).await, TroubleKind::Frozen, "2 s");
    server.plain.thaw();
    drop(server);
    told(look(tls, ca.clone()).await, TroubleKind::Refused, "refused");
    // A proxy whose server is gone.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for line in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut &line, &mut [0; 4096]);
        }
    });
    told(
        look(port, ca.clone()).await,
        TroubleKind::Other,
        "closed the connection",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_good_in_its_time_and_as_far_as_it_is_looked_at() {
    let stage = Stage::new();
    let ca = trusting(&stage.ca.cert);
    let issued = |name: &'static str, names: &[&str], valid: (i64, i64)| {
        let pair = stage.ca.issue_as(&Wanted { name, names, valid });
        stage.server(&pair, &["tls-auth-clients no"])
    };
    let old = issued("old", &["127.0.0.1"], (-2 * DAY, -DAY));
    let seen = stage.look(old.tls, ca.clone(), None).await;
    told(seen, TroubleKind::CertificateExpired, "expired at 20");
    let seen = stage
        .look(old.tls, format!("{ca}verify = \"ca\""), None)
        .await;
    told(seen, TroubleKind::CertificateExpired, "expired");
    let new = issued("new", &["127.0.0.1"], (DAY, 2 * DAY));
    let seen = stage.look(new.tls, ca.clone(), None).await;
    told(seen, TroubleKind::CertificateNotYetValid, "only from 20");
    // As Redis' own script makes them, and the servers take them.
    let v1 = issued("v1", &[], (-DAY, DAY));
    let seen = stage.look(v1.tls, ca.clone(), None).await;
    told(seen, TroubleKind::CertificateName, "for `v1`");
    for careless in [
        format!("{ca}verify = \"ca\""),
        "[tls]\nverify = \"none\"".to_owned(),
    ] {
        assert_eq!(stage.look(v1.tls, careless, None).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_a_certificate_of_its_clients_is_told_by_any_version() {
    let stage = Stage::new();
    let good = stage.ca.issue("good", &["127.0.0.1"]);
    let foreign = Authority::new(stage.folder.path(), "other").issue("foreign", &["x"]);
    let old = stage.ca.issue_as(&Wanted {
        name: "old",
        names: &["x"],
        valid: (-2 * DAY, -DAY),
    });
    let ca = &stage.ca.cert;
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let line = format!("tls-protocols \"{protocol}\"");
        let server = stage.server(&good, &["tls-auth-clients yes", "requirepass pw", &line]);
        let look = |tls: String| stage.look(server.tls, tls, Some("pw"));
        assert_eq!(look(with_own(ca, &good)).await, None, "{protocol}");
        let none = look(trusting(ca)).await;
        told(
            none,
            TroubleKind::ClientCertificateMissing,
            "certificate of its clients",
        );
        let refused = TroubleKind::ClientCertificateRefused;
        told(look(with_own(ca, &foreign)).await, refused, "issued by");
        told(look(with_own(ca, &old)).await, refused, "expired");
    }
}

/// What an impostor of the server receives, whatever it answers.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_said_before_the_handshake_is_done() {
    let stage = Stage::new();
    for answer in [
        &b""[..],
        b"+OK\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"\x16\x03\x01",
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in listener.incoming().flatten() {
                let record = Arc::clone(&record);
                std::thread::spawn(move || {
                    use std::io::{Read, Write};
                    let mut line = line;
                    let mut piece = [0; 4096];
                    while let Ok(count @ 1..) = line.read(&mut piece) {
                        record.lock().unwrap().extend_from_slice(&piece[..count]);
                        let _ = line.write_all(answer);
                    }
                });
            }
        });
        let ca = trusting(&stage.ca.cert);
        assert!(stage.look(port, ca, Some("hush-hush")).await.is_some());
        let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
        assert!(!heard.is_empty());
        for secret in ["hush-hush", "AUTH"] {
            assert!(!heard.contains(secret), "{answer:?}: {heard}");
        }
    }
}

#[test]
fn all_that_is_wrong_with_the_files_is_told_at_once() {
    let stage = Stage::new();
    let folder = stage.folder.path();
    let file = |name: &str| folder.join(name).display().to_string();
    let (one, two) = (stage.ca.issue("one", &["x"]), stage.ca.issue("two", &["x"]));
    let problems = |tls: &str, of_b: &str| {
        let text = format!(
            "[deployment]\nname = \"x\"\n[tls]\n{tls}\n[[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\n\
             [[node]]\nname = \"b\"\naddress = \"127.0.0.2\"\nreplicaof = \"a\"\n[node.tls]\n{of_b}\n"
        );
        let inventory = parse(Path::new("i"), &text).unwrap();
        match Keyring::read(&inventory) {
            Ok(_) => String::new(),
            Err(error) => error.to_string().replace(&file(""), ""),
        }
    };
    let pair = |cert: &Path, key: &Path| {
        let (cert, key) = (cert.display().to_string(), key.display().to_string());
        format!("cert = {cert:?}\nkey = {key:?}")
    };
    assert_eq!(problems(&pair(&one.cert, &one.key), ""), "");
    std::fs::write(file("text"), "no certificate\n").unwrap();
    let told = problems(
        &format!("ca = [{:?}, {:?}]", file("missing"), file("text")),
        &pair(&one.cert, &two.key),
    );
    for part in [
        "error: cannot read the file of `ca` `missing`\ncaused by: No such file",
        "error: the file of `ca` `text` holds no certificate in PEM form",
        "error: the `key` `two.key` is not that of the certificate `one.crt`",
    ] {
        assert_eq!(told.matches(part).count(), 1, "{part} is not in:\n{told}");
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(&one.key, mode).unwrap();
    let locked = openssl::rsa::Rsa::generate(2048).unwrap();
    let cipher = openssl::symm::Cipher::aes_128_cbc();
    let locked = locked
        .private_key_to_pem_passphrase(cipher, b"hush")
        .unwrap();
    std::fs::write(&two.key, locked).unwrap();
    let told = problems(&pair(&one.cert, &one.key), &pair(&two.cert, &two.key));
    for part in [
        "error: the private key `one.key` is open to others: its mode is 0640\n hint: chmod 600",
        "error: the private key `two.key` has a passphrase",
    ] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    assert!(!told.contains("hush"));
}
