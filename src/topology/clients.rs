//! The clients of a server, as it lists them, grouped by host and name. Pure.
//!
//! A server reports only the last command of each client. So a client can be known to write, and
//! never known not to.

use super::phrases::plural;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// Groups that are named in one sentence; the others are counted.
const NAMED: usize = 5;

/// One client, as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The server's number for the connection.
    pub id: u64,
    /// Where it comes from, without the port.
    pub host: String,
    /// The name it gave itself; empty for none.
    pub name: String,
    /// Its library, where the server knows of such.
    pub library: String,
    /// The library's version.
    pub version: String,
    /// It only listens.
    pub subscribes: bool,
    /// It is inside a transaction.
    pub in_transaction: bool,
    /// Its last command, in lower case, without a subcommand; empty before the first.
    pub command: String,
    /// Seconds since that.
    pub idle_seconds: u64,
}

/// Whether a client writes, by its last command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writes {
    /// Its last command is one that writes.
    Seen,
    /// Its last command may have written: a script, a transaction, or a command that the server
    /// does not describe.
    Possible,
    /// Its last command does not write. An earlier one may have.
    NotSeen,
}

/// Clients that come from one host under one name, with one library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The host.
    pub host: String,
    /// Their name; `None`: they gave themselves none.
    pub name: Option<String>,
    /// Their library with its version; `None`: the server does not say.
    pub library: Option<String>,
    /// They only listen (publish and subscribe).
    pub subscribers: bool,
    /// How many.
    pub count: usize,
    /// Whether one of them writes.
    pub writes: Writes,
    /// Their last commands.
    pub commands: Vec<String>,
    /// Seconds since the last command of any of them.
    pub idle_seconds: u64,
}

/// The clients of one server, without replicas, Sentinels and replctl.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Census {
    /// How many.
    pub count: usize,
    /// How many of them were seen to write.
    pub writers: usize,
    /// The clients were only counted, because listing them would have blocked the server. Writers,
    /// groups and connection numbers are unknown, and the count includes every connection,
    /// replctl's own too.
    #[serde(default)]
    pub only_counted: bool,
    /// The largest groups first.
    pub groups: Vec<Group>,
    /// The server's numbers for the connections.
    #[serde(skip)]
    pub ids: Vec<u64>,
}

/// Reads `CLIENT LIST`. Lines that describe no client are left out.
pub fn parse(list: &str) -> Vec<Client> {
    list.lines().filter_map(client).collect()
}

fn client(line: &str) -> Option<Client> {
    let [mut id, mut address, mut flags, mut name] = [""; 4];
    let [mut library, mut version, mut command, mut idle] = [""; 4];
    for (key, value) in line.split(' ').filter_map(|field| field.split_once('=')) {
        let field = match key {
            "id" => &mut id,
            "addr" => &mut address,
            "flags" => &mut flags,
            "name" => &mut name,
            "lib-name" => &mut library,
            "lib-ver" => &mut version,
            "cmd" => &mut command,
            "idle" => &mut idle,
            _ => continue,
        };
        *field = value;
    }
    let command = command.split('|').next().unwrap_or_default();
    Some(Client {
        id: id.parse().ok()?,
        host: address
            .rsplit_once(':')
            .map_or(address, |(h, _)| h)
            .to_owned(),
        name: name.to_owned(),
        library: library.to_owned(),
        version: version.to_owned(),
        subscribes: flags.contains('P'),
        in_transaction: flags.contains('x'),
        command: if command == "NULL" {
            String::new()
        } else {
            command.to_ascii_lowercase()
        },
        idle_seconds: idle.parse().unwrap_or(0),
    })
}

impl Client {
    /// Whether the client is replctl or a watching Sentinel, and so no user of the data.
    pub fn is_staff(&self) -> bool {
        let sentinel = self.name.strip_prefix("sentinel-").is_some_and(|rest| {
            let (id, role) = rest.split_at_checked(8).unwrap_or_default();
            id.bytes().all(|b| b.is_ascii_hexdigit()) && matches!(role, "-cmd" | "-pubsub")
        });
        sentinel || super::claims::is_ours(&self.name)
    }
}

