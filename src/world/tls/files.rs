//! The files of certificates and keys on the operator's machine. A private key that others can read
//! is not used.

use crate::actions::host::Certificates;
use crate::config::Paths;
use crate::config::tls as directives;
use crate::error::Problem;
use crate::inventory::tls::KeyPair;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::HostFacts;
use crate::world::host::hex_sha256;
use crate::world::secret::open_private;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContextBuilder, SslMethod};
use openssl::x509::X509;
use secrecy::zeroize::Zeroizing;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// More than this is no file of certificates: the whole web's authorities take 300 kB.
const LARGEST: u64 = 4 << 20;
/// Where systems keep the authorities that they trust. A program with an OpenSSL of its own needs
/// these paths, because that OpenSSL does not know them.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

type Had<T> = std::result::Result<T, Problem>;

/// Notes which files the host of a node is to have, or why that cannot be known.
pub fn for_host(inventory: &Inventory, node: &NodeSpec, facts: &mut HostFacts) {
    let Some(tls) = &node.tls else {
        return;
    };
    let paths = Paths::of(inventory, node);
    let mut wanted: Vec<(&str, Vec<&Path>)> = Vec::new();
    if let Some(pair) = tls
        .server
        .as_ref()
        .filter(|_| directives::brings_pair(node))
    {
        // Without this check, only the server would find out that files do not fit together.
        let mut sample = match SslContextBuilder::new(SslMethod::tls_server()) {
            Ok(builder) => builder,
            Err(error) => {
                facts.no_certificates.push((error.to_string(), None));
                return;
            }
        };
        let wrong = own(&mut sample, pair, ["server_cert", "server_key"]);
        facts
            .no_certificates
            .extend(wrong.into_iter().map(|p| (p.what, p.hint)));
        wanted.push((directives::CERT, vec![&pair.cert]));
        wanted.push((directives::KEY, vec![&pair.key]));
    }
    if directives::brings_ca(node) {
        for file in &tls.ca {
            let wrong = certificates(file, "ca").err();
            facts
                .no_certificates
                .extend(wrong.map(|p| (p.what, p.hint)));
        }
        wanted.push((
            directives::CA,
            tls.ca.iter().map(PathBuf::as_path).collect(),
        ));
    }
    for (name, sources) in wanted {
        let mut bytes = Zeroizing::new(Vec::new());
        for source in &sources {
            let Ok(read) = std::fs::read(source) else {
                return; // told above
            };
            bytes.extend_from_slice(&Zeroizing::new(read));
            bytes.push(b'\n');
        }
        facts.wanted_certificates.push(Certificates {
            path: paths.beside(name),
            sources: sources.iter().map(|s| s.display().to_string()).collect(),
            sha256: hex_sha256(&bytes),
        });
    }
}

