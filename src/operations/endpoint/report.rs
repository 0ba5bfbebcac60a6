//! Where programs must write, in forms that programs read. No form has a password.

use super::args::EndpointFormat;
use crate::topology::{Address, NodeName};
use serde::Serialize;

/// The primary.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoint<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// Its name in the inventory.
    pub primary: &'a NodeName,
    /// Where clients reach it.
    pub address: &'a Address,
    /// The same as a URL.
    pub url: String,
    /// Whether it uses TLS.
    pub tls: bool,
    /// The name its certificate is for, where that is not the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<&'a str>,
}

/// `redis://host:port`, or `rediss://host:port` over TLS.
pub fn url(address: &Address, tls: bool) -> String {
    format!("redis{}://{address}", if tls { "s" } else { "" })
}

/// The text, without a newline at its end.
pub fn text(endpoint: &Endpoint<'_>, format: EndpointFormat) -> String {
    match format {
        EndpointFormat::Address => endpoint.address.to_string(),
        EndpointFormat::Url => endpoint.url.clone(),
        EndpointFormat::Env => format!(
            "REPLCTL_PRIMARY_HOST={}\nREPLCTL_PRIMARY_PORT={}\nREPLCTL_PRIMARY_NODE={}\nREPLCTL_PRIMARY_TLS={}",
            quoted(&endpoint.address.host),
            endpoint.address.port,
            quoted(&endpoint.primary.0),
            if endpoint.tls { "yes" } else { "no" },
        ),
    }
}

/// Quotes the text, so that a shell takes it as one word.
fn quoted(text: &str) -> String {
    // Only a NUL cannot be quoted, and the inventory lets none in.
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(node: &str, host: &str, tls: bool) -> [String; 3] {
        let (primary, address) = (NodeName(node.to_owned()), Address::new(host, 6379));
        let endpoint = Endpoint {
            deployment: "orders",
            primary: &primary,
            address: &address,
            url: url(&address, tls),
            tls,
            server_name: None,
        };
        [
            EndpointFormat::Address,
            EndpointFormat::Url,
            EndpointFormat::Env,
        ]
        .map(|format| text(&endpoint, format))
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets_where_a_port_follows() {
        assert_eq!(
            all("a", "2001:db8::7", false),
            [
                "[2001:db8::7]:6379",
                "redis://[2001:db8::7]:6379",
                "REPLCTL_PRIMARY_HOST=2001:db8::7\nREPLCTL_PRIMARY_PORT=6379\nREPLCTL_PRIMARY_NODE=a\nREPLCTL_PRIMARY_TLS=no"
            ]
        );
        let [_, url, env] = all("a", "db1", true);
        assert_eq!(url, "rediss://db1:6379");
        assert!(env.ends_with("\nREPLCTL_PRIMARY_TLS=yes"), "{env}");
    }

    #[test]
    fn a_shell_reads_back_what_was_meant_and_runs_none_of_it() {
        let hostile = "a'; touch /tmp/x; $(id) `id` \"";
        let [_, _, env] = all(hostile, "db 1", false);
        let words: Vec<String> = env
            .lines()
            .flat_map(|l| shlex::split(l).unwrap_or_default())
            .collect();
        assert_eq!(words.len(), 4, "{env}");
        assert_eq!(words[0], "REPLCTL_PRIMARY_HOST=db 1");
        assert_eq!(words[2], format!("REPLCTL_PRIMARY_NODE={hostile}"));
    }
}
