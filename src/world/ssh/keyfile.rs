//! What a private key file says without its passphrase: whether it has one, and its public half.
//! Pure; never holds or returns private material. This module looks first because libssh2 gives the
//! same error for a missing passphrase, a wrong one and a broken file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a private key file shows without its passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// It needs a passphrase.
    pub encrypted: bool,
    /// The public key as it goes over the wire, where the file holds it.
    pub public: Option<Vec<u8>>,
}

/// Reads a private key file's header; `None` where it is no private key.
pub fn parse(text: &str) -> Option<KeyFile> {
    let begin = text
        .lines()
        .map(str::trim)
        .find(|l| l.starts_with("-----BEGIN "))?;
    if begin.contains("OPENSSH PRIVATE KEY") {
        return openssh(text);
    }
    if !begin.contains("PRIVATE KEY") {
        return None;
    }
    let encrypted = begin.contains("ENCRYPTED")
        || text
            .lines()
            .any(|l| l.starts_with("Proc-Type:") && l.contains("ENCRYPTED"));
    Some(KeyFile {
        encrypted,
        public: None,
    })
}

/// The key of a `.pub` file (or of an `authorized_keys` line without options).
pub fn public(text: &str) -> Option<Vec<u8>> {
    let mut words = text
        .lines()
        .find(|l| !l.trim().is_empty())?
        .split_ascii_whitespace();
    let kind = words.next()?;
    let key = STANDARD.decode(words.next()?).ok()?;
    let mut rest = key.as_slice();
    (field(&mut rest)? == kind.as_bytes()).then_some(key)
}

/// The key in a certificate of a user, as it goes over the wire; `None` where it is no certificate.
pub fn certified(certificate: &[u8]) -> Option<Vec<u8>> {
    let mut rest = certificate;
    let kind = std::str::from_utf8(field(&mut rest)?).ok()?;
    let plain = kind.strip_suffix("-cert-v01@openssh.com")?;
    let fields = match plain {
        "ssh-ed25519" => 1,
        "ssh-rsa" => 2,
        other if other.starts_with("ecdsa-sha2-") => 2,
        _ => return None,
    };
    let _nonce = field(&mut rest)?;
    let mut key = Vec::new();
    let mut put = |value: &[u8]| {
        key.extend(u32::try_from(value.len()).ok()?.to_be_bytes());
        key.extend(value);
        Some(())
    };
    put(plain.as_bytes())?;
    for _ in 0..fields {
        put(field(&mut rest)?)?;
    }
    Some(key)
}

fn openssh(text: &str) -> Option<KeyFile> {
    let body: String = text
        .lines()
        .map(str::trim)
        .skip_while(|l| !l.starts_with("-----BEGIN "))
        .skip(1)
        .take_while(|l| !l.starts_with("-----END"))
        .collect();
    let bytes = STANDARD.decode(body).ok()?;
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let cipher = field(&mut rest)?;
    let encrypted = cipher != b"none";
    let _kdf = field(&mut rest)?;
    let _options = field(&mut rest)?;
    let (_count, mut rest) = rest.split_first_chunk::<4>()?;
    let public = field(&mut rest).map(<[u8]>::to_vec);
    Some(KeyFile { encrypted, public })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let value = after.get(..length)?;
    *rest = &after[length..];
    Some(value)
}
