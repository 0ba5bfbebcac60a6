use super::*;
use crate::topology::tls::Certificate;
use crate::topology::tls::tests::set;

/// All nodes with both ports, replicating over TLS; the inventory speaks TLS to them.
fn over_tls(change: impl FnOnce(&mut Topology)) -> Vec<String> {
    let mut topology = healthy();
    for node in &mut topology.nodes {
        set(node, 6378, 6379, true);
    }
    change(&mut topology);
    let mut context = context();
    for wanted in &mut context.wanted {
        wanted.tls = Some("--tls --cacert ca.crt".into());
    }
    told(&topology, &context)
}

#[test]
fn a_link_that_tls_keeps_down_is_told_with_both_ends() {
    assert_eq!(over_tls(|_| {}), [""; 0]);
    let found = over_tls(|t| {
        set(&mut t.nodes[0], 0, 6379, true);
        set(&mut t.nodes[1], 6378, 6379, false);
        t.nodes[1].link_down(Some(12));
    });
    assert_eq!(
        found[0],
        "link-down: the link of `slave1` to `master` has been down for 12 s: it replicates without TLS (tls-replication no), \
         and `master` takes nothing but TLS (port 0) | redis-cli --tls --cacert ca.crt --askpass -h 192.168.0.130 -p 6379 config set tls-replication yes, and the same in its file"
    );
    assert_eq!(found.len(), 1, "{found:?}");
    let found = over_tls(|t| {
        set(&mut t.nodes[0], 6379, 0, true);
        t.nodes[1].link_down(None);
        t.nodes[2].link_down(None);
    });
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("it replicates over TLS (tls-replication yes), and `master` has no tls-port | give `master` a `tls-port`"), "{found:?}");
    // TLS may be the cause of a link that is down for an unseen reason.
    let found = over_tls(|t| t.nodes[1].link_down(Some(3)));
    assert!(
        found[0].contains(
            "may not reach 192.168.0.120:6379 from its host, or not accept its certificate;"
        ),
        "{found:?}"
    );
}

#[test]
fn who_could_not_follow_whom_later_is_told_before() {
    let found = over_tls(|t| set(&mut t.nodes[1], 6379, 0, true));
    let hint = "give `slave1` a `tls-port`, `tls-cert-file` and `tls-key-file`, as the others have; where it has them, its port for TLS as `announce` in the inventory";
    let told = |name: &str| {
        format!(
            "tls-replication: `{name}` could not follow `slave1`: it replicates over TLS (tls-replication yes), and `slave1` has no tls-port | {hint}"
        )
    };
    assert_eq!(found, [told("master"), told("slave2")]);
    // With both ports everywhere, any node can follow any other. Plain text on the network is only
    // a note.
    let found = over_tls(|t| {
        for node in &mut t.nodes {
            set(node, 6378, 6379, false);
        }
    });
    assert_eq!(
        found,
        [
            "plain-replication: `slave1` and `slave2` replicate without TLS (tls-replication no): data and the replication password \
          can be read on the way | redis-cli --tls --cacert ca.crt --askpass -h 192.168.0.130 -p 6379 config set tls-replication yes"
        ]
    );
}

/// A client that verifies would refuse the certificate that is to be replaced.
#[test]
fn an_expired_certificate_is_replaced_without_verifying_it() {
    let mut topology = healthy();
    topology.nodes[1] = down(
        "slave1",
        "192.168.0.130",
        TroubleKind::CertificateExpired,
        "its certificate expired",
    );
    let mut context = context();
    context.wanted[1].tls = Some("--tls --cacert 'my ca.crt' --cert c --key 'my key'".into());
    assert_eq!(
        told(&topology, &context)[0],
        "unreachable: `slave1` (192.168.0.130:6379) cannot be observed: its certificate expired | put a new certificate where `slave1` has its old one, \
         and let it read it, from its own host, as the old one cannot be verified: \
         redis-cli --tls --insecure --cert c --key 'my key' --askpass -h 192.168.0.130 -p 6379 config set tls-cert-file FILE"
    );
}

#[test]
fn a_certificate_is_told_of_two_weeks_before_its_end() {
    let left = |seconds: i64| {
        over_tls(|t| {
            t.nodes[0].up().certificate = Some(Certificate {
                until: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
                left_seconds: seconds,
            });
        })
    };
    assert_eq!(left(14 * 86_400), [""; 0]);
    assert!(left(14 * 86_400 - 1)[0].starts_with(
        "certificate-expires: the certificate of `master` expires in 13 days, at 2027-01-15T08:00:00Z: from then on"
    ));
    let both = over_tls(|t| {
        for node in &mut t.nodes[1..] {
            node.up().certificate = Some(Certificate {
                until: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
                left_seconds: 86_400 * 3,
            });
        }
    });
    assert_eq!(both.len(), 1);
    assert!(
        both[0].contains(
            "the certificates of `slave1` and `slave2` expire, the first in 3 days, at 2027"
        ),
        "{both:?}"
    );
    assert!(left(86_400)[0].contains("in 1 day,"));
    assert!(left(86_399)[0].contains("in less than a day,"));
}
