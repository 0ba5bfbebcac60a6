//! Lists of algorithms: what a configuration takes away is not used.

use super::{Case, In, OPENSSH, OnlySsh, Out, case};

pub(super) const CASES: &[Case] = &[
    case(
        "the kind of key that is known",
        "HostKeyAlgorithms ssh-ed25519\n",
        In,
    ),
    case(
        "a kind of key that is not known",
        "HostKeyAlgorithms rsa-sha2-512\n",
        Out(&["ssh-rsa"]),
    ),
    case(
        "a kind of key that the host lacks",
        "HostKeyAlgorithms ecdsa-sha2-nistp256\n",
        Out(&["no algorithm in common"]),
    ),
    case(
        "an rsa key that is known",
        "HostKeyAlgorithms rsa-sha2-256\nUserKnownHostsFile DIR/rsa-known\n",
        In,
    ),
    case(
        "an rsa key of the host that is short",
        "HostKeyAlgorithms rsa-sha2-256\nUserKnownHostsFile DIR/rsa-known\nRequiredRSASize 3072\n",
        Out(&["RequiredRSASize"]),
    ),
    case(
        "only certificates",
        "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com\n",
        Out(&["HostKeyAlgorithms", OPENSSH]),
    ),
    case("a key exchange", "KexAlgorithms ecdh-sha2-nistp256\n", In),
    case(
        "a key exchange that only ssh has",
        "KexAlgorithms sntrup761x25519-sha512@openssh.com\n",
        OnlySsh(&["KexAlgorithms", OPENSSH]),
    ),
    case(
        "a key exchange that nobody has",
        "KexAlgorithms no-such-kex\n",
        Out(&[]),
    ),
    case("a cipher", "Ciphers aes128-ctr\n", In),
    case(
        "a cipher of another kind",
        "Ciphers aes256-gcm@openssh.com\n",
        In,
    ),
    case("a cipher taken away", "Ciphers -chacha20*\n", In),
    case("a mac", "Ciphers aes256-ctr\nMACs hmac-sha2-256\n", In),
    case("a mac that is not needed", "MACs umac-64@openssh.com\n", In),
    case(
        "a mac that only ssh has",
        "Ciphers aes256-ctr\nMACs umac-64@openssh.com\n",
        OnlySsh(&["MACs", OPENSSH]),
    ),
    case("narrow", "", In),
    case("narrow, and its cipher", "Ciphers aes256-ctr\n", In),
    case(
        "narrow, and another cipher",
        "Ciphers aes128-ctr,chacha20-poly1305@openssh.com\n",
        Out(&["no algorithm in common"]),
    ),
    case(
        "narrow, and its cipher taken away",
        "Ciphers -aes256-ctr\n",
        Out(&["no algorithm in common"]),
    ),
    case("narrow, and its mac", "MACs hmac-sha2-512\n", In),
    case(
        "narrow, and another mac",
        "MACs hmac-sha2-256\n",
        Out(&["no algorithm in common"]),
    ),
    case(
        "narrow, and its mac taken away",
        "MACs -hmac-sha2-512\n",
        Out(&["no algorithm in common"]),
    ),
    case(
        "narrow, and another key exchange",
        "KexAlgorithms ecdh-sha2-nistp256,diffie-hellman-group14-sha256\n",
        Out(&["no algorithm in common"]),
    ),
    case(
        "narrow, and its key exchange taken away",
        "KexAlgorithms -curve25519*\n",
        Out(&["no algorithm in common"]),
    ),
];
