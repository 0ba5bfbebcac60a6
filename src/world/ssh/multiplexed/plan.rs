//! How replctl calls the installed `ssh` for one host. The inventory goes before ssh's own
//! configuration, and options for another purpose do not count.

use super::super::error::{SshError, SshErrorKind};
use super::super::settings::Target;
use super::super::{Options, ask, between, openssh};
use super::Master;
use super::jumps::{self, Hop};
use super::words;
use crate::inventory::SshSettings;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// How to call the client for one host.
#[derive(Debug)]
pub(in super::super) struct Plan {
    /// The client that holds the connection now.
    pub(super) current: Mutex<Weak<Master>>,
    pub(super) arguments: Vec<OsString>,
    /// `ConnectTimeout` of the configuration.
    pub(super) patience: Option<Duration>,
    /// The names that `ssh` may use for the host when it asks for a password.
    pub(super) names: Vec<String>,
    /// This `ssh` marks the host's questions, but not its own. Older ones show the words of a host
    /// as they are.
    pub(super) marks_questions: bool,
    /// `NumberOfPasswordPrompts`: how often `ssh` asks for one secret.
    pub(super) prompts: u64,
    /// The hosts in between, the last one first.
    pub(super) hops: Vec<Hop>,
}

/// Decides how a host of the inventory is reached. Blocking, for some seconds at most.
///
/// # Errors
/// `Config`: `ssh` is not there, or its configuration is wrong.
pub(in super::super) fn resolve(
    options: &Options,
    settings: &SshSettings,
    address: &str,
) -> Result<(Target, Plan), SshError> {
    let host = settings.host.as_deref().unwrap_or(address);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let what = format!("`{}` is no host name", host.escape_debug());
        return Err(SshError::new(SshErrorKind::Config, what));
    }
    let Some(said) = openssh::ask(options, settings, host)? else {
        return Err(not_installed(&settings.command(address)));
    };
    let value = |key: &str| {
        said.lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(k, _)| *k == key)
            .map(|(_, value)| value.trim().to_owned())
    };
    let number = |key: &str| value(key).and_then(|v| v.parse::<u64>().ok());
    let target = Target {
        host: value("hostname").unwrap_or_else(|| host.to_owned()),
        port: number("port")
            .and_then(|p| u16::try_from(p).ok())
            .unwrap_or(22),
        user: value("user").unwrap_or_default(),
        sudo: settings.sudo,
        command: settings.command(address),
        ..Target::default()
    };
    let patience = number("connecttimeout").filter(|t| *t > 0);
    let mut own = Vec::new();
    if value("forkafterauthentication").is_some() {
        // Older versions do not know this option, and would not start.
        own.extend(["-o".into(), "ForkAfterAuthentication=no".into()]);
    }
    if number("serveraliveinterval").unwrap_or(0) == 0 {
        own.extend(["-o".into(), "ServerAliveInterval=15".into()]);
    }
    own.extend(arguments(options, settings, host, patience.is_some()));
    let jumps = between::way(&said, host)?;
    let hops = jumps::chain(options, settings, &target, jumps)?;
    let plan = Plan {
        current: Mutex::default(),
        arguments: own,
        patience: patience.map(Duration::from_secs),
        names: [Some(target.host.clone()), value("hostkeyalias")]
            .into_iter()
            .flatten()
            .collect(),
        // OpenSSH 8.5 gave this option its name, and began to mark the questions.
        marks_questions: value("pubkeyacceptedalgorithms").is_some(),
        prompts: number("numberofpasswordprompts").unwrap_or(3),
        hops,
    };
    Ok((target, plan))
}

impl Plan {
    /// The host in between at which `ssh` failed, where its words `said` show that.
    pub(super) fn stopped_at(&self, said: &str) -> Option<&Hop> {
        let number = words::left_alone(said).checked_sub(1)?;
        self.hops.get(number).or(self.hops.last())
    }

    /// The client that holds the connection, where there is one.
    pub fn current(&self) -> Option<Arc<Master>> {
        let current = ask::lock(&self.current).upgrade();
        current.filter(|master| !master.has_ended())
    }
}

/// The arguments for one host, except that for the control socket. Settings for other things than
/// the way to the host must not count.
fn arguments(
    options: &Options,
    settings: &SshSettings,
    host: &str,
    patient: bool,
) -> Vec<OsString> {
    let mut all = for_each_client(options, patient);
    let mut add = |words: &[&str]| all.extend(words.iter().map(OsString::from));
    add(&["-N", "-T", "-a", "-x"]);
    for option in [
        "ControlMaster=yes",
        "ControlPersist=no",
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "EscapeChar=none",
        "LogLevel=INFO",
    ] {
        add(&["-o", option]);
    }
    if let Some(file) = &settings.known_hosts {
        let file = quoted(&file.to_string_lossy());
        add(&["-o", &format!("UserKnownHostsFile={file}")]);
        add(&["-o", "GlobalKnownHostsFile=/dev/null"]);
    }
    if let Some(user) = &settings.user {
        add(&["-l", user]);
    }
    if let Some(port) = settings.port {
        add(&["-p", &port.to_string()]);
    }
    if !settings.identity_files.is_empty() {
        add(&["-o", "IdentitiesOnly=yes"]);
    }
    for file in &settings.identity_files {
        all.extend([OsString::from("-i"), file.into()]);
    }
    all.extend([OsString::from("--"), host.into()]);
    all
}

/// The arguments that the client for each host gets, also for one in between. `patient`: its
/// configuration has a `ConnectTimeout`.
pub(super) fn for_each_client(options: &Options, patient: bool) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    if let Some(file) = &options.ssh_config {
        all.extend([OsString::from("-F"), file.into()]);
    }
    let mut option = |text: &str| all.extend(["-o", text].map(OsString::from));
    if !patient {
        let time = options.connect_timeout.as_secs().max(1);
        option(&format!("ConnectTimeout={time}"));
    }
    if options.ask.is_none() {
        option("BatchMode=yes");
    }
    if options.accept_new_host_keys {
        option("StrictHostKeyChecking=accept-new");
    }
    all
}

/// A file's name as the value of an option. OpenSSH from 8.7 on takes `\\` and `\"` for one
/// character each.
pub(super) fn quoted(file: &str) -> String {
    format!("\"{}\"", file.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn not_installed(command: &str) -> SshError {
    SshError::new(
        SshErrorKind::Config,
        "`transport = \"openssh\"` needs the program `ssh`, which is not installed here",
    )
    .hint(format!(
        "apt install openssh-client (dnf: openssh-clients); then try: {command} true"
    ))
}
