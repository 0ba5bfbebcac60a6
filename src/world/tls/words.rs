//! Turns every way in which TLS can fail into the one [`Trouble`] it is.
//!
//! Names of certificates are the other side's words: they are escaped where they are printed.

use crate::topology::{Trouble, TroubleKind};
use crate::world::unreachable::{hung_up, short, trouble};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::ssl;
use openssl::x509::{X509NameRef, X509Ref, X509StoreContextRef, X509VerifyResult};
use std::io;
use std::net::IpAddr;

/// OpenSSL numbers the alerts of the other side from here on.
const ALERTS: i32 = 1000;
/// Names of one certificate that are told.
const NAMES: usize = 3;

/// What was wrong with the certificate of the other side, noted while it is verified.
#[derive(Debug, Default)]
pub struct Reading {
    code: i32,
    said: String,
    of_authority: bool,
    issuer: String,
    names: Vec<String>,
    from: Option<i64>,
    until: Option<i64>,
}

impl Reading {
    /// Notes what is wrong now.
    pub fn note(&mut self, chain: &X509StoreContextRef) {
        let why = chain.error();
        self.code = why.as_raw();
        why.error_string().clone_into(&mut self.said);
        self.of_authority = chain.error_depth() > 0;
        if let Some(certificate) = chain.current_cert() {
            self.issuer = called(certificate.issuer_name());
            self.names = names(certificate);
            self.from = seconds(certificate.not_before());
            self.until = seconds(certificate.not_after());
        }
    }
}

/// A handshake that failed.
pub struct Failed<'a> {
    /// What OpenSSL says.
    pub error: &'a ssl::Error,
    /// The first bytes of the other side.
    pub first: &'a [u8],
    /// What was wrong with its certificate.
    pub reading: &'a Reading,
    /// The name it had to have.
    pub name: &'a str,
    /// Whether we have a certificate to show.
    pub with_own: bool,
}

/// Why a handshake failed.
pub fn explain(failed: &Failed<'_>) -> Trouble {
    if let Some(told) = plain(failed.first) {
        return told;
    }
    if failed.reading.code != X509VerifyResult::OK.as_raw() {
        return certificate(failed.reading, failed.name);
    }
    if failed.first.is_empty() {
        // The proxy of a dead server does the same: nothing shows that a server is there.
        return trouble(
            TroubleKind::Other,
            "it closed the connection instead of answering the TLS handshake",
        );
    }
    match failed.error.ssl_error().and_then(alert) {
        // Before TLS 1.3 there is no alert that says so.
        Some(40) if !failed.with_own => trouble(
            TroubleKind::ClientCertificateMissing,
            "it ended the TLS handshake, like a server that wants a certificate of its clients and gets none",
        ),
        Some(number) => of_alert(number),
        None => match failed.error.ssl_error().and_then(last) {
            Some(why) => trouble(TroubleKind::Tls, format!("the TLS handshake failed: {why}")),
            None => trouble(
                TroubleKind::Tls,
                "it closed the connection in the midst of the TLS handshake",
            ),
        },
    }
}

/// Why a connection with a good handshake can no longer be read: a server checks our certificate
/// only after the handshake.
pub fn from_io(error: &io::Error) -> Trouble {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<ssl::Error>())
        .and_then(ssl::Error::ssl_error);
    match inner {
        None => hung_up(),
        Some(stack) => match (alert(stack), last(stack)) {
            (Some(number), _) => of_alert(number),
            (None, Some(why)) if !why.contains("unexpected eof") => {
                trouble(TroubleKind::Tls, format!("TLS failed: {why}"))
            }
            (None, Some(_) | None) => hung_up(),
        },
    }
}

/// A server that answers without TLS: these are the first characters of its answers.
pub fn plain(first: &[u8]) -> Option<Trouble> {
    let first = first.first()?;
    b"-+$:*"
        .contains(first)
        .then(|| trouble(TroubleKind::NoTls, "it does not speak TLS on this port"))
}

/// A moment in seconds since 1970.
pub fn seconds(time: &Asn1TimeRef) -> Option<i64> {
    let difference = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(difference.days) * 86_400 + i64::from(difference.secs))
}

