//! Derives the public half of a private key whose file does not hold it: the older forms (PEM,
//! PKCS #8). Pure. What this module reads of the private half does not leave it.

use openssl::bn::{BigNumContext, BigNumRef};
use openssl::ec::PointConversionForm;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};

/// The public key as it goes over the wire; `None` for a wrong passphrase, and for kinds of keys
/// that ssh does not have.
pub(super) fn public(pem: &str, passphrase: &str) -> Option<Vec<u8>> {
    // There is always a passphrase: without one, OpenSSL would ask for it on the terminal.
    let key = PKey::private_key_from_pem_passphrase(pem.as_bytes(), passphrase.as_bytes()).ok()?;
    match key.id() {
        Id::RSA => {
            let rsa = key.rsa().ok()?;
            wire(&[b"ssh-rsa", &number(rsa.e()), &number(rsa.n())])
        }
        Id::ED25519 => wire(&[b"ssh-ed25519", &key.raw_public_key().ok()?]),
        Id::EC => ecdsa(&key),
        _ => None,
    }
}

fn ecdsa(key: &PKey<Private>) -> Option<Vec<u8>> {
    let key = key.ec_key().ok()?;
    let curve = match key.group().curve_name()? {
        Nid::X9_62_PRIME256V1 => "nistp256",
        Nid::SECP384R1 => "nistp384",
        Nid::SECP521R1 => "nistp521",
        _ => return None,
    };
    let mut numbers = BigNumContext::new().ok()?;
    let form = PointConversionForm::UNCOMPRESSED;
    let point = key.public_key().to_bytes(key.group(), form, &mut numbers);
    let kind = format!("ecdsa-sha2-{curve}");
    wire(&[kind.as_bytes(), curve.as_bytes(), &point.ok()?])
}

/// A number that is not negative: its highest bit is 0.
fn number(number: &BigNumRef) -> Vec<u8> {
    let mut bytes = number.to_vec();
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

fn wire(fields: &[&[u8]]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for field in fields {
        all.extend(u32::try_from(field.len()).ok()?.to_be_bytes());
        all.extend_from_slice(field);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    #[test]
    fn it_is_what_ssh_keygen_derives() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = [
            ("rsa", "2048"),
            ("ecdsa", "256"),
            ("ecdsa", "384"),
            ("ecdsa", "521"),
        ];
        for at in 0..8 {
            let (kind, bits) = kinds[at % 4];
            let form = ["PEM", "PKCS8"][at / 4];
            let phrase = ["", "open sesame"][(at + at / 4) % 2];
            let file = folder.path().join(at.to_string());
            let made = Command::new("ssh-keygen")
                .args(["-q", "-m", form, "-t", kind, "-b", bits, "-N", phrase, "-f"])
                .arg(&file)
                .status();
            assert!(made.unwrap().success());
            let read = |file| std::fs::read_to_string(file).unwrap();
            let known = super::super::keyfile::public(&read(file.with_extension("pub")));
            let private = read(file);
            assert!(known.is_some() && !private.contains("OPENSSH"), "{form}");
            assert_eq!(public(&private, phrase), known, "{form} {kind} {bits}");
            assert_eq!(public(&private, "wrong").is_none(), !phrase.is_empty());
        }
        let ed25519 = PKey::generate_ed25519().unwrap();
        let text = ed25519.private_key_to_pem_pkcs8().unwrap();
        let key = public(&String::from_utf8(text).unwrap(), "").unwrap();
        assert!(key.ends_with(&ed25519.raw_public_key().unwrap()) && key.len() == 51);
    }
}
