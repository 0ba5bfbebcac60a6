//! What each kind of trouble means, one property after the other.

use super::*;
use TroubleKind as K;

/// All kinds, in the order of their declaration.
const ALL: [K; 24] = [
    K::Refused,
    K::NoAnswer,
    K::Frozen,
    K::NoRoute,
    K::NameUnknown,
    K::PasswordMissing,
    K::PasswordRefused,
    K::Forbidden,
    K::Renamed,
    K::ProtectedMode,
    K::TooManyClients,
    K::Busy,
    K::NotRedis,
    K::NoTls,
    K::WantsTls,
    K::CertificateUntrusted,
    K::CertificateExpired,
    K::CertificateNotYetValid,
    K::CertificateName,
    K::ClientCertificateMissing,
    K::ClientCertificateRefused,
    K::Tls,
    K::Ssh,
    K::Other,
];

const TLS: [K; 9] = [
    K::NoTls,
    K::WantsTls,
    K::CertificateUntrusted,
    K::CertificateExpired,
    K::CertificateNotYetValid,
    K::CertificateName,
    K::ClientCertificateMissing,
    K::ClientCertificateRefused,
    K::Tls,
];

/// Asserts that the property holds for these kinds, and for no other.
fn only(property: impl Fn(K) -> bool, wanted: &[&[K]]) {
    let holds: Vec<K> = ALL.into_iter().filter(|kind| property(*kind)).collect();
    let wanted: Vec<K> = ALL
        .into_iter()
        .filter(|kind| wanted.iter().any(|some| some.contains(kind)))
        .collect();
    assert_eq!(holds, wanted);
}

fn may_be_executed(kind: TroubleKind, detail: &str) -> bool {
    let detail = detail.to_owned();
    Trouble { kind, detail }.may_be_executed()
}

#[test]
fn only_a_refusal_says_that_nothing_was_executed() {
    for refusal in [
        TroubleKind::Busy,
        TroubleKind::Forbidden,
        TroubleKind::PasswordMissing,
        TroubleKind::PasswordRefused,
        TroubleKind::ProtectedMode,
        TroubleKind::Renamed,
        TroubleKind::TooManyClients,
    ] {
        assert!(!may_be_executed(refusal, ""), "{refusal:?}");
    }
    for broken in [
        TroubleKind::Frozen,
        TroubleKind::NoAnswer,
        TroubleKind::NoRoute,
        TroubleKind::Refused,
        TroubleKind::Ssh,
        TroubleKind::Tls,
    ] {
        assert!(may_be_executed(broken, "ERR"), "{broken:?}");
    }
    let other = |detail| may_be_executed(TroubleKind::Other, detail);
    assert!(other("it closed the connection instead of answering"));
    assert!(!other("it answers with an error: LOADING the dataset"));
    assert!(!other("it answers with an error: ERR unknown command"));
}

#[test]
fn what_nobody_has_to_change_may_pass() {
    for kind in [TroubleKind::TooManyClients, TroubleKind::Ssh] {
        assert!(kind.may_pass(), "{kind:?}");
    }
    for kind in [
        TroubleKind::CertificateExpired,
        TroubleKind::Forbidden,
        TroubleKind::NameUnknown,
        TroubleKind::NotRedis,
        TroubleKind::PasswordRefused,
        TroubleKind::ProtectedMode,
    ] {
        assert!(!kind.may_pass(), "{kind:?}");
    }
}

#[test]
fn the_list_has_every_kind_once() {
    for (n, kind) in ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, n, "{kind:?}");
    }
    // For an unknown word, serde's error lists all that can be read: all but `Renamed`.
    let error = serde_json::from_str::<K>("\"none\"")
        .err()
        .map(|e| e.to_string());
    let error = error.unwrap_or_default();
    assert_eq!(
        error.split('`').skip(3).step_by(2).count() + 1,
        ALL.len(),
        "{error}"
    );
}

#[test]
fn each_answer_and_silence_has_its_kinds() {
    let refused: &[K] = &[
        K::PasswordMissing,
        K::PasswordRefused,
        K::Forbidden,
        K::Renamed,
        K::ProtectedMode,
        K::TooManyClients,
        K::Busy,
    ];
    let unreached: &[K] = &[K::Refused, K::NoAnswer, K::NoRoute, K::NameUnknown, K::Ssh];
    only(K::is_alive, &[refused, &TLS]);
    only(K::is_answered, &[refused, &TLS, &[K::NotRedis, K::Frozen]]);
    only(K::is_silent, &[unreached, &[K::Frozen]]);
    only(K::info_still_answers, &[&[K::Forbidden, K::Other]]);
}

#[test]
fn each_other_way_has_its_kinds() {
    let network: &[K] = &[K::NoAnswer, K::NoRoute, K::NameUnknown];
    let ports: &[K] = &[K::Refused, K::ProtectedMode, K::NoTls, K::WantsTls];
    only(K::is_the_network, &[network]);
    only(K::is_about_the_host, &[network, &[K::Ssh]]);
    only(K::is_about_the_way, &[network, &[K::Ssh], ports]);
}

#[test]
fn each_kind_is_about_one_thing() {
    let about = |wanted: About, kinds: &[K]| only(|kind| kind.about() == wanted, &[kinds]);
    about(About::Reach, &[K::Refused, K::NoAnswer, K::NoRoute, K::Ssh]);
    about(About::Address, &[K::NameUnknown, K::NotRedis]);
    about(About::Protection, &[K::ProtectedMode]);
    about(About::Password, &[K::PasswordMissing, K::PasswordRefused]);
    about(About::Permission, &[K::Forbidden, K::Renamed]);
    about(About::Tls, &TLS);
    about(
        About::Moment,
        &[K::Frozen, K::TooManyClients, K::Busy, K::Other],
    );
    let password: &[K] = &[K::PasswordMissing, K::PasswordRefused];
    only(K::is_about_password, &[password]);
    only(K::locks_out, &[password, &[K::ProtectedMode]]);
    let reach: &[K] = &[K::Refused, K::NoAnswer, K::NoRoute, K::Ssh];
    let moment: &[K] = &[K::Frozen, K::TooManyClients, K::Busy, K::Other];
    only(K::may_pass, &[reach, moment]);
}

#[test]
fn each_kind_says_whether_a_command_may_be_executed() {
    let by_words: &[K] = &[K::NotRedis, K::Other];
    let broken: &[K] = &[K::Refused, K::NoAnswer, K::Frozen, K::NoRoute, K::Ssh];
    only(|kind| may_be_executed(kind, ""), &[by_words, broken, &TLS]);
    only(|kind| may_be_executed(kind, "ERR"), &[broken, &TLS]);
    only(|kind| may_be_executed(kind, "LOADING"), &[broken, &TLS]);
    only(
        |kind| may_be_executed(kind, "READONLY"),
        &[by_words, broken, &TLS],
    );
}

#[test]
fn each_kind_has_a_brief_of_its_own() {
    let mut briefs: Vec<&str> = ALL.into_iter().map(K::brief).collect();
    assert!(briefs.iter().all(|brief| (6..=18).contains(&brief.len())));
    briefs.sort_unstable();
    briefs.dedup();
    // A renamed INFO is told to programs and in tables as a forbidden one.
    assert_eq!(briefs.len() + 1, ALL.len());
    assert_eq!(K::Renamed.brief(), K::Forbidden.brief());
}