fn certificate(reading: &Reading, name: &str) -> Trouble {
    let whose = if reading.of_authority {
        "the certificate of its authority"
    } else {
        "its certificate"
    };
    let when = |at: Option<i64>| {
        let at = at.and_then(|at| jiff::Timestamp::from_second(at).ok());
        at.map_or_else(
            || "a time that cannot be read".to_owned(),
            |at| at.to_string(),
        )
    };
    let (kind, sentence) = match reading.code {
        10 => (
            TroubleKind::CertificateExpired,
            format!("{whose} expired at {}", when(reading.until)),
        ),
        9 => (
            TroubleKind::CertificateNotYetValid,
            format!("{whose} is valid only from {} on", when(reading.from)),
        ),
        62 | 64 => {
            let of = match reading.names.split_last() {
                None => "for no name at all".to_owned(),
                Some(_) => format!("for {}", reading.names.join(", ")),
            };
            (
                TroubleKind::CertificateName,
                format!("its certificate is {of}, and not for `{name}`"),
            )
        }
        2 | 18..=21 => (
            TroubleKind::CertificateUntrusted,
            format!(
                "its certificate goes back to `{}`, which is not trusted",
                short(&reading.issuer)
            ),
        ),
        _ => (
            TroubleKind::CertificateUntrusted,
            format!("{whose} is not accepted: {}", reading.said),
        ),
    };
    trouble(kind, sentence)
}

fn of_alert(number: i32) -> Trouble {
    let refused = |why: &str| {
        trouble(
            TroubleKind::ClientCertificateRefused,
            format!("it refuses the certificate that replctl shows: {why}"),
        )
    };
    match number {
        116 => trouble(
            TroubleKind::ClientCertificateMissing,
            "it wants a certificate of its clients, and the inventory names none",
        ),
        42 => refused("bad certificate"),
        43 => refused("a kind it does not take"),
        44 => refused("revoked"),
        45 => refused("expired, or not valid yet"),
        46 | 49 => refused("it does not say why"),
        48 => refused("it does not know whom it was issued by"),
        70 => trouble(
            TroubleKind::Tls,
            "it speaks no version of TLS that is safe (1.2 and 1.3 are)",
        ),
        _ => trouble(
            TroubleKind::Tls,
            format!("it ended the TLS handshake (alert {number})"),
        ),
    }
}

/// The number of the other side's alert.
fn alert(stack: &ErrorStack) -> Option<i32> {
    let mut codes = stack.errors().iter().map(|e| e.reason_code() - ALERTS);
    codes.rfind(|n| (1..256).contains(n))
}

fn last(stack: &ErrorStack) -> Option<&'static str> {
    stack.errors().last()?.reason()
}

/// The names that a certificate is for: its alternative names, or the common name if it has none.
fn names(certificate: &X509Ref) -> Vec<String> {
    let mut found: Vec<String> = certificate
        .subject_alt_names()
        .iter()
        .flatten()
        .filter_map(|name| match (name.dnsname(), name.ipaddress()) {
            (Some(dns), _) => Some(dns.to_owned()),
            (None, Some(bytes)) => address(bytes),
            (None, None) => None,
        })
        .collect();
    if found.is_empty() {
        found.extend(common(certificate.subject_name()));
    }
    let more = found.len().saturating_sub(NAMES);
    found.truncate(NAMES);
    let mut told: Vec<String> = found.iter().map(|n| format!("`{}`", short(n))).collect();
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::from(sixteen).to_string())
}

fn common(name: &X509NameRef) -> Option<String> {
    let entry = name.entries_by_nid(Nid::COMMONNAME).next()?;
    entry.data().to_string().ok()
}

/// What a name is called: its common name, or all of it.
fn called(name: &X509NameRef) -> String {
    common(name).unwrap_or_else(|| {
        let parts = name.entries().filter_map(|entry| {
            let key = entry.object().nid().short_name().ok()?;
            Some(format!("{key}={}", entry.data().to_string().ok()?))
        });
        parts.collect::<Vec<_>>().join(", ")
    })
}
