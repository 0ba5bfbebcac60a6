//! Turns every way of failing to talk to a server into the one [`Trouble`] it is. Pure.
//!
//! Details carry the other side's words as they came; they are escaped where they are printed.

use crate::topology::{Trouble, TroubleKind};
use redis::{ErrorKind, RedisError};
use std::io;
use std::time::Duration;

/// Longest part of an answer that is repeated, characters.
const MAX_WORDS: usize = 200;

/// A trouble of that kind, in one lower-case sentence.
pub fn trouble(kind: TroubleKind, detail: impl Into<String>) -> Trouble {
    Trouble {
        kind,
        detail: detail.into(),
    }
}

/// From an error reply, without its leading `-`.
pub fn from_reply(reply: &str) -> Trouble {
    let has = |part: &str| reply.contains(part);
    let (kind, sentence) = match reply.split(' ').next().unwrap_or_default() {
        "NOAUTH" => (TroubleKind::PasswordMissing, "it wants a password"),
        "WRONGPASS" => (TroubleKind::PasswordRefused, "it refuses the password"),
        "DENIED" => (
            TroubleKind::ProtectedMode,
            "it is in protected mode and refuses other hosts",
        ),
        "NOPERM" => (TroubleKind::Forbidden, "the user lacks a permission"),
        "BUSY" => (TroubleKind::Busy, "a script keeps it from answering"),
        "ERR" if has("invalid password") => {
            (TroubleKind::PasswordRefused, "it refuses the password")
        }
        "ERR" if has("max number of clients") => {
            (TroubleKind::TooManyClients, "it refuses more clients")
        }
        _ => (TroubleKind::Other, "it answers with an error"),
    };
    trouble(kind, format!("{sentence}: {}", short(reply)))
}

/// From what a server says to AUTH.
pub fn from_login(user: Option<&str>, reply: &str) -> Trouble {
    let refused = from_reply(reply);
    match user {
        Some(user) if refused.kind == TroubleKind::PasswordRefused => trouble(
            refused.kind,
            format!(
                "it refuses the user `{user}` or its password: {}",
                short(reply)
            ),
        ),
        Some(_) | None => refused,
    }
}

/// From what the operating system says of a connection attempt.
pub fn from_connect(error: &io::Error) -> Trouble {
    let kind = error.kind();
    if kind == io::ErrorKind::ConnectionRefused {
        return trouble(
            TroubleKind::Refused,
            "connection refused: nothing listens there",
        );
    }
    if kind == io::ErrorKind::TimedOut {
        return trouble(TroubleKind::NoAnswer, "no answer to the connection attempt");
    }
    let no_route = matches!(
        kind,
        io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
    );
    if no_route {
        return trouble(TroubleKind::NoRoute, format!("no way to the host: {error}"));
    }
    trouble(
        TroubleKind::Other,
        format!("the connection failed: {error}"),
    )
}

/// Nothing answered a connection attempt for that long.
pub fn no_answer(waited: Duration) -> Trouble {
    trouble(
        TroubleKind::NoAnswer,
        format!(
            "no answer to the connection attempt within {} s",
            waited.as_secs_f32()
        ),
    )
}

/// Connected, and then silent for that long.
pub fn silent(waited: Duration) -> Trouble {
    trouble(
        TroubleKind::Frozen,
        format!(
            "it accepts connections and says nothing within {} s",
            waited.as_secs_f32()
        ),
    )
}

/// The other end hung up instead of answering.
pub fn hung_up() -> Trouble {
    trouble(
        TroubleKind::Other,
        "it closed the connection instead of answering",
    )
}

/// It has no command INFO, and said so.
pub fn no_info(said: &str) -> Trouble {
    trouble(
        TroubleKind::Renamed,
        format!("its command INFO is renamed or switched off, so it cannot be looked at: {said}"),
    )
}

/// The answer is not one of a Redis-family server.
pub fn not_redis(answer: &[u8]) -> Trouble {
    let tls = matches!(answer, [0x15 | 0x16, 3, ..]);
    if tls {
        return wants_tls();
    }
    let answer = String::from_utf8_lossy(answer);
    trouble(
        TroubleKind::NotRedis,
        format!(
            "something else than a Redis or Valkey server answers: {}",
            short(&answer)
        ),
    )
}

/// It speaks TLS, and we did not.
pub fn wants_tls() -> Trouble {
    trouble(TroubleKind::WantsTls, "it speaks TLS on this port")
}

/// From the client library.
pub fn from_redis(error: &RedisError) -> Trouble {
    if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
        let code = error.code().unwrap_or_default();
        return from_reply(&format!("{code} {}", error.detail().unwrap_or_default()));
    }
    if error.kind() == ErrorKind::Parse {
        return trouble(
            TroubleKind::NotRedis,
            format!("its answer cannot be read: {}", short(&error.to_string())),
        );
    }
    if error.is_io_error() {
        hung_up()
    } else {
        trouble(TroubleKind::Other, short(&error.to_string()))
    }
}

/// Cuts the text to a length that fits into a sentence.
pub fn short(text: &str) -> String {
    text.trim_end().chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_reply_has_its_kind() {
        let cases = [
            (
                "NOAUTH Authentication required.",
                TroubleKind::PasswordMissing,
            ),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                TroubleKind::PasswordRefused,
            ),
            ("ERR invalid password", TroubleKind::PasswordRefused),
            (
                "DENIED Redis is running in protected mode",
                TroubleKind::ProtectedMode,
            ),
            (
                "ERR max number of clients reached",
                TroubleKind::TooManyClients,
            ),
            (
                "ERR max number of clients + cluster connections reached",
                TroubleKind::TooManyClients,
            ),
            ("BUSY Redis is busy running a script.", TroubleKind::Busy),
            (
                "NOPERM User default has no permissions to run the 'info' command",
                TroubleKind::Forbidden,
            ),
            ("ERR unknown command", TroubleKind::Other),
            ("", TroubleKind::Other),
        ];
        for (reply, kind) in cases {
            assert_eq!(from_reply(reply).kind, kind, "{reply}");
        }
    }

    #[test]
    fn what_the_system_says_of_a_connection_has_its_kind() {
        let cases = [
            (io::ErrorKind::ConnectionRefused, TroubleKind::Refused),
            (io::ErrorKind::HostUnreachable, TroubleKind::NoRoute),
            (io::ErrorKind::NetworkUnreachable, TroubleKind::NoRoute),
            (io::ErrorKind::TimedOut, TroubleKind::NoAnswer),
            (io::ErrorKind::PermissionDenied, TroubleKind::Other),
        ];
        for (error, kind) in cases {
            assert_eq!(from_connect(&error.into()).kind, kind, "{error}");
        }
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert!(not_redis(&vec![b'x'; 100_000]).detail.len() < 300);
        assert_eq!(
            not_redis(&[0x15, 3, 1, 0, 2, 2, 70]).detail,
            "it speaks TLS on this port"
        );
    }
}
