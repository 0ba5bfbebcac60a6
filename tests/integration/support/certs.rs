//! Authorities and certificates for tests, made with the OpenSSL that replctl is linked to, and
//! written as files.

#![allow(dead_code)]

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// A certificate authority. Its own certificate is `NAME.crt` in its folder.
pub struct Authority {
    folder: PathBuf,
    /// The file of its certificate.
    pub cert: PathBuf,
    own: X509,
    key: PKey<Private>,
}

/// A certificate's file, and its key's, which is its owner's alone.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What a certificate is to be.
pub struct Wanted<'a> {
    /// The name of its files, and its common name.
    pub name: &'a str,
    /// Host names and IP addresses; with none it is of version 1, as Redis' own script makes them.
    pub names: &'a [&'a str],
    /// From when to when, in seconds from now.
    pub valid: (i64, i64),
}

impl Authority {
    /// A new one.
    pub fn new(folder: &Path, name: &str) -> Self {
        let key = new_key();
        let mut builder = builder(name, &key, (-DAY, 365 * DAY));
        let issuer = named(name);
        builder.set_issuer_name(&issuer).unwrap();
        builder.set_version(2).unwrap();
        let ca = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(ca).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let own = builder.build();
        let cert = folder.join(format!("{name}.crt"));
        std::fs::write(&cert, own.to_pem().unwrap()).unwrap();
        Self {
            folder: folder.to_owned(),
            cert,
            own,
            key,
        }
    }

    /// A certificate for these names, valid for a year.
    pub fn issue(&self, name: &str, names: &[&str]) -> Pair {
        self.issue_as(&Wanted {
            name,
            names,
            valid: (-DAY, 365 * DAY),
        })
    }

    /// Any certificate.
    pub fn issue_as(&self, wanted: &Wanted<'_>) -> Pair {
        let key = new_key();
        let mut builder = builder(wanted.name, &key, wanted.valid);
        builder.set_issuer_name(self.own.subject_name()).unwrap();
        if !wanted.names.is_empty() {
            builder.set_version(2).unwrap();
            let mut names = SubjectAlternativeName::new();
            for name in wanted.names {
                if name.parse::<std::net::IpAddr>().is_ok() {
                    names.ip(name);
                } else {
                    names.dns(name);
                }
            }
            let names = names.build(&builder.x509v3_context(Some(&self.own), None));
            builder.append_extension(names.unwrap()).unwrap();
        }
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let pair = Pair {
            cert: self.folder.join(format!("{}.crt", wanted.name)),
            key: self.folder.join(format!("{}.key", wanted.name)),
        };
        std::fs::write(&pair.cert, builder.build().to_pem().unwrap()).unwrap();
        let pem = key.private_key_to_pem_pkcs8().unwrap();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&pair.key)
            .unwrap();
        file.write_all(&pem).unwrap();
        pair
    }

    /// The lines that make a server speak TLS on `port`, and replicate so.
    pub fn directives(&self, port: u16, pair: &Pair) -> Vec<String> {
        vec![
            format!("tls-port {port}"),
            format!("tls-cert-file {}", pair.cert.display()),
            format!("tls-key-file {}", pair.key.display()),
            format!("tls-ca-cert-file {}", self.cert.display()),
            "tls-replication yes".to_owned(),
        ]
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn named(name: &str) -> X509Name {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    builder.build()
}

fn builder(name: &str, key: &PKey<Private>, (from, to): (i64, i64)) -> X509Builder {
    static SERIAL: AtomicU32 = AtomicU32::new(1);
    let mut builder = X509::builder().unwrap();
    let serial = BigNum::from_u32(SERIAL.fetch_add(1, Ordering::Relaxed)).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(&named(name)).unwrap();
    builder.set_pubkey(key).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let at = |seconds: i64| Asn1Time::from_unix(now + seconds).unwrap();
    builder.set_not_before(&at(from)).unwrap();
    builder.set_not_after(&at(to)).unwrap();
    builder
}
