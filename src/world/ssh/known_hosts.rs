//! `known_hosts` files: parsing, matching, and the one line to add. Pure: `hostkey` reads and
//! writes the files.
//!
//! This module does not use libssh2's matcher. That one accepts a key marked `@revoked`, knows no
//! wildcards, and calls a key of another type changed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// One usable line of a `known_hosts` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHost {
    /// Line number in its file, from 1.
    pub line: usize,
    /// The word before the names.
    pub marker: Marker,
    /// The hosts that the line is about.
    names: Names,
    /// `ssh-ed25519` and the like.
    pub key_type: String,
    /// The key as it goes over the wire.
    pub key: Vec<u8>,
}

/// The first word of a line, where it begins with `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// None: the key of these hosts.
    Key,
    /// This key must never be accepted.
    Revoked,
    /// A certificate authority. replctl does not look at certificates of hosts, so such a line lets
    /// nobody in.
    CertAuthority,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    Patterns(Vec<Pattern>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    negated: bool,
    text: String,
}

/// The place of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was given.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// `ssh-ed25519` and the like.
    pub key_type: String,
    /// `SHA256:…` of the key in that line.
    pub fingerprint: String,
}

/// What the files say of a host's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This is its key.
    Known,
    /// Nothing is known of this host.
    Unknown,
    /// Another key of this type, or only keys of other types, are known.
    Changed(Place),
    /// The key is marked as revoked.
    Revoked(Place),
}

/// The entries of several files, in the order in which they are read.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    files: Vec<(String, Vec<KnownHost>)>,
}

impl KnownHosts {
    /// Adds a file's content. It skips lines that cannot be read, as OpenSSH does.
    pub fn add(&mut self, file: impl Into<String>, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let entries = text
            .lines()
            .enumerate()
            .filter_map(|(at, line)| KnownHost::parse(at + 1, line))
            .collect();
        self.files.push((file.into(), entries));
    }

    /// What the files say of `key`, which `host` shows on `port`.
    pub fn look_up(&self, host: &str, port: u16, key: &[u8]) -> Verdict {
        let name = name_of(host, port);
        let verdict = self.look_up_name(&name, key);
        if verdict != Verdict::Unknown || port == 22 {
            return verdict;
        }
        // As in OpenSSH: a key stored without a port counts for another port, too. A different key
        // stored without a port proves nothing there.
        match self.look_up_name(&host.to_lowercase(), key) {
            found @ (Verdict::Known | Verdict::Revoked(_)) => found,
            Verdict::Unknown | Verdict::Changed(_) => Verdict::Unknown,
        }
    }

    /// The types of the keys known for this host, in file order, each once.
    pub fn key_types(&self, host: &str, port: u16) -> Vec<String> {
        let name = name_of(host, port);
        let mut types = self.types_of(&name);
        if types.is_empty() && port != 22 {
            types = self.types_of(&host.to_lowercase());
        }
        types
    }

    /// The place of a certificate authority whose certificates this host may show.
    pub fn authority(&self, host: &str, port: u16) -> Option<Place> {
        let names = [name_of(host, port), host.to_lowercase()];
        let mut all = self.entries();
        let found = all.find(|(_, entry)| {
            entry.marker == Marker::CertAuthority && names.iter().any(|name| entry.speaks_of(name))
        });
        found.map(|(file, entry)| entry.place(file))
    }

    fn types_of(&self, name: &str) -> Vec<String> {
        let mut types: Vec<String> = Vec::new();
        for (_, entry) in self.entries() {
            if entry.marker == Marker::Key
                && !types.contains(&entry.key_type)
                && entry.speaks_of(name)
            {
                types.push(entry.key_type.clone());
            }
        }
        types
    }

