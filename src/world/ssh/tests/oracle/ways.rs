//! The way to the host: through others, by a command, from an address.

use super::{Case, In, OPENSSH, OnlySsh, Out, case};

pub(super) const CASES: &[Case] = &[
    case(
        "through a host as the same user",
        "Host db\n ProxyJump %r@jump\n",
        In,
    ),
    case(
        "through a host as a user who is not there",
        "Host db\n ProxyJump no-such-user@jump\n",
        Out(&["no-such-user"]),
    ),
    case(
        "through two hosts, of which the second has a command of its own",
        "Host db\n ProxyJump jump,jump2\nHost jump2\n ProxyCommand false\n",
        In,
    ),
    case(
        "through a host that is reached through another",
        "Host db\n ProxyJump jump\nHost jump\n ProxyJump jump2\n",
        In,
    ),
    case(
        "through a host whose key is revoked",
        "Host db\n ProxyJump jump\nHost jump\n RevokedHostKeys DIR/revoked\n",
        Out(&["revoked"]),
    ),
    case(
        "through a host that takes another key",
        "Host db\n IdentityFile DIR/key\n ProxyJump jump\nHost jump\n IdentityFile DIR/stray\n",
        Out(&["stray"]),
    ),
    case(
        "through a host that is not there",
        "Host db\n ProxyJump 127.0.0.1:1\n",
        Out(&["127.0.0.1 port 1"]),
    ),
    case(
        "through itself",
        "Host db\n ProxyJump db\n",
        Out(&["too many hosts"]),
    ),
    case(
        "by a command with tokens",
        "Host db\n ProxyCommand /bin/sh -c 'test %n-%r-%% = db-MYSELF-%% && exec ssh -F CONFIG -W %h:%p jump'\n",
        In,
    ),
    case("by nc", "Host db\n ProxyCommand nc %h %p\n", In),
    case(
        "by nc in a shell",
        "Host db\n ProxyCommand sh -c 'nc %h %p'\n",
        In,
    ),
    case(
        "by socat",
        "Host db\n ProxyCommand socat - TCP4:%h:%p\n",
        In,
    ),
    case(
        "by a pipeline",
        "Host db\n ProxyCommand sh -c 'cat | nc %h %p | cat'\n",
        In,
    ),
    case(
        "by a pipeline that opens its streams by name",
        "Host db\n ProxyCommand sh -c 'cat </dev/stdin | nc %h %p >/dev/stdout'\n",
        In,
    ),
    case(
        "by nc to where nobody listens",
        "Host db\n ProxyCommand nc %h 1\n",
        Out(&["ProxyCommand"]),
    ),
    case(
        "by a command that is not there",
        "Host db\n ProxyCommand no-such-program %h %p\n",
        Out(&["ProxyCommand", "no-such-program"]),
    ),
    case(
        "by a command that exec cannot run",
        "Host db\n ProxyCommand test %n = db && ssh -F CONFIG -W %h:%p jump\n",
        Out(&["ProxyCommand"]),
    ),
    case(
        "by a command with a token that ssh does not know",
        "Host db\n ProxyCommand ssh -F CONFIG -W %h:%Q jump\n",
        Out(&["ProxyCommand", "%Q"]),
    ),
    case(
        "by a command that fails",
        "Host db\n ProxyCommand sh -c 'echo no way >&2; exit 3'\n",
        Out(&["ProxyCommand", "no way", "exit status: 3"]),
    ),
    case(
        "by a command, and through a host",
        "Host db\n ProxyCommand ssh -F CONFIG -W %h:%p jump\n ProxyJump 127.0.0.1:1\n",
        In,
    ),
    case(
        "through a host that is reached by a command",
        "Host db\n ProxyJump jump\nHost jump\n ProxyCommand ssh -F CONFIG -W %h:%p jump2\n",
        In,
    ),
    case(
        "by a command that passes a descriptor",
        "Host db\n ProxyCommand ssh -F CONFIG -W %h:%p jump\n ProxyUseFdpass yes\n",
        Out(&["proxyusefdpass", OPENSSH]),
    ),
    case(
        "an IPv6 address through a host",
        "Host db\n HostName ::1\n ProxyJump jump\n",
        In,
    ),
    case(
        "only IPv6, and there is none",
        "AddressFamily inet6\n",
        Out(&["AddressFamily"]),
    ),
    case(
        "from an address that is not ours",
        "BindAddress 192.0.2.1\n",
        Out(&["BindAddress"]),
    ),
    case(
        "from an interface",
        "BindInterface lo\n",
        OnlySsh(&["bindinterface", OPENSSH]),
    ),
    case(
        "a library of keys",
        "PKCS11Provider /no/such.so\n",
        OnlySsh(&["pkcs11provider", OPENSSH]),
    ),
    case(
        "through a URL, a token and no command",
        "Host db\n ProxyJump ssh://MYSELF@localhost:PORT,%n-gate\n ProxyCommand false\n",
        In,
    ),
    case(
        "by a command with variables of its own shell",
        "Host db\n ProxyCommand /bin/sh -c 'HOME=DIR; test \"${HOME}\" = DIR && exec ssh -F CONFIG -W %h:%p jump'\n",
        In,
    ),
    case(
        "by a command with a token that ssh has elsewhere",
        "Host db\n ProxyCommand ssh -F CONFIG -W %h:%p -l %u jump\n",
        Out(&["ProxyCommand", "%u"]),
    ),
    case(
        "through a host as a user named by a token that ssh has elsewhere",
        "Host db\n ProxyJump %u@jump\n",
        Out(&["ProxyJump", "%u"]),
    ),
    case(
        "from an address and to one, in time",
        "BindAddress 127.0.0.2\nAddressFamily inet\nConnectTimeout 20\nConnectionAttempts 2\nHost db\n HostName localhost\n ProxyJump none\n ProxyJump 127.0.0.1:1\n",
        In,
    ),
];
