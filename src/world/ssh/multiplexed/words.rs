//! Reads why OpenSSH's client does not reach a host, as one of our reasons. Pure.

use super::super::error::SshErrorKind;

/// Words of ssh, and the kind of failure that they mean. The first entry that occurs counts.
const SAYINGS: [(&str, SshErrorKind); 30] = [
    ("could not resolve hostname", SshErrorKind::NameUnknown),
    ("revoked host key detected", SshErrorKind::HostKeyRevoked),
    ("marked as revoked", SshErrorKind::HostKeyRevoked),
    ("is revoked by file", SshErrorKind::HostKeyRevoked),
    (
        "remote host identification has changed",
        SshErrorKind::HostKeyChanged,
    ),
    ("host key verification failed", SshErrorKind::HostKeyUnknown),
    ("bad configuration option", SshErrorKind::Config),
    ("bad owner or permissions", SshErrorKind::Config),
    ("can't open user config file", SshErrorKind::Config),
    ("unsupported option", SshErrorKind::Config),
    ("command-line line", SshErrorKind::Config),
    ("permission denied (", SshErrorKind::AuthFailed),
    ("too many authentication failures", SshErrorKind::AuthFailed),
    (
        "no supported authentication methods",
        SshErrorKind::AuthFailed,
    ),
    ("timed out during banner exchange", SshErrorKind::Frozen),
    ("connection timed out", SshErrorKind::NoAnswer),
    ("operation timed out", SshErrorKind::NoAnswer),
    ("timeout, server", SshErrorKind::NoAnswer),
    ("connection refused", SshErrorKind::Refused),
    ("no route to host", SshErrorKind::NoRoute),
    ("network is unreachable", SshErrorKind::NoRoute),
    ("unable to negotiate", SshErrorKind::Handshake),
    ("no matching", SshErrorKind::Handshake),
    ("kex_exchange_identification", SshErrorKind::Handshake),
    ("ssh_exchange_identification", SshErrorKind::Handshake),
    ("banner exchange", SshErrorKind::Handshake),
    ("invalid ssh identification", SshErrorKind::Handshake),
    ("connection closed by", SshErrorKind::Handshake),
    ("connection reset by", SshErrorKind::Handshake),
    ("disconnected from", SshErrorKind::Handshake),
];

/// The kind of failure that these words mean.
pub(super) fn kind(said: &str) -> SshErrorKind {
    let said = said.to_lowercase();
    SAYINGS
        .iter()
        .find(|(words, _)| said.contains(words))
        .map_or(SshErrorKind::Io, |(_, kind)| *kind)
}

/// How many clients have lost the client for the host in between through which they go. A client
/// does not know the address behind a `ProxyCommand`, and calls it `UNKNOWN`.
pub(super) fn left_alone(said: &str) -> usize {
    const CLOSED: &str = "Connection closed by UNKNOWN port 65535";
    // With these words, the host itself gives the reason for the end of a connection.
    const TOLD: [&str; 2] = ["disconnect from UNKNOWN", "Disconnected from UNKNOWN"];
    // The host in between has let us in, but does not reach the host behind it. The client for that
    // host is closed. The login to the host in between works.
    const NOT_REACHED: &str = "stdio forwarding failed";
    let lines: Vec<&str> = said.lines().collect();
    // After these words, only the clients that go through that host print anything.
    let told = |line: &&str| TOLD.iter().any(|words| line.contains(words));
    let after = lines.iter().rposition(told).map_or(0, |at| at + 1);
    let closed = lines[after..].iter().filter(|line| line.contains(CLOSED));
    let reached = lines.iter().any(|line| line.contains(NOT_REACHED));
    closed.count().saturating_sub(usize::from(reached))
}

/// The one line that gives the reason: the last one that is no notice.
pub(super) fn reason(said: &str) -> String {
    let kind_of_all = kind(said);
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Warning: Permanently added"))
        .collect();
    let telling = lines
        .iter()
        .rev()
        .find(|line| kind_of_all != SshErrorKind::Io && kind(line) == kind_of_all);
    let line = telling.or(lines.last()).copied().unwrap_or_default();
    line.trim_matches(['@', ' ']).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssh_says_is_one_of_our_reasons() {
        for (said, is, because) in [
            (
                "ssh: connect to host 10.0.0.1 port 22: Connection refused\r\n",
                SshErrorKind::Refused,
                "ssh: connect to host 10.0.0.1 port 22: Connection refused",
            ),
            (
                "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\nOffending ED25519 key in /k:1\n\
                 Host key for a has changed and you have requested strict checking.\nHost key verification failed.\n",
                SshErrorKind::HostKeyChanged,
                "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!",
            ),
            (
                "Warning: Permanently added 'a' (ED25519) to the list of known hosts.\nann@a: Permission denied (publickey).\n",
                SshErrorKind::AuthFailed,
                "ann@a: Permission denied (publickey).",
            ),
            (
                "No ED25519 host key is known for a and you have requested strict checking.\nHost key verification failed.\n",
                SshErrorKind::HostKeyUnknown,
                "Host key verification failed.",
            ),
            ("something new\n", SshErrorKind::Io, "something new"),
            ("", SshErrorKind::Io, ""),
        ] {
            assert_eq!(kind(said), is, "{said}");
            assert_eq!(reason(said), because);
        }
    }

    #[test]
    fn a_client_counts_as_left_alone_only_where_the_host_in_between_is_at_fault() {
        let closed = "Connection closed by UNKNOWN port 65535\r\n";
        let not_reached = "channel 0: open failed: connect failed: Connection refused\r\n\
                           stdio forwarding failed\r\n";
        let told = "Received disconnect from UNKNOWN port 65535:2: Too many authentication failures\r\n\
                    Disconnected from UNKNOWN port 65535\r\n";
        let denied = "ops@gate: Permission denied (publickey).\r\n";
        for (said, alone) in [
            (String::new(), 0),
            (denied.to_owned(), 0),
            (format!("{denied}{closed}"), 1),
            (
                format!(
                    "{denied}kex_exchange_identification: Connection closed by remote host\r\n{closed}{closed}"
                ),
                2,
            ),
            // The port of the host behind the last one in between, and that of the last one.
            (format!("{not_reached}{closed}"), 0),
            (format!("{not_reached}{closed}{closed}"), 1),
            (not_reached.to_owned(), 0),
            // The host itself, and the last one in between, which is behind another one.
            (told.to_owned(), 0),
            (format!("{told}{closed}"), 1),
            (format!("{closed}{told}"), 0),
            // The words of the first host in between come with its address.
            (
                format!(
                    "{}{closed}{closed}",
                    told.replace("UNKNOWN port 65535", "10.0.0.1 port 22")
                ),
                2,
            ),
        ] {
            assert_eq!(left_alone(&said), alone, "{said}");
        }
    }
}
