//! The servers that replctl carries inside itself: what they are, and their files, unpacked and
//! checked. Must not touch the network or any file.

use crate::error::{Exit, Problem, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Read as _;

/// One server for one architecture.
#[derive(Debug)]
pub struct Embedded {
    /// The product: `redis`.
    pub engine: &'static str,
    /// The upstream version, as INFO gives it.
    pub version: &'static str,
    /// The revision of the source package, or the version again where it was built from an upstream
    /// release.
    pub revision: &'static str,
    /// Where the source came from, in words.
    pub origin: &'static str,
    /// SPDX identifier of the server's own licence.
    pub licence: &'static str,
    /// Whether the known security fixes are in it.
    pub patched: bool,
    /// Those fixes, as CVE numbers or in words.
    pub fixes: &'static str,
    /// The architecture as `uname -m` gives it.
    pub arch: &'static str,
    /// The programs.
    pub files: &'static [File],
}

/// One embedded program.
pub struct File {
    /// Its file name.
    pub name: &'static str,
    /// Lower-case hexadecimal checksum of the unpacked file.
    pub sha256: &'static str,
    /// Unpacked bytes.
    pub size: u64,
    packed: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The program whose binary also goes by the names in [`LINKS`].
pub const SERVER: &str = "redis-server";

/// Names under which the server's binary does another job; they are installed as symbolic links to
/// it.
pub const LINKS: [&str; 3] = ["redis-sentinel", "redis-check-rdb", "redis-check-aof"];

/// The licence texts that go with the binaries.
pub const NOTICE: &str = include_str!("../../NOTICE");

/// What is embedded, one entry for each architecture. Empty where replctl was built without a
/// server.
pub fn servers() -> &'static [Embedded] {
    SERVERS
}

/// The server for an architecture.
///
/// # Errors
/// There is none: exit code 1, with the command that builds one as the hint.
pub fn server_for(arch: &str) -> Result<&'static Embedded> {
    if let Some(found) = servers().iter().find(|server| server.arch == arch) {
        return Ok(found);
    }
    let problem = if servers().is_empty() {
        Problem::new("this replctl was built without a server inside")
            .hint("make server && cargo build --release")
    } else {
        let others: Vec<&str> = servers().iter().map(|server| server.arch).collect();
        Problem::new(format!("this replctl carries no server for `{}`, only for {}", crate::output::escape(arch), others.join(" and ")))
            .hint("install the cross compiler (gcc-aarch64-linux-gnu), then: make server && cargo build --release")
    };
    Err(problem.exit(Exit::Failed))
}

/// The file's bytes, unpacked, with size and checksum verified.
///
/// # Errors
/// The replctl binary is damaged: exit code 1.
pub fn unpack(file: &File) -> Result<Vec<u8>> {
    let damaged = |cause: String| {
        Problem::new(format!("the embedded `{}` is damaged", file.name))
            .cause(cause)
            .hint("install replctl again")
            .exit(Exit::Failed)
    };
    let mut decoder =
        ruzstd::decoding::StreamingDecoder::new(file.packed).map_err(|e| damaged(e.to_string()))?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0));
    // One byte more than expected is enough to know that it is too many.
    decoder
        .by_ref()
        .take(file.size + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| damaged(e.to_string()))?;
    let found = hex(&Sha256::digest(&bytes));
    if found == file.sha256 {
        Ok(bytes)
    } else {
        Err(damaged(format!(
            "its sha256 is {found}, not {}",
            file.sha256
        )))
    }
}

impl File {
    /// Bytes it takes inside replctl.
    pub fn compressed(&self) -> u64 {
        self.packed.len() as u64
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("name", &self.name)
            .field("sha256", &self.sha256)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(content: &[u8], sha256_of: &[u8], size: u64) -> File {
        let packed =
            ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest);
        File {
            name: "redis-server",
            sha256: hex(&Sha256::digest(sha256_of)).leak(),
            size,
            packed: packed.leak(),
        }
    }

    #[test]
    fn what_was_packed_comes_out() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(unpack(&file(&content, &content, 400_000)).unwrap(), content);
    }

    #[test]
    fn another_content_is_refused() {
        let error = unpack(&file(b"evil", b"good", 4)).unwrap_err();
        assert_eq!(error.exit, Exit::Failed);
        assert!(
            error
                .to_string()
                .contains("the embedded `redis-server` is damaged"),
            "{error}"
        );
    }

    #[test]
    fn more_than_announced_is_not_read() {
        let much = vec![7; 1 << 20];
        assert!(unpack(&file(&much, &much, 100)).is_err());
    }

    #[test]
    fn broken_frames_are_errors() {
        let good = file(b"some content", b"some content", 12);
        for cut in 0..good.packed.len() {
            let broken = File {
                packed: &good.packed[..cut],
                ..good
            };
            assert!(unpack(&broken).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn every_embedded_file_unpacks_to_its_checksum() {
        for file in servers().iter().flat_map(|server| server.files) {
            assert_eq!(
                unpack(file).unwrap().len() as u64,
                file.size,
                "{}",
                file.name
            );
        }
    }

    #[test]
    fn an_unknown_architecture_is_named() {
        let error = server_for("vax\u{1b}[2J").unwrap_err();
        assert_eq!(error.exit, Exit::Failed);
        assert!(
            error.problems[0]
                .hint
                .as_deref()
                .unwrap()
                .contains("make server"),
            "{error}"
        );
        assert!(!error.to_string().contains('\u{1b}'));
    }
}
