//! Host names and addresses as people write them. Pure: nothing is resolved here, and `core::net`
//! only parses.

use core::net::{Ipv4Addr, Ipv6Addr};

/// What is wrong with an address, as the rest of a sentence: "`address` of node `a` …".
pub type Wrong = &'static str;

const NO_HOST: Wrong = "is no host name and no IP address";
const NO_PORT: Wrong = "has a port that is no number from 1 to 65535";

/// A host (name, IPv4 or IPv6 address, in its usual spelling, without brackets) and the port, if
/// one is there.
///
/// Names are in small letters. Resolvers treat `DB1` the same, but the embedded server's resolver
/// reads `/etc/hosts` letter by letter.
///
/// Accepted: `db1`, `db1:6380`, `192.168.0.120:6379`, `::1`, `[::1]`, `[::1]:6379`.
pub fn host_and_port(text: &str) -> Result<(String, Option<u16>), Wrong> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or("has a `[` without its `]`")?;
        let host = v6(inside)?;
        return match after.strip_prefix(':') {
            Some(digits) => Ok((host, Some(port(digits)?))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(NO_HOST),
        };
    }
    match text.split_once(':') {
        Some((_, digits)) if digits.contains(':') => Ok((v6(text)?, None)),
        Some((name, digits)) => Ok((host(name)?, Some(port(digits)?))),
        None => Ok((host(text)?, None)),
    }
}

/// Whether the host can be reached from its own machine only.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether the host is an address already, and no name to be resolved.
pub fn is_literal(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok()
}

/// The form in which two hosts can be compared.
pub fn comparable(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if host == "localhost" {
        "127.0.0.1".to_owned()
    } else {
        host
    }
}

fn port(digits: &str) -> Result<u16, Wrong> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|port| plain && *port != 0)
        .ok_or(NO_PORT)
}

fn v6(text: &str) -> Result<String, Wrong> {
    if text.contains('%') {
        return Err("has an IPv6 zone, which means something on one machine only");
    }
    let ip: Ipv6Addr = text.parse().map_err(|_| "is no IPv6 address")?;
    if ip.is_unspecified() || ip.is_multicast() {
        return Err("is not the address of one host");
    }
    Ok(ip.to_string())
}

fn host(text: &str) -> Result<String, Wrong> {
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        let one = !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast();
        return if one {
            Ok(ip.to_string())
        } else {
            Err("is not the address of one host")
        };
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.is_empty() || text.len() > 253 || !text.split('.').all(label) {
        return Err(NO_HOST);
    }
    // No top-level domain is a number: `192.168.0` and `192.168.0.300` are mistyped addresses, not
    // names.
    if text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err("is no IPv4 address");
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, host, port) in [
            ("192.168.0.120", "192.168.0.120", None),
            ("192.168.0.120:6380", "192.168.0.120", Some(6380)),
            ("db-1.example.org", "db-1.example.org", None),
            ("redis_1:1", "redis_1", Some(1)),
            ("DB1.Example.org", "db1.example.org", None),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[2001:DB8:0:0::7]:65535", "2001:db8::7", Some(65535)),
        ] {
            assert_eq!(host_and_port(text), Ok((host.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for (text, why) in [
            ("", NO_HOST),
            ("two words", NO_HOST),
            ("-db", NO_HOST),
            ("db..x", NO_HOST),
            ("root@db", NO_HOST),
            ("redis://db", "has a port that is no number from 1 to 65535"),
            ("db\n", NO_HOST),
            ("192.168.0.300", "is no IPv4 address"),
            ("192.168.0", "is no IPv4 address"),
            ("0.0.0.0", "is not the address of one host"),
            ("::", "is not the address of one host"),
            ("db:0", NO_PORT),
            ("db:65536", NO_PORT),
            ("db:+1", NO_PORT),
            ("db:", NO_PORT),
            ("[::1", "has a `[` without its `]`"),
            ("[::1]x", NO_HOST),
            ("[db]:1", "is no IPv6 address"),
            (
                "fe80::1%eth0",
                "has an IPv6 zone, which means something on one machine only",
            ),
        ] {
            assert_eq!(host_and_port(text), Err(why), "{text}");
        }
    }

    #[test]
    fn knows_loopback() {
        assert!(
            ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"]
                .into_iter()
                .all(is_loopback)
        );
        assert!(
            !["192.168.0.1", "localhost.example.org", "::2", "db1"]
                .into_iter()
                .any(is_loopback)
        );
    }
}