    fn look_up_name(&self, name: &str, key: &[u8]) -> Verdict {
        let key_type = type_of(key);
        let mut known = false;
        let mut other: Option<Place> = None;
        for (file, entry) in self.entries() {
            if !entry.speaks_of(name) {
                continue;
            }
            match entry.marker {
                Marker::Revoked if entry.key == key => return Verdict::Revoked(entry.place(file)),
                Marker::Revoked | Marker::CertAuthority => {}
                Marker::Key if entry.key == key => known = true,
                Marker::Key => {
                    // The error shows the key of the same type.
                    let better = other
                        .as_ref()
                        .is_none_or(|o| o.key_type != key_type && entry.key_type == key_type);
                    if better {
                        other = Some(entry.place(file));
                    }
                }
            }
        }
        match other {
            _ if known => Verdict::Known,
            Some(place) => Verdict::Changed(place),
            None => Verdict::Unknown,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &KnownHost)> {
        self.files
            .iter()
            .flat_map(|(file, entries)| entries.iter().map(move |e| (file.as_str(), e)))
    }
}

impl KnownHost {
    /// Reads one line; `None` for a comment, a blank line, and a line without a key.
    pub fn parse(number: usize, line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let mut words = line.split_ascii_whitespace();
        let mut names = words.next()?;
        let marker = match names {
            "@revoked" => Marker::Revoked,
            "@cert-authority" => Marker::CertAuthority,
            other if other.starts_with('@') => return None,
            _ => Marker::Key,
        };
        if marker != Marker::Key {
            names = words.next()?;
        }
        let key_type = words.next()?;
        let key = STANDARD.decode(words.next()?).ok()?;
        if type_of(&key) != key_type {
            return None;
        }
        Some(Self {
            line: number,
            marker,
            names: Names::parse(names)?,
            key_type: key_type.to_owned(),
            key,
        })
    }

    fn speaks_of(&self, name: &str) -> bool {
        match &self.names {
            Names::Hashed { salt, hash } => hashed(salt, name) == *hash,
            Names::Patterns(patterns) => {
                let mut hit = false;
                for pattern in patterns {
                    if wildcard(pattern.text.as_bytes(), name.as_bytes()) {
                        if pattern.negated {
                            return false;
                        }
                        hit = true;
                    }
                }
                hit
            }
        }
    }

    fn place(&self, file: &str) -> Place {
        Place {
            file: file.to_owned(),
            line: self.line,
            key_type: self.key_type.clone(),
            fingerprint: fingerprint(&self.key),
        }
    }
}

impl Names {
    fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("|1|") {
            let (salt, hash) = rest.split_once('|')?;
            let salt = STANDARD.decode(salt).ok()?;
            let hash = STANDARD.decode(hash).ok()?;
            return Some(Self::Hashed { salt, hash });
        }
        let patterns = text
            .split(',')
            .filter(|p| !p.is_empty())
            .map(|p| {
                let text = p.strip_prefix('!').unwrap_or(p);
                Pattern {
                    negated: text.len() < p.len(),
                    text: text.to_lowercase(),
                }
            })
            .collect();
        Some(Self::Patterns(patterns))
    }
}

/// The name a host has in the files: `host`, or `[host]:port` where the port is not 22.
pub fn name_of(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

/// The type that the key itself names; empty where the key is no key.
pub fn type_of(key: &[u8]) -> &str {
    let Some((length, rest)) = key.split_first_chunk::<4>() else {
        return "";
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    rest.get(..length)
        .and_then(|word| std::str::from_utf8(word).ok())
        .unwrap_or("")
}

/// The length in bits of an RSA key, or of the key in a certificate; `None` for keys of other
/// kinds.
pub fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut rest = key;
    match field(&mut rest)? {
        b"ssh-rsa" => {}
        b"ssh-rsa-cert-v01@openssh.com" => {
            let _nonce = field(&mut rest)?;
        }
        _ => return None,
    }
    let _exponent = field(&mut rest)?;
    let modulus = field(&mut rest)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?.leading_zeros();
    Some((modulus.len() - zeros) * 8 - usize::try_from(first).ok()?)
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(value)
}

/// The fingerprint as OpenSSH shows it.
pub fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// The line to add for a host's key, without its newline. The name is hashed where a salt (20
/// random bytes) is given.
pub fn line_for(host: &str, port: u16, key: &[u8], salt: Option<&[u8]>) -> String {
    let name = name_of(host, port);
    let name = match salt {
        Some(salt) => format!(
            "|1|{}|{}",
            STANDARD.encode(salt),
            STANDARD.encode(hashed(salt, &name))
        ),
        None => name,
    };
    format!("{name} {} {}", type_of(key), STANDARD.encode(key))
}

fn hashed(salt: &[u8], name: &str) -> Vec<u8> {
    match Hmac::<Sha1>::new_from_slice(salt) {
        Ok(mut mac) => {
            mac.update(name.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        // HMAC takes keys of every length. If that were ever untrue, nothing must match.
        Err(_) => Vec::new(),
    }
}

/// Matches `*` and `?`, in time proportional to the product of the lengths.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}
