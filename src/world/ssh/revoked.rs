//! Lists of revoked keys: `RevokedHostKeys`, as text or as OpenSSH's binary list (a KRL). Pure. A
//! list that replctl does not understand is an error, never an empty list.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};

const MAGIC: &[u8] = b"SSHKRL\n\0";
/// Kinds of sections; the numbers are those of OpenSSH's PROTOCOL.krl.
const CERTIFICATES: u8 = 1;
const KEYS: u8 = 2;
const SHA1_HASHES: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256_HASHES: u8 = 5;

/// Whether the list names the key, as it goes over the wire.
///
/// # Errors
/// What replctl does not understand in the list.
pub fn names(list: &[u8], key: &[u8]) -> Result<bool, &'static str> {
    match list.strip_prefix(MAGIC) {
        Some(rest) => binary(rest, key).unwrap_or(Err("it ends too early")),
        None => Ok(text(list, key)),
    }
}

/// A list with one public key in a line and comments after `#`. As OpenSSH does, this skips a line
/// without a key.
fn text(list: &[u8], key: &[u8]) -> bool {
    let list = String::from_utf8_lossy(list);
    list.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default();
        let body = words.next().and_then(|body| STANDARD.decode(body).ok());
        body.is_some_and(|body| field(&mut body.as_slice()) == Some(kind.as_bytes()) && body == key)
    })
}

/// `None`: the list ends too early.
fn binary(list: &[u8], key: &[u8]) -> Option<Result<bool, &'static str>> {
    let mut rest = list;
    let format = take(&mut rest, 4)?;
    if format != [0, 0, 0, 1] {
        return Some(Err("its format is not version 1"));
    }
    // The header: number of the list, date, flags; then a reserved field and a comment.
    take(&mut rest, 24)?;
    field(&mut rest)?;
    field(&mut rest)?;
    let (sha1, sha256) = (Sha1::digest(key), Sha256::digest(key));
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        let mut section = field(&mut rest)?;
        let wanted: &[u8] = match *kind {
            // replctl accepts no certificates of hosts at all.
            CERTIFICATES => continue,
            KEYS => key,
            SHA1_HASHES => &sha1,
            SHA256_HASHES => &sha256,
            // Only signatures follow.
            SIGNATURE => return Some(Ok(false)),
            _ => return Some(Err("it has a section that is not known")),
        };
        while !section.is_empty() {
            if field(&mut section)? == wanted {
                return Some(Ok(true));
            }
        }
    }
    Some(Ok(false))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take(rest, 4)?.try_into().ok()?;
    take(rest, usize::try_from(u32::from_be_bytes(length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_an_error() {
        let mut list = MAGIC.to_vec();
        assert!(names(&list, b"k").is_err(), "cut short");
        list.extend([0, 0, 0, 1]);
        list.extend([0; 24 + 8]);
        assert_eq!(names(&list, b"k"), Ok(false));
        let with = |kind: u8, body: &[u8]| {
            let mut list = list.clone();
            list.push(kind);
            list.extend([0, 0, 0, u8::try_from(body.len() + 4).unwrap_or(0)]);
            list.extend([0, 0, 0, u8::try_from(body.len()).unwrap_or(0)]);
            list.extend(body);
            list
        };
        assert_eq!(names(&with(KEYS, b"k"), b"k"), Ok(true));
        assert_eq!(names(&with(KEYS, b"j"), b"k"), Ok(false));
        assert_eq!(
            names(&with(SHA1_HASHES, &Sha1::digest(b"k")), b"k"),
            Ok(true)
        );
        assert_eq!(
            names(&with(SHA256_HASHES, &Sha256::digest(b"k")), b"k"),
            Ok(true)
        );
        assert_eq!(names(&with(CERTIFICATES, b"k"), b"k"), Ok(false));
        assert!(names(&with(255, b"k"), b"k").is_err());
        let whole = with(KEYS, b"k");
        for end in MAGIC.len()..whole.len() {
            let cut = names(&whole[..end], b"k");
            // At the end of the header nothing is missing: the list has no keys.
            assert_eq!(cut == Ok(false), end == list.len(), "{end}");
            assert_eq!(cut.is_err(), end != list.len(), "{end}");
        }
    }
}
