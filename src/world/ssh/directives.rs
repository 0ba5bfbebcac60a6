//! Every option that `ssh -G` prints, and what replctl does with it. Where a login fails, the error
//! names the options that are not in this table. A test names them, too.

use super::error::{SshError, SshErrorKind};

/// What replctl does with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It counts, here or in the answer of `ssh -G` itself.
    Honoured,
    /// It has no influence on whether a command on the host is reached safely.
    Harmless,
    /// It counts in OpenSSH only. With one of these values it changes nothing. With any other
    /// value, replctl refuses the host before a login.
    Refused(&'static [&'static str]),
    /// A way to log in that only OpenSSH has. The error names it where nothing else was accepted
    /// and its value is none of these.
    Reported(&'static [&'static str]),
}

use Treatment::{Harmless, Honoured, Refused, Reported};

/// The options of OpenSSH 7.4 to 10.2 with the patches of Debian and Red Hat, sorted by name, and
/// in lower case as `ssh -G` prints them.
pub const OPTIONS: &[(&str, Treatment)] = &[
    ("addkeystoagent", Harmless),
    ("addressfamily", Honoured),
    ("afstokenpassing", Harmless),
    ("batchmode", Honoured),
    ("bindaddress", Honoured),
    ("bindinterface", Refused(&["none"])),
    ("canonicaldomains", Honoured),
    ("canonicalizefallbacklocal", Honoured),
    ("canonicalizehostname", Honoured),
    ("canonicalizemaxdots", Honoured),
    ("canonicalizepermittedcnames", Honoured),
    // About certificates of hosts, which replctl does not accept at all.
    ("casignaturealgorithms", Harmless),
    ("certificatefile", Honoured),
    ("challengeresponseauthentication", Honoured),
    ("channeltimeout", Harmless),
    ("checkhostip", Honoured),
    ("ciphers", Honoured),
    ("clearallforwardings", Harmless),
    ("compression", Harmless),
    ("compressionlevel", Harmless),
    ("connectionattempts", Honoured),
    ("connecttimeout", Honoured),
    ("controlmaster", Harmless),
    ("controlpath", Harmless),
    ("controlpersist", Harmless),
    // replctl makes no forwarding, whatever is set.
    ("dynamicforward", Harmless),
    ("enableescapecommandline", Harmless),
    ("enablesshkeysign", Harmless),
    ("escapechar", Harmless),
    ("exitonforwardfailure", Harmless),
    ("fingerprinthash", Harmless),
    ("forkafterauthentication", Harmless),
    ("forwardagent", Harmless),
    ("forwardx11", Harmless),
    ("forwardx11timeout", Harmless),
    ("forwardx11trusted", Harmless),
    ("gatewayports", Harmless),
    ("globalknownhostsfile", Honoured),
    ("gssapiauthentication", Reported(&["no"])),
    ("gssapiclientidentity", Harmless),
    ("gssapidelegatecredentials", Harmless),
    ("gssapikexalgorithms", Harmless),
    ("gssapikeyexchange", Harmless),
    ("gssapirenewalforcesrekey", Harmless),
    ("gssapiserveridentity", Harmless),
    ("gssapitrustdns", Harmless),
    ("hashknownhosts", Honoured),
    ("host", Honoured),
    ("hostbasedacceptedalgorithms", Harmless),
    ("hostbasedauthentication", Reported(&["no"])),
    ("hostbasedkeytypes", Harmless),
    ("hostkeyalgorithms", Honoured),
    ("hostkeyalias", Honoured),
    ("hostname", Honoured),
    ("identitiesonly", Honoured),
    ("identityagent", Honoured),
    ("identityfile", Honoured),
    ("ignoreunknown", Harmless),
    ("ipqos", Harmless),
    ("kbdinteractiveauthentication", Honoured),
    ("kbdinteractivedevices", Harmless),
    ("kexalgorithms", Honoured),
    ("knownhostscommand", Honoured),
    ("localcommand", Harmless),
    ("localforward", Harmless),
    ("loglevel", Harmless),
    ("logverbose", Harmless),
    ("macs", Honoured),
    // replctl checks a host that this option exempts like any other.
    ("nohostauthenticationforlocalhost", Harmless),
    ("numberofpasswordprompts", Harmless),
    ("obscurekeystroketiming", Harmless),
    ("passwordauthentication", Honoured),
    ("permitlocalcommand", Harmless),
    ("permitremoteopen", Harmless),
    ("pkcs11provider", Refused(&["none"])),
    ("port", Honoured),
    ("preferredauthentications", Honoured),
    ("protocol", Refused(&["2"])),
    ("proxycommand", Honoured),
    ("proxyjump", Honoured),
    ("proxyusefdpass", Refused(&["no"])),
    ("pubkeyacceptedalgorithms", Honoured),
    ("pubkeyacceptedkeytypes", Honoured),
    ("pubkeyauthentication", Honoured),
    ("refuseconnection", Refused(&[])),
    // New keys are made when the server wants them. The server has a limit of its own.
    ("rekeylimit", Harmless),
    ("remotecommand", Harmless),
    ("remoteforward", Harmless),
    ("requesttty", Harmless),
    ("requiredrsasize", Honoured),
    ("revokedhostkeys", Honoured),
    ("rhostsrsaauthentication", Harmless),
    ("rsaauthentication", Harmless),
    ("rsaminsize", Honoured),
    ("securitykeyprovider", Harmless),
    ("sendenv", Harmless),
    ("serveralivecountmax", Harmless),
    ("serveraliveinterval", Harmless),
    ("sessiontype", Harmless),
    ("setenv", Harmless),
    ("stdinnull", Harmless),
    ("streamlocalbindmask", Harmless),
    ("streamlocalbindunlink", Harmless),
    ("stricthostkeychecking", Honoured),
    ("syslogfacility", Harmless),
    ("tag", Honoured),
    ("tcpkeepalive", Harmless),
    ("tunnel", Harmless),
    ("tunneldevice", Harmless),
    ("updatehostkeys", Harmless),
    ("useprivilegedport", Harmless),
    ("user", Honoured),
    ("userknownhostsfile", Honoured),
    // No entry in DNS makes a key known to replctl.
    ("verifyhostkeydns", Reported(&["no", "false"])),
    ("versionaddendum", Harmless),
    ("visualhostkey", Harmless),
    ("warnweakcrypto", Harmless),
    ("xauthlocation", Harmless),
];