/// Counts the clients. `writes`: what the server says of the commands.
pub fn census(clients: &[Client], writes: &BTreeMap<String, Writes>) -> Census {
    let mut census = Census::default();
    let mut known = Known::default();
    for client in clients.iter().filter(|c| !c.is_staff()) {
        census.count += 1;
        census.ids.push(client.id);
        let does = if client.in_transaction {
            Writes::Possible
        } else if client.command.is_empty() {
            Writes::NotSeen
        } else {
            let known = writes.get(&client.command).copied();
            known.unwrap_or(Writes::Possible)
        };
        census.writers += usize::from(does == Writes::Seen);
        known.add(&mut census.groups, client, does);
    }
    census
        .groups
        .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.host.cmp(&b.host)));
    census
}

/// What makes two clients one group: host, name, library with its version, whether they listen.
type Kind<'a> = (&'a str, &'a str, Option<String>, bool);

/// The groups so far, and the commands of each: there may be as many as clients.
#[derive(Default)]
struct Known<'a> {
    groups: HashMap<Kind<'a>, usize>,
    commands: HashSet<(usize, &'a str)>,
}

impl<'a> Known<'a> {
    fn add(&mut self, groups: &mut Vec<Group>, client: &'a Client, does: Writes) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let library = some(client.library.as_str()).map(|library| {
            let version = some(&client.version).map_or_else(String::new, |v| format!(" {v}"));
            library + &version
        });
        let kind = (
            client.host.as_str(),
            client.name.as_str(),
            library.clone(),
            client.subscribes,
        );
        let place = *self.groups.entry(kind).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group {
                host: client.host.clone(),
                name: some(&client.name),
                library,
                subscribers: client.subscribes,
                count: 0,
                writes: does,
                commands: Vec::new(),
                idle_seconds: client.idle_seconds,
            });
        }
        let group = &mut groups[place];
        group.count += 1;
        group.writes = group.writes.min(does);
        group.idle_seconds = group.idle_seconds.min(client.idle_seconds);
        let new = !client.command.is_empty() && self.commands.insert((place, &client.command));
        if new {
            group.commands.push(client.command.clone());
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        let known: Vec<&str> = [&self.name, &self.library]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        if self.subscribers {
            f.write_str(" listening")?;
        }
        write!(f, " ×{}", self.count)
    }
}

impl fmt::Display for Census {
    /// `10.0.0.5 (app, jedis 4.3) ×3, 10.0.0.6 ×1 and 4 more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<String> = self
            .groups
            .iter()
            .take(NAMED)
            .map(Group::to_string)
            .collect();
        f.write_str(&named.join(", "))?;
        let rest: usize = self.groups.iter().take(NAMED).map(|g| g.count).sum();
        match self.count.saturating_sub(rest) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// replctl lists up to this many clients without being asked. That takes a server 0.6 to 1.0 ms in
/// the median (measured on Redis 6.0, 6.2, 7.0 and 8.2 and on Valkey 8.1); it serves no other
/// client meanwhile.
pub const LISTED: u64 = 1_000;
/// The longest time that one client of a list takes a server, µs (measured: 84 ms for 19,000 on
/// Valkey 8.1, 23 ms on Redis 7.0).
const EACH_US: f64 = 4.4;

impl Census {
    /// Clients that were only counted.
    pub fn counted(connections: u64) -> Self {
        Self {
            count: usize::try_from(connections).unwrap_or(usize::MAX),
            only_counted: true,
            ..Self::default()
        }
    }

    /// Why they were not listed.
    #[allow(clippy::cast_precision_loss)] // a rough number of milliseconds
    pub fn too_many(&self) -> String {
        let ms = (self.count as f64 * EACH_US / 1e3).ceil();
        format!("too many to list without blocking the server for up to {ms} ms")
    }

