//! Compresses the servers that `server/build.sh` left in payload/, and writes their table, which
//! src/world/payload.rs includes. Without payload/ the table is empty and a warning reports that.
//! The build never fails because of a missing server, and never fetches or compiles one itself.
#![allow(clippy::print_stdout)] // how a build script talks to cargo

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The highest zstd level: five seconds for both architectures, once.
const LEVEL: i32 = 22;

type Table = BTreeMap<String, String>;

fn main() {
    if let Err(sentence) = embed() {
        println!("cargo::error={sentence}");
    }
}

fn embed() -> Result<(), String> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(|e| e.to_string())?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|e| e.to_string())?);
    println!("cargo::rerun-if-changed=build.rs");
    let folder = root.join("payload");
    let manifest = folder.join("manifest.toml");
    let code = if manifest.exists() {
        println!("cargo::rerun-if-changed=payload/manifest.toml");
        let text = fs::read_to_string(&manifest)
            .map_err(|e| format!("payload/manifest.toml cannot be read: {e}"))?;
        let (head, files) = parse(&text)?;
        table(&head, &files, &folder, &out)?
    } else {
        // cargo finds the manifest by watching its folder. A path that does not exist would cause a
        // full rebuild each time.
        let _ = fs::create_dir(&folder);
        println!("cargo::rerun-if-changed=payload");
        println!(
            "cargo::warning=replctl is built without a server inside; for one, run `make server` and build again"
        );
        "static SERVERS: &[Embedded] = &[];\n".to_owned()
    };
    fs::write(out.join("embedded.rs"), code)
        .map_err(|e| format!("embedded.rs cannot be written: {e}"))
}

/// Reads the manifest: `key = value` lines, then a `[[file]]` table for each file. It is our own
/// script's output, so anything else is an error.
fn parse(text: &str) -> Result<(Table, Vec<Table>), String> {
    let mut head = Table::new();
    let mut files: Vec<Table> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line == "[[file]]" {
            files.push(Table::new());
        } else if let Some((key, value)) = line.split_once(" = ") {
            files
                .last_mut()
                .unwrap_or(&mut head)
                .insert(key.to_owned(), value.trim_matches('"').to_owned());
        } else if !line.is_empty() && !line.starts_with('#') {
            return Err(format!(
                "payload/manifest.toml:{number}: not a line that server/build.sh writes"
            ));
        }
    }
    if field(&head, "format")? != "1" {
        return Err(
            "payload/manifest.toml has a format this build does not know: run `make server`"
                .to_owned(),
        );
    }
    Ok((head, files))
}

fn field<'a>(table: &'a Table, key: &str) -> Result<&'a str, String> {
    table
        .get(key)
        .map(String::as_str)
        .ok_or_else(|| format!("payload/manifest.toml lacks `{key}`: run `make server`"))
}

/// The Rust source of the table, one entry for each architecture, in the manifest's order.
fn table(head: &Table, files: &[Table], folder: &Path, out: &Path) -> Result<String, String> {
    let packed: Vec<Result<PathBuf, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = files
            .iter()
            .map(|file| scope.spawn(|| pack(file, folder, out)))
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err("a compressor panicked".to_owned()))
            })
            .collect()
    });
    let mut archs: Vec<&str> = Vec::new();
    let mut entries: BTreeMap<&str, String> = BTreeMap::new();
    for (file, packed) in files.iter().zip(packed) {
        let arch = field(file, "arch")?;
        if !archs.contains(&arch) {
            archs.push(arch);
        }
        let _ = writeln!(
            entries.entry(arch).or_default(),
            "        File {{ name: {:?}, sha256: {:?}, size: {}, packed: include_bytes!({}) }},",
            field(file, "name")?,
            field(file, "sha256")?,
            field(file, "size")?
                .parse::<u64>()
                .map_err(|_| "payload/manifest.toml: a size is no number")?,
            literal(&packed?)?,
        );
    }
    let mut code =
        "#[allow(clippy::unreadable_literal)]\nstatic SERVERS: &[Embedded] = &[\n".to_owned();
    for arch in archs {
        let _ = writeln!(
            code,
            "    Embedded {{\n        engine: {:?},\n        version: {:?},\n        revision: {:?},\n        origin: {:?},\n        licence: {:?},\n        patched: {},\n        fixes: {:?},\n        arch: {arch:?},\n        files: &[\n{}        ],\n    }},",
            field(head, "engine")?,
            field(head, "version")?,
            field(head, "revision")?,
            field(head, "origin")?,
            field(head, "licence")?,
            field(head, "patched")? == "true",
            field(head, "fixes")?,
            entries[arch],
        );
    }
    code.push_str("];\n");
    Ok(code)
}

/// The path as a Rust string literal.
fn literal(path: &Path) -> Result<String, String> {
    path.to_str()
        .map(|path| format!("{path:?}"))
        .ok_or_else(|| format!("{} is not UTF-8", path.display()))
}

/// Compresses one file into `OUT_DIR` under its checksum, unless that was done before, and returns
/// the path.
fn pack(file: &Table, folder: &Path, out: &Path) -> Result<PathBuf, String> {
    let path = field(file, "path")?;
    let sum = field(file, "sha256")?;
    let bytes = fs::read(folder.join(path))
        .map_err(|e| format!("payload/{path} cannot be read ({e}): run `make server`"))?;
    let found: String = Sha256::digest(&bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    if found != sum {
        return Err(format!(
            "payload/{path} is not the file that payload/manifest.toml describes: run `make server`"
        ));
    }
    let packed = out.join(format!("{sum}.zst"));
    if !packed.exists() {
        let data = zstd::bulk::compress(&bytes, LEVEL)
            .map_err(|e| format!("payload/{path} cannot be compressed: {e}"))?;
        // Never a half-written file under the final name.
        let unfinished = out.join(format!("{sum}.new"));
        fs::write(&unfinished, data)
            .and_then(|()| fs::rename(&unfinished, &packed))
            .map_err(|e| format!("{} cannot be written: {e}", packed.display()))?;
    }
    Ok(packed)
}