/// What replctl does with an option. `None`: this table does not have the option.
pub fn treatment(option: &str) -> Option<Treatment> {
    OPTIONS
        .binary_search_by(|(name, _)| (*name).cmp(option))
        .ok()
        .map(|at| OPTIONS[at].1)
}

/// What is set that only OpenSSH can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Options that are ways to log in, or to know a host: `GSSAPIAuthentication yes`.
    pub ways: Vec<String>,
    /// Options that are not in the table.
    pub unknown: Vec<String>,
}

/// Looks at all options of an answer of `ssh -G`.
///
/// # Errors
/// `Config`: one of them counts, and only OpenSSH can honour it.
pub fn look_through(answer: &str, host: &str) -> Result<Beyond, SshError> {
    let mut beyond = Beyond::default();
    for line in answer.lines() {
        let (option, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        if option.is_empty() {
            continue;
        }
        let other = |values: &[&str]| !values.contains(&value.trim());
        match treatment(&option.to_ascii_lowercase()) {
            Some(Refused(values)) if other(values) => {
                return Err(refused(host, option, &format!("{option} {value}")));
            }
            Some(Reported(values)) if other(values) => {
                beyond.ways.push(format!("{option} {value}"));
            }
            Some(Honoured | Harmless | Refused(_) | Reported(_)) => {}
            None => beyond.unknown.push(option.to_owned()),
        }
    }
    Ok(beyond)
}

/// What the operator can do where only OpenSSH can do what is needed.
pub const WAY_OUT: &str = "add `transport = \"openssh\"` to `[ssh]` in the inventory";

/// The refusal of a directive that only OpenSSH can honour; `set` is how it is set.
pub fn refused(host: &str, directive: &str, set: &str) -> SshError {
    SshError::new(
        SshErrorKind::Config,
        format!(
            "the ssh configuration of {host} sets {directive}, which replctl's built-in ssh client cannot honour"
        ),
    )
    .cause(set)
    .hint(WAY_OUT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(OPTIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(OPTIONS.iter().all(|(name, _)| *name == name.to_lowercase()));
    }

    #[test]
    fn every_option_of_this_openssh_is_in_the_table() {
        let out = std::process::Command::new("ssh")
            .args(["-G", "-F", "/dev/null", "h"])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.lines().count() > 50, "{text}");
        assert_eq!(look_through(&text, "h").unwrap(), Beyond::default());
        let text = format!("{text}newoption yes\ngssapiauthentication yes\nPKCS11Provider none\n");
        let beyond = look_through(&text, "h").unwrap();
        assert_eq!(beyond.unknown, ["newoption"]);
        assert_eq!(beyond.ways, ["gssapiauthentication yes"]);
        for line in [
            "proxyusefdpass yes",
            "pkcs11provider /x",
            "refuseconnection no",
            "bindinterface eth0",
        ] {
            let error = look_through(line, "h").unwrap_err().to_string();
            let (option, _) = line.split_once(' ').unwrap();
            assert!(error.contains(option) && error.contains(WAY_OUT), "{error}");
        }
    }
}
