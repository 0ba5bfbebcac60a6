//! How to reach servers and hosts: what the arguments say, in the form of an inventory.

use super::super::{NAME, deployment_name};
use crate::error::{Exit, Problem, Result};
use crate::inventory::found::{Access, SentinelText, Source, SshText, TlsText};
use crate::inventory::tls::Verify;
use crate::operations::init::args::{Init, Looked};
use crate::operations::init::plan::sentinel::SentinelLogin;
use crate::output;
use std::path::{Path, PathBuf};

/// The deployment's name during the search. Nothing is stored under that name.
const LOOKED_FOR: &str = "init--from";

/// The access during the search. `folder`: where the inventory will be.
///
/// # Errors
/// [`Exit::Usage`].
pub(super) fn access(args: &Init, folder: &Path) -> Result<Access> {
    if let Some(name) = &args.name {
        deployment_name(name).map_err(|wrong| {
            Problem::new(format!("`--name {name}` {wrong}"))
                .hint("for example, `--name orders`")
                .exit(Exit::Usage)
        })?;
    }
    let find = &args.find;
    let file = |path: &Option<PathBuf>| path.as_ref().map(|p| written(p, folder)).transpose();
    let source = |path: &Option<PathBuf>, env: &Option<String>| -> Result<Option<Source>> {
        let file = file(path)?.map(Source::File);
        Ok(file.or_else(|| env.clone().map(Source::Env)))
    };
    let sentinel = source(&find.sentinel_password_file, &find.sentinel_password_env)?;
    let tls = TlsText {
        ca: file(&find.ca)?,
        own: file(&find.cert)?.zip(file(&find.key)?),
        verify: match find.verify {
            Looked::Full => Verify::Full,
            Looked::Ca => Verify::Ca,
            Looked::None => Verify::None,
        },
    };
    Ok(Access {
        name: LOOKED_FOR.to_owned(),
        login: find.login.clone().filter(|user| user != "default"),
        password: source(&find.password_file, &find.password_env)?,
        ssh: SshText {
            user: args.user.clone(),
            identity_file: file(&find.identity_file)?,
            known_hosts: file(&find.known_hosts)?,
        },
        tls: find.tls.then_some(tls),
        sentinel: sentinel.map(|password| SentinelText {
            name: NAME.to_owned(),
            login: find.sentinel_login.clone(),
            password: Some(password),
            ..SentinelText::default()
        }),
        ..Access::default()
    })
}

/// A user has a password. replctl asks for it if no argument names one.
///
/// # Errors
/// [`Exit::Usage`]: there is nobody to ask.
pub(super) fn complete(access: &mut Access, args: &Init) -> Result<()> {
    let wrong = |option: &str, more: &str| {
        Problem::new(format!(
            "`{option}` names a user, and its password is missing"
        ))
        .hint(format!("add {more}"))
        .exit(Exit::Usage)
    };
    if args.find.sentinel_login.is_some() && access.sentinel.is_none() {
        let more = "--sentinel-password-file FILE, or --sentinel-password-env NAME";
        return Err(wrong("--sentinel-login", more));
    }
    if access.login.is_some() && access.password.is_none() {
        if args.yes || !output::can_ask() {
            let more = "--password-file FILE, or --password-env NAME";
            return Err(wrong("--login", more));
        }
        access.password = Some(Source::Prompt);
    }
    Ok(())
}

/// How Sentinels are logged in to.
pub(super) fn sentinel_login(access: &Access) -> SentinelLogin {
    let said = access.sentinel.as_ref();
    said.map_or_else(SentinelLogin::default, |said| SentinelLogin {
        user: said.login.clone(),
        password: said.password.clone(),
    })
}

/// The file as an inventory in that folder names it.
fn written(path: &Path, folder: &Path) -> Result<String> {
    let whole = std::path::absolute(path).map_err(|error| {
        Problem::new(format!("cannot use the file `{}`", path.display()))
            .cause(error)
            .exit(Exit::Usage)
    })?;
    let inside = whole.strip_prefix(folder).unwrap_or(&whole);
    inside.to_str().map(str::to_owned).ok_or_else(|| {
        Problem::new(format!(
            "the name of the file `{}` is not UTF-8, and cannot stand in an inventory",
            path.display()
        ))
        .exit(Exit::Usage)
    })
}
