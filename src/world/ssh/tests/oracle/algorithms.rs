//! Lists of algorithms: neither client uses what a configuration takes away.

use super::{Case, In, OPENSSH, OnlySsh, Out, case};

pub(super) const CASES: &[Case] = &[
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
        "an rsa key of the host that is short",
        "HostKeyAlgorithms rsa-sha2-256\nUserKnownHostsFile DIR/rsa-known\nRequiredRSASize 3072\n",
        Out(&["RequiredRSASize"]),
    ),
    case(
        "only certificates",
        "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com\n",
        Out(&["HostKeyAlgorithms", OPENSSH]),
    ),
    case(
        "a key exchange that only ssh has",
        "KexAlgorithms sntrup761x25519-sha512@openssh.com\n",
        OnlySsh(&["KexAlgorithms", OPENSSH]),
    ),
    case(
        "a key exchange that nobody has",
        "KexAlgorithms no-such-kex\n",
        Out(&["ssh -G", "Bad SSH2 KexAlgorithms"]),
    ),
    case("a mac that is not needed", "MACs umac-64@openssh.com\n", In),
    case(
        "a mac that only ssh has",
        "Ciphers aes256-ctr\nMACs umac-64@openssh.com\n",
        OnlySsh(&["MACs", OPENSSH]),
    ),
    case(
        "narrow, and its cipher taken away",
        "Ciphers -aes256-ctr\n",
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
        "one of each kind",
        "HostKeyAlgorithms rsa-sha2-256\nUserKnownHostsFile DIR/rsa-known\nKexAlgorithms ecdh-sha2-nistp256\nCiphers aes256-ctr\nMACs hmac-sha2-256\n",
        In,
    ),
    case(
        "narrow, and its own",
        "Ciphers aes256-ctr\nMACs hmac-sha2-512\nKexAlgorithms curve25519-sha256\n",
        In,
    ),
];
