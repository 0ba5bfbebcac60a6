//! Reads key files of the operator's machine, and the public halves beside them.

use super::keyfile::{self, KeyFile};
use std::path::{Path, PathBuf};

/// `path` with `ending` added to its name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The key in a public key file.
pub fn read_public(path: &Path) -> Option<Vec<u8>> {
    keyfile::public(&std::fs::read_to_string(path).ok()?)
}

/// What a private key file shows; `None` where it is none.
pub fn keyfile_of(path: &Path) -> Option<KeyFile> {
    keyfile::parse(&std::fs::read_to_string(path).ok()?)
}

/// The public half of a private key file: from its own header, or from the file beside it. A public
/// key file is its own public half.
pub fn public_half(path: &Path) -> Option<Vec<u8>> {
    let own = keyfile_of(path).and_then(|key| key.public);
    own.or_else(|| read_public(&beside(path, ".pub")))
        .or_else(|| read_public(path))
}
