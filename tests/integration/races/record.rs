//! The role changes in the servers' own logs: when, on which node, to what, and by whom.

use crate::races::field::{FIRST, Field, Role, SECOND};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Who changed a role: by the user that the server's log names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The first operator.
    First,
    /// The second one.
    Second,
    /// A person with redis-cli, who logs in as nobody in particular.
    Person,
}

/// One change of a role.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// When, ms of this machine's own time of day; only differences mean something.
    pub at: i64,
    /// On which node.
    pub node: usize,
    /// To what.
    pub to: Role,
    /// By whom.
    pub who: Who,
}

/// The role changes in one race, and the roles before them.
pub struct Record {
    /// The roles when the race began.
    pub first: Vec<Role>,
    /// In the order of time.
    pub events: Vec<Event>,
}

impl Record {
    /// Reads it from the logs; what is older than `begun` is left out.
    pub fn read(field: &Field, first: &[Role], begun: i64) -> Self {
        let mut events: Vec<Event> = Vec::new();
        for (node, server) in field.servers.iter().enumerate() {
            let log = server.log();
            let told = log.lines().filter_map(|line| event(line, node));
            events.extend(told.filter(|e| e.at >= begun));
        }
        // Within one millisecond nobody knows: a demotion is taken to be first.
        events.sort_by_key(|e| (e.at, e.to == Role::Primary));
        Self {
            first: first.to_vec(),
            events,
        }
    }

    /// The changes by somebody.
    pub fn by(&self, who: Who) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |e| e.who == who)
    }

    /// The roles at a moment.
    pub fn roles_at(&self, at: i64) -> Vec<Role> {
        let mut roles = self.first.clone();
        for event in self.events.iter().filter(|e| e.at <= at) {
            roles[event.node] = event.to;
        }
        roles
    }

    /// As text, for a message.
    pub fn text(&self, field: &Field) -> String {
        let start = self.events.first().map_or(0, |e| e.at);
        let role = |role: Role| match role {
            Role::Primary => "primary".to_owned(),
            Role::Of(port) => match field.at(port) {
                Some(i) => format!("under n{i}"),
                None => format!("under port {port}"),
            },
        };
        let told = self.events.iter().map(|e| {
            let (at, node) = (e.at - start, e.node);
            format!("+{at} {:?}: n{node} {}", e.who, role(e.to))
        });
        let first: Vec<String> = self.first.iter().map(|r| role(*r)).collect();
        format!(
            "first [{}]; {}",
            first.join(", "),
            told.collect::<Vec<_>>().join("; ")
        )
    }
}

/// Now, as the servers write it into their logs: ms since the epoch as if this machine's own time
/// were UTC.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seconds = libc::time_t::try_from(since.as_secs()).unwrap();
    // SAFETY: both point to memory of ours; localtime_r writes a whole `tm`.
    #[allow(unsafe_code)]
    let offset = unsafe {
        let mut parts: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut parts);
        parts.tm_gmtoff
    };
    i64::try_from(since.as_millis()).unwrap() + offset * 1000
}

/// The same of a moment that has passed.
pub fn then(moment: Instant) -> i64 {
    let ago: Duration = Instant::now().duration_since(moment);
    now() - i64::try_from(ago.as_millis()).unwrap()
}

/// A line of a server's log, if a client changed its role there.
fn event(line: &str, node: usize) -> Option<Event> {
    let (head, tail) = line.split_once(" enabled (user request from '")?;
    let to = if head.ends_with("MASTER MODE") || head.ends_with("PRIMARY MODE") {
        Role::Primary
    } else {
        let (_, address) = head.rsplit_once("REPLICAOF ")?;
        Role::Of(address.rsplit_once(':')?.1.parse().ok()?)
    };
    let user = tail.split(" user=").nth(1)?;
    let user = user.split([' ', '\'']).next()?;
    let who = match user {
        FIRST => Who::First,
        SECOND => Who::Second,
        _ => Who::Person,
    };
    // 12819:M 28 Nov 2026 20:05:01.905 * …
    let words: Vec<&str> = head.split_whitespace().take(5).collect();
    let [_, day, month, year, time] = words[..] else {
        return None;
    };
    let at = days(year.parse().ok()?, month, day.parse().ok()?)? * 86_400_000 + of_day(time)?;
    Some(Event { at, node, to, who })
}

/// Days since the epoch.
fn days(year: i64, month: &str, day: i64) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = i64::try_from(MONTHS.find(month)? / 3).ok()? + 1;
    // Howard Hinnant's days_from_civil.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// `20:05:01.905` in ms.
fn of_day(time: &str) -> Option<i64> {
    let (clock, ms) = time.split_once('.')?;
    let parts: Vec<i64> = clock.split(':').map_while(|p| p.parse().ok()).collect();
    let [h, m, s] = parts[..] else { return None };
    Some(((h * 60 + m) * 60 + s) * 1000 + ms.parse::<i64>().ok()?)
}