    /// `no clients`, `1 client`, `12 clients, 3 of them seen to write`.
    pub fn in_words(&self) -> String {
        if self.only_counted {
            let count = plural(self.count, "connection");
            return format!("{count}, {}", self.too_many());
        }
        let count = plural(self.count, "client");
        match self.writers {
            0 => count,
            writers => format!("{count}, {writers} of them seen to write"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LIST: &str = "\
id=3 addr=10.0.0.5:49884 laddr=10.0.0.1:6379 fd=7 name=app age=0 idle=4 flags=N db=0 sub=0 psub=0 multi=-1 cmd=set user=default redir=-1 resp=2 lib-name=jedis lib-ver=4.3
id=4 addr=10.0.0.5:49885 name=app idle=2 flags=N cmd=get user=default lib-name=jedis lib-ver=4.3
id=5 addr=[2001:db8::7]:50016 name= idle=0 flags=P cmd=subscribe lib-name= lib-ver=
id=6 addr=10.0.0.9:1 name= idle=9 flags=x multi=2 cmd=get
id=7 addr=10.0.0.9:2 name= idle=9 flags=N cmd=client|list
id=8 addr=10.0.0.1:3 name=replctl idle=0 flags=N cmd=client|list
id=9 addr=10.0.0.1:4 name=sentinel-4b7f1291-cmd idle=0 flags=N cmd=ping
id=10 addr=10.0.0.1:4 name=sentinel-4b7f1291-pubsub idle=0 flags=P cmd=subscribe
id=11 addr=/tmp/redis.sock:0 name=sentinel-of-mine idle=0 flags=N cmd=NULL
nonsense
id=none addr=1
";

    fn known() -> BTreeMap<String, Writes> {
        [
            ("set", Writes::Seen),
            ("get", Writes::NotSeen),
            ("subscribe", Writes::NotSeen),
            ("client", Writes::NotSeen),
        ]
        .map(|(command, writes)| (command.to_owned(), writes))
        .into()
    }

    #[test]
    fn clients_are_grouped_and_staff_is_not_counted() {
        let census = census(&parse(LIST), &known());
        assert_eq!((census.count, census.writers), (6, 1));
        assert_eq!(census.ids, [3, 4, 5, 6, 7, 11]);
        assert_eq!(
            census.to_string(),
            "10.0.0.5 (app, jedis 4.3) ×2, 10.0.0.9 ×2, /tmp/redis.sock (sentinel-of-mine) ×1, [2001:db8::7] listening ×1"
        );
        assert_eq!(census.in_words(), "6 clients, 1 of them seen to write");
        let app = &census.groups[0];
        assert_eq!(
            (app.writes, app.idle_seconds, app.commands.join(" ")),
            (Writes::Seen, 2, "set get".to_owned())
        );
        // In a transaction anything may be under way.
        assert_eq!(census.groups[1].writes, Writes::Possible);
        assert_eq!(census.groups[2].writes, Writes::NotSeen);
    }

    #[test]
    fn what_the_server_says_nothing_of_may_write() {
        let census = census(&parse("id=1 addr=a:1 flags=N cmd=eval"), &known());
        assert_eq!(census.groups[0].writes, Writes::Possible);
        assert_eq!(census.in_words(), "1 client");
    }

    #[test]
    fn those_that_were_only_counted_are_told_so() {
        let census = Census::counted(19_000);
        assert_eq!(
            census.in_words(),
            "19000 connections, too many to list without blocking the server for up to 84 ms"
        );
        assert!(census.ids.is_empty() && census.groups.is_empty());
    }

    #[test]
    fn a_list_of_400_000_distinct_clients_is_counted_at_once() {
        let line = |n: u32| format!("id={n} addr=10.0.0.1:{n} name=c{n} flags=N cmd=c{n} idle=1");
        let list = (0..400_000).map(line).collect::<Vec<_>>().join("\n");
        let begun = std::time::Instant::now();
        let census = census(&parse(&list), &known());
        assert_eq!((census.count, census.groups.len()), (400_000, 400_000));
        // The same host, name and library under one command each: one group with as many commands.
        let line = |n: u32| format!("id={n} addr=10.0.0.1:{n} flags=N cmd=c{n}");
        let list = (0..400_000).map(line).collect::<Vec<_>>().join("\n");
        let census = super::census(&parse(&list), &known());
        assert_eq!(census.groups[0].commands.len(), 400_000);
        // Some seconds in a debug build. Comparing each line with each other one would take many
        // minutes.
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }

    #[test]
    fn many_groups_are_named_in_part() {
        let lines = (0..9).map(|n| format!("id={n} addr=10.0.0.{n}:1 flags=N cmd=get"));
        let list = lines.collect::<Vec<_>>().join("\n");
        let text = census(&parse(&list), &known()).to_string();
        assert!(text.ends_with("10.0.0.4 ×1 and 4 more"), "{text}");
        assert_eq!(Census::default().to_string(), "");
        assert_eq!(Census::default().in_words(), "no clients");
    }
}