/// Lets `builder` trust those in the files, or those the system trusts where there are none.
pub fn trust(builder: &mut SslContextBuilder, files: &[PathBuf]) -> Vec<Problem> {
    let failed = |e: ErrorStack| Problem::new("TLS cannot trust anybody").cause(e);
    if files.is_empty() {
        return system(builder).err().map(failed).into_iter().collect();
    }
    let mut problems = Vec::new();
    for file in files {
        match certificates(file, "ca") {
            Ok(all) => {
                let mut added = all
                    .into_iter()
                    .map(|c| builder.cert_store_mut().add_cert(c));
                problems.extend(added.find_map(Result::err).map(failed));
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems
}

fn system(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_default_verify_paths()?;
    let said = |name: &str| std::env::var_os(name).is_some();
    if cfg!(feature = "vendored-openssl")
        && !said("SSL_CERT_FILE")
        && !said("SSL_CERT_DIR")
        && let Some(file) = SYSTEM.iter().find(|file| Path::new(file).is_file())
    {
        builder.set_ca_file(file)?;
    }
    Ok(())
}

/// Lets `builder` show a certificate of its own.
pub fn own(
    builder: &mut SslContextBuilder,
    pair: &KeyPair,
    [of_cert, of_key]: [&str; 2],
) -> Vec<Problem> {
    let (chain, key) = (
        certificates(&pair.cert, of_cert),
        private_key(&pair.key, of_key),
    );
    let (chain, key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => return [chain.err(), key.err()].into_iter().flatten().collect(),
    };
    let mut chain = chain.into_iter();
    let Some(first) = chain.next() else {
        return Vec::new(); // `certificates` gives at least one
    };
    let fits = first
        .public_key()
        .is_ok_and(|public| public.public_eq(&key));
    if !fits {
        let what = format!(
            "the `{of_key}` `{}` is not that of the certificate `{}`",
            pair.key.display(),
            pair.cert.display()
        );
        return vec![Problem::new(what).hint(
            "name the key that the certificate was made with, and the certificate itself first in its file",
        )];
    }
    let set = builder
        .set_certificate(&first)
        .and_then(|()| builder.set_private_key(&key))
        .and_then(|()| chain.try_for_each(|c| builder.add_extra_chain_cert(c)));
    let failed = |e: ErrorStack| {
        Problem::new(format!(
            "`{of_cert}` `{}` cannot be used",
            pair.cert.display()
        ))
        .cause(words(&e))
    };
    set.err().map(failed).into_iter().collect()
}

fn certificates(path: &Path, key: &str) -> Had<Vec<X509>> {
    let no = |why: Option<String>| {
        let what = format!(
            "the file of `{key}` `{}` holds no certificate in PEM form",
            path.display()
        );
        let problem = Problem::new(what).hint(format!(
            "it begins with -----BEGIN CERTIFICATE-----; see: openssl x509 -noout -text -in {}",
            quoted(path)
        ));
        match why {
            Some(why) => problem.cause(why),
            None => problem,
        }
    };
    let what = format!("the file of `{key}`");
    let file = open(path, &what)?;
    let bytes = read(file, path, &what)?;
    let all = X509::stack_from_pem(&bytes).map_err(|e| no(Some(words(&e))))?;
    if all.is_empty() {
        Err(no(None))
    } else {
        Ok(all)
    }
}

fn private_key(path: &Path, key: &str) -> Had<PKey<Private>> {
    let what = "the private key";
    let bytes = read(open_private(path, what)?, path, what)?;
    let locked = [&b"ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
    let is_locked = locked
        .iter()
        .any(|mark| bytes.windows(mark.len()).any(|part| part == *mark));
    if is_locked {
        let what = format!(
            "the private key `{}` has a passphrase, which replctl could not ask for when a script runs it",
            path.display()
        );
        return Err(Problem::new(what).hint(format!(
            "(umask 077; openssl pkey -in {0} -out {0}.open), and name that file",
            quoted(path)
        )));
    }
    // The passphrase is never asked for. Without this callback, OpenSSL would ask on the terminal.
    PKey::private_key_from_pem_callback(&bytes, |_| Ok(0)).map_err(|e| {
        let what = format!(
            "the file of `{key}` `{}` holds no private key in PEM form",
            path.display()
        );
        Problem::new(what).cause(words(&e))
    })
}

fn cannot(path: &Path, what: &str, error: io::Error) -> Problem {
    Problem::new(format!("cannot read {what} `{}`", path.display())).cause(error)
}

fn open(path: &Path, what: &str) -> Had<File> {
    // Not to wait for a writer, should it be a pipe.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|e| cannot(path, what, e))?;
    let about = file.metadata().map_err(|e| cannot(path, what, e))?;
    if about.is_file() {
        Ok(file)
    } else {
        let no = format!("{what} `{}` is no regular file", path.display());
        Err(Problem::new(no))
    }
}

fn read(file: File, path: &Path, what: &str) -> Had<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(|e| cannot(path, what, e))?;
    Ok(bytes)
}

/// The last of OpenSSL's messages. The others only name its functions.
fn words(error: &ErrorStack) -> String {
    let last = error
        .errors()
        .last()
        .and_then(openssl::error::Error::reason);
    last.unwrap_or("OpenSSL does not say why").to_owned()
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned)
}
