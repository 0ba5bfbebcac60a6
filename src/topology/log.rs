//! What a server's log says about a link that does not come up. The server reports the reason only
//! there. Pure.
//!
//! The text comes from a file that the server's user controls. replctl repeats only lines in the
//! servers' form with known words. The content of any other file is never shown.

/// How old a line may be, seconds. A server that cannot connect retries every second, and waits up
/// to a minute for an answer.
const RECENT: u64 = 90;

/// The longest message that is repeated, characters.
const LONGEST: usize = 240;

/// Words of a replica's log, the more telling ones first.
const OF_REPLICA: [&str; 14] = [
    "can't handle rdb format version",
    "internal error in rdb reading",
    "unexpected reply to psync from",
    "unable to auth to",
    "error reply to ping from",
    "aborted replication with an error",
    "certificate verify failed",
    "wrong version number",
    "unable to connect to",
    "write error or short write writing to the db dump file",
    "failed opening the temp file needed for",
    "failed trying to load the",
    "timeout receiving bulk data from",
    "error condition on socket for sync",
];

/// Words of a primary's log.
const OF_PRIMARY: [&str; 7] = [
    "can't store key",
    "overcoming of output buffer limits",
    "can't save in background",
    "wrong version number",
    "write error saving db on disk",
    "background rdb transfer error",
    "sync failed. bgsave child returned an error",
];

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The node whose link is down.
    Replica,
    /// The node it is to replicate from.
    Primary,
}

/// The most telling recent line of `log`, without time and process. `now`: the host's clock, as
/// `28 Nov 2026 20:07:30`.
pub fn reason(log: &str, now: &str, side: Side) -> Option<String> {
    let now = seconds(now.trim())?;
    let known: &[&str] = match side {
        Side::Replica => &OF_REPLICA,
        Side::Primary => &OF_PRIMARY,
    };
    let recent = log.lines().filter_map(message).filter(|(at, _)| {
        // A server may have written the line while the clock was read.
        now.saturating_sub(*at) <= RECENT && at.saturating_sub(now) <= 2
    });
    let rank = |text: &str| {
        let text = text.to_lowercase();
        known.iter().position(|words| text.contains(words))
    };
    let ranked = recent.filter_map(|(_, text)| Some((rank(text)?, text)));
    // Among lines of one rank, the first one is taken: the later ones are its consequences.
    let best = ranked.min_by_key(|(rank, _)| *rank)?;
    Some(best.1.chars().take(LONGEST).collect())
}

/// The moment and the message of `4242:S 28 Nov 2026 20:07:30.123 # message`.
fn message(line: &str) -> Option<(u64, &str)> {
    let (process, rest) = line.split_once(' ')?;
    let (pid, role) = process.split_once(':')?;
    if pid.is_empty() || !pid.bytes().all(|b| b.is_ascii_digit()) || role.len() != 1 {
        return None;
    }
    let (time, rest) = rest.split_once('.')?;
    let (_, rest) = rest.split_once(' ')?;
    let (level, text) = rest.split_once(' ')?;
    let leveled = matches!(level, "." | "-" | "*" | "#");
    leveled.then_some((seconds(time)?, text.trim()))
}

/// Seconds in `28 Nov 2026 20:07:30`, counted from a fixed day; two of one host are compared,
/// whatever its time zone is.
fn seconds(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_whitespace();
    let day: u64 = words.next()?.parse().ok().filter(|d| *d <= 31)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|m| *m == month)? as u64 + 1;
    let year: u64 = words.next()?.parse().ok().filter(|y| *y <= 9999)?;
    let mut clock = words.next()?.split(':').map(str::parse::<u64>);
    let mut part = |most| clock.next()?.ok().filter(|n| *n <= most);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    // Days of the civil calendar, the year beginning in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "28 Nov 2026 20:08:00\n";

    /// As Redis 7.0.15 wrote it.
    const REFUSED: &str = "\
        21500:S 28 Nov 2026 20:07:29.899 * Trying a partial resynchronization (request 0aa:1).\n\
        21500:S 28 Nov 2026 20:07:29.901 * MASTER <-> REPLICA sync: Loading DB in memory\n\
        21500:S 28 Nov 2026 20:07:29.901 # Can't handle RDB format version 12\n\
        21500:S 28 Nov 2026 20:07:29.902 # Failed trying to load the MASTER synchronization DB from disk: Invalid argument\n";

    #[test]
    fn the_most_telling_line_is_found() {
        let said = reason(REFUSED, NOW, Side::Replica);
        assert_eq!(said.as_deref(), Some("Can't handle RDB format version 12"));
        assert_eq!(reason(REFUSED, NOW, Side::Primary), None);
        // As Valkey 9.1.2 wrote it, of a child process.
        let primary = "\
            77:C 28 Nov 2026 20:07:30.100 # Can't store key (db 0) in RDB version 11\n\
            70:M 28 Nov 2026 20:07:30.101 # Background RDB transfer error\n";
        let said = reason(primary, NOW, Side::Primary);
        assert_eq!(
            said.as_deref(),
            Some("Can't store key (db 0) in RDB version 11")
        );
    }

    #[test]
    fn what_is_old_is_no_cause() {
        let old = REFUSED.replace("28 Nov", "27 Nov");
        assert_eq!(reason(&old, NOW, Side::Replica), None);
        let later = REFUSED.replace("20:07", "21:07");
        assert_eq!(reason(&later, NOW, Side::Replica), None);
        let midnight = REFUSED
            .replace("28 Nov 2026", "31 Dec 2026")
            .replace("20:07:29", "23:59:59");
        assert!(reason(&midnight, "1 Jan 2027 00:00:20", Side::Replica).is_some());
        let leap = REFUSED.replace("28 Nov 2026 20:07", "29 Feb 2028 23:59");
        assert!(reason(&leap, "01 Mar 2028 00:00:01", Side::Replica).is_some());
        assert_eq!(reason(REFUSED, "", Side::Replica), None);
        assert_eq!(reason(REFUSED, "yesterday", Side::Replica), None);
    }

    #[test]
    fn nothing_of_another_file_is_repeated() {
        for text in [
            "root:$y$j9T$abc:19000:0:99999:7:::\nCan't handle RDB format version 12\n",
            "requirepass s3cr3t # unable to auth to\n",
            "1:S 28 Nov 2026 # Unable to AUTH to MASTER",
            "x:S 28 Nov 2026 20:07:59.1 # Unable to AUTH to MASTER: secret",
            "1:S 28 Nov 2026 20:07:59.1 # requirepass s3cr3t",
            "",
        ] {
            assert_eq!(reason(text, NOW, Side::Replica), None, "{text}");
        }
        let long = format!(
            "1:S 28 Nov 2026 20:07:59.1 # Unable to AUTH to MASTER: {}",
            "x".repeat(5000)
        );
        let said = reason(&long, NOW, Side::Replica).unwrap_or_default();
        assert_eq!(said.len(), LONGEST);
    }
}
