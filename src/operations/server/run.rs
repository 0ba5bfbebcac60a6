//! `replctl server`: shows the embedded server, and extracts its files for use without `setup`.
//! Contacts no host.

use crate::error::{Exit, Problem, Result};
use crate::operations::command::Local;
use crate::output;
use crate::world::payload::{self, Embedded};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Runs `replctl server`.
///
/// # Errors
/// Nothing is embedded, or not for the architecture asked for, or the folder cannot be written:
/// exit code 1.
pub fn run(args: &super::args::Server) -> Result<()> {
    if args.licence {
        let notice = payload::NOTICE.trim_end();
        output::print(&serde_json::json!({ "licences": notice }), || {
            notice.to_owned()
        });
        return Ok(());
    }
    if let Some(directory) = &args.extract {
        let arch = args.arch.as_deref().unwrap_or(std::env::consts::ARCH);
        let extracted = extract(payload::server_for(arch)?, directory)?;
        output::print(&extracted, || extracted.human());
        return Ok(());
    }
    let servers = payload::servers();
    let Some(first) = servers.first() else {
        payload::server_for(std::env::consts::ARCH)?;
        return Ok(());
    };
    output::print(&Report::of(first, servers), || human(first, servers));
    Ok(())
}

/// The JSON of `replctl server`.
#[derive(Serialize)]
struct Report {
    engine: &'static str,
    version: &'static str,
    revision: &'static str,
    origin: &'static str,
    licence: &'static str,
    patched: bool,
    fixes: Vec<&'static str>,
    links: [&'static str; 3],
    servers: Vec<Architecture>,
}

#[derive(Serialize)]
struct Architecture {
    arch: &'static str,
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    name: &'static str,
    sha256: &'static str,
    size: u64,
    compressed: u64,
}

impl Report {
    fn of(first: &Embedded, servers: &[Embedded]) -> Self {
        let file = |file: &payload::File| FileReport {
            name: file.name,
            sha256: file.sha256,
            size: file.size,
            compressed: file.compressed(),
        };
        Self {
            engine: first.engine,
            version: first.version,
            revision: first.revision,
            origin: first.origin,
            licence: first.licence,
            patched: first.patched,
            fixes: first
                .fixes
                .split(' ')
                .filter(|word| word.starts_with("CVE-"))
                .collect(),
            links: payload::LINKS,
            servers: servers
                .iter()
                .map(|server| Architecture {
                    arch: server.arch,
                    files: server.files.iter().map(file).collect(),
                })
                .collect(),
        }
    }
}

fn human(first: &Embedded, servers: &[Embedded]) -> String {
    let mut text = format!(
        "{} {}, from the {}\n",
        first.engine, first.version, first.origin
    );
    let fixes = first
        .fixes
        .split(' ')
        .filter(|word| word.starts_with("CVE-"))
        .count();
    let _ = if first.patched && fixes > 0 {
        writeln!(
            text,
            "security fixes: {fixes} named by the package, the latest {}",
            first.fixes.rsplit(' ').next().unwrap_or_default()
        )
    } else {
        writeln!(text, "security fixes: {}", first.fixes)
    };
    let _ = writeln!(
        text,
        "licence: {} (all texts: replctl server --licence)\n",
        first.licence
    );
    let _ = writeln!(
        text,
        "{:<8}  {:<13} {:>9} {:>9}  sha256",
        "arch", "file", "size", "packed"
    );
    let mut total = 0;
    for server in servers {
        for file in server.files {
            total += file.compressed();
            let _ = writeln!(
                text,
                "{:<8}  {:<13} {:>9} {:>9}  {}",
                server.arch,
                file.name,
                size(file.size),
                size(file.compressed()),
                file.sha256
            );
        }
    }
    let _ = write!(
        text,
        "\n{} in all inside replctl; {} are other names of {}",
        size(total),
        payload::LINKS.join(", "),
        payload::SERVER
    );
    text
}

/// Bytes for people, in KiB or MiB.
fn size(bytes: u64) -> String {
    let kib = bytes.div_ceil(1024);
    if kib < 1024 {
        format!("{kib} KiB")
    } else {
        format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
    }
}

/// What `--extract` wrote.
#[derive(Serialize)]
struct Extracted {
    arch: &'static str,
    directory: PathBuf,
    files: Vec<&'static str>,
}

impl Extracted {
    fn human(&self) -> String {
        format!(
            "wrote {} ({}) to {}",
            self.files.join(", "),
            self.arch,
            output::escape(&self.directory.display().to_string())
        )
    }
}

fn extract(server: &Embedded, directory: &Path) -> Result<Extracted> {
    fs::create_dir_all(directory).map_err(|e| cannot_write(directory, &e))?;
    let mut files = Vec::new();
    for file in server.files {
        let bytes = payload::unpack(file)?;
        put(directory, file.name, |path| {
            let mut target = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o755)
                .open(path)?;
            target.write_all(&bytes)?;
            // The umask may have taken away some of these bits.
            target.set_permissions(fs::Permissions::from_mode(0o755))
        })?;
        output::changed();
        files.push(file.name);
    }
    for link in payload::LINKS {
        put(directory, link, |path| symlink(payload::SERVER, path))?;
        files.push(link);
    }
    Ok(Extracted {
        arch: server.arch,
        directory: directory.to_owned(),
        files,
    })
}

/// Puts `name` into the folder at once or not at all. The file of a running server is replaced, and
/// not written over.
fn put(
    directory: &Path,
    name: &str,
    make: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<()> {
    let unfinished = directory.join(format!(".{name}.{}", std::process::id()));
    let path = directory.join(name);
    make(&unfinished)
        .and_then(|()| fs::rename(&unfinished, &path))
        .map_err(|e| {
            let _ = fs::remove_file(&unfinished);
            cannot_write(&path, &e)
        })
}

fn cannot_write(path: &Path, error: &std::io::Error) -> crate::error::Error {
    Problem::new(format!(
        "`{}` cannot be written",
        output::escape(&path.display().to_string())
    ))
    .cause(error)
    .hint("replctl server --extract ./server")
    .exit(Exit::Failed)
}

impl Local for super::args::Server {
    fn run(&self, _global: &crate::cli::Global) -> Result<Exit> {
        run(self).map(|()| Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_for_people() {
        assert_eq!(size(0), "0 KiB");
        assert_eq!(size(1), "1 KiB");
        assert_eq!(size(1023 * 1024), "1023 KiB");
        assert_eq!(size(1024 * 1024), "1.0 MiB");
        assert_eq!(size(2_876_504), "2.7 MiB");
    }
}
