//! Asks a server for its users, its modules and its commands. It changes nothing. An answer that
//! does not come, or a command that is not allowed, is "not known".

use crate::topology::service::access::Module;
use crate::topology::{NodeName, Trouble, TroubleKind, Version};
use crate::world::connections::Connections;
use crate::world::observe::text;
use crate::world::resp::REPLY;
use redis::{Cmd, Value, cmd};
use std::collections::BTreeMap;

/// Commands that operators rename or remove, and that every version has.
const USUAL: [&str; 16] = [
    "bgrewriteaof",
    "bgsave",
    "client",
    "config",
    "debug",
    "eval",
    "flushall",
    "flushdb",
    "info",
    "keys",
    "monitor",
    "save",
    "script",
    "shutdown",
    "slaveof",
    "sort",
];

/// The others of them, each with the first major version that has it.
const SINCE: [(u16, &str); 4] = [(4, "module"), (4, "swapdb"), (5, "replicaof"), (6, "acl")];

const UNREADABLE: &str = "its answer cannot be read";

/// The names of the users in its access list. Empty if it has no access list.
pub(super) async fn users(to: &Connections, node: &NodeName) -> Result<Vec<String>, String> {
    match ask(to, node, cmd("ACL").arg("USERS")).await? {
        Some(reply) => redis::from_redis_value(reply).map_err(|_| UNREADABLE.to_owned()),
        None => Ok(Vec::new()),
    }
}

/// How its default user differs from one that may do everything. `has_password`: `requirepass`.
pub(super) async fn limits(
    to: &Connections,
    node: &NodeName,
    has_password: Option<bool>,
) -> Result<Vec<String>, String> {
    match ask(to, node, cmd("ACL").arg("GETUSER").arg("default")).await? {
        Some(reply) => limits_of(&reply, has_password),
        None => Ok(Vec::new()),
    }
}

/// The modules that it has loaded from files; `None`: it knows no such command.
pub(super) async fn modules(
    to: &Connections,
    node: &NodeName,
) -> Result<Option<Vec<Module>>, String> {
    let reply = ask(to, node, cmd("MODULE").arg("LIST")).await?;
    reply.map(|reply| modules_of(&reply)).transpose()
}

/// The usual commands of its version, and `others`, that it does not know.
pub(super) async fn missing(
    to: &Connections,
    (node, version): (&NodeName, Version),
    others: &[String],
) -> Result<Vec<String>, String> {
    let mut names = usual(version);
    names.extend(others.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    match ask(to, node, cmd("COMMAND").arg("INFO").arg(&names)).await? {
        Some(reply) => missing_of(&names, &reply),
        None => Err("it does not know COMMAND".to_owned()),
    }
}

/// The usual commands of a version. Valkey has those of Redis 7.
fn usual(version: Version) -> Vec<&'static str> {
    let later = SINCE.iter().filter(|(since, _)| version.major >= *since);
    let later = later.map(|(_, name)| *name);
    USUAL.into_iter().chain(later).collect()
}

/// The answer; `None`: it does not know the command.
async fn ask(to: &Connections, node: &NodeName, question: &Cmd) -> Result<Option<Value>, String> {
    let conn = to.get(node).await.map_err(|failure| failure.why)?;
    match conn.call(question, REPLY).await {
        Ok(reply) => Ok(Some(reply)),
        Err(trouble) if is_unknown(&trouble) => Ok(None),
        Err(trouble) => Err(trouble.detail),
    }
}

fn is_unknown(trouble: &Trouble) -> bool {
    let detail = trouble.detail.to_ascii_lowercase();
    trouble.kind == TroubleKind::Other && detail.contains("unknown command")
}

/// All texts in a value, however deep.
fn texts(value: &Value) -> Vec<String> {
    if let Value::Array(all) | Value::Set(all) = value {
        return all.iter().flat_map(texts).collect();
    }
    if let Value::Map(pairs) = value {
        let pairs = pairs.iter().map(|(n, v)| [texts(n), texts(v)].concat());
        return pairs.flatten().collect();
    }
    text(value).into_iter().collect()
}

/// The fields of an answer: a map, or a list of names and values.
fn fields(reply: &Value) -> Option<BTreeMap<String, Vec<String>>> {
    if let Value::Map(pairs) = reply {
        let pairs = pairs.iter().map(|(n, v)| Some((text(n)?, texts(v))));
        return pairs.collect();
    }
    let Value::Array(parts) = reply else {
        return None;
    };
    let pairs = parts.chunks_exact(2);
    let pairs = pairs.map(|pair| Some((text(&pair[0])?, texts(&pair[1]))));
    pairs.collect()
}

fn limits_of(reply: &Value, has_password: Option<bool>) -> Result<Vec<String>, String> {
    let fields = fields(reply).ok_or_else(|| UNREADABLE.to_owned())?;
    let of = |name: &str| fields.get(name).map_or(&[][..], Vec::as_slice);
    let flags = of("flags");
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let mut out = Vec::new();
    let mut limit = |differs: bool, what: &str| {
        if differs {
            out.push(what.to_owned());
        }
    };
    limit(!has("on"), "it is switched off");
    limit(of("commands") != ["+@all"], "it may not run all commands");
    let all = |name: &str, words: [&str; 2]| {
        let of = of(name);
        of.len() == 1 && words.contains(&of[0].as_str())
    };
    limit(!all("keys", ["~*", "*"]), "it may not use all keys");
    limit(
        fields.contains_key("channels") && !all("channels", ["&*", "*"]),
        "it may not use all channels",
    );
    limit(
        fields.contains_key("databases") && !all("databases", ["alldbs", "alldbs"]),
        "it may not use all databases",
    );
    limit(!of("selectors").is_empty(), "it has selectors");
    limit(
        has("skip-sanitize-payload"),
        "it has `skip-sanitize-payload`",
    );
    let passwords = of("passwords").len();
    limit(passwords > 1, "it has several passwords");
    let open = has("nopass");
    limit(
        has_password == Some(true) && (open || passwords == 0),
        "it needs no password, although `requirepass` is set",
    );
    limit(
        has_password == Some(false) && !open,
        "it has a password that is not `requirepass`",
    );
    Ok(out)
}

fn modules_of(reply: &Value) -> Result<Vec<Module>, String> {
    let Value::Array(all) = reply else {
        return Err(UNREADABLE.to_owned());
    };
    let mut out = Vec::new();
    for one in all {
        let fields = fields(one).ok_or_else(|| UNREADABLE.to_owned())?;
        let of = |name: &str| fields.get(name).map(|words| words.concat());
        let name = of("name").ok_or_else(|| UNREADABLE.to_owned())?;
        let path = of("path");
        // A module that is part of the program has no file.
        if path.as_ref().is_none_or(|path| path.contains('/')) {
            out.push(Module { name, path });
        }
    }
    Ok(out)
}

fn missing_of(names: &[&str], reply: &Value) -> Result<Vec<String>, String> {
    let Value::Array(all) = reply else {
        return Err(UNREADABLE.to_owned());
    };
    if all.len() != names.len() {
        return Err(UNREADABLE.to_owned());
    }
    let pairs = names.iter().zip(all);
    let nil = |value: &Value| matches!(value, Value::Nil) || *value == Value::Array(Vec::new());
    Ok(pairs
        .filter(|(_, info)| nil(info))
        .map(|(name, _)| (*name).to_owned())
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn word(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn list(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|w| word(w)).collect())
    }

    fn user(flags: &[&str], passwords: &[&str], commands: &str, keys: Value) -> Value {
        let fields = [
            ("flags", list(flags)),
            ("passwords", list(passwords)),
            ("commands", word(commands)),
            ("keys", keys),
        ];
        let fields = fields.into_iter().flat_map(|(n, v)| [word(n), v]);
        Value::Array(fields.collect())
    }

    #[test]
    fn a_default_user_that_may_do_everything_has_no_limit() {
        let seven = user(
            &["on", "nopass", "sanitize-payload"],
            &[],
            "+@all",
            word("~*"),
        );
        assert_eq!(limits_of(&seven, Some(false)).unwrap(), [""; 0]);
        let six = user(&["on", "allkeys"], &["a1"], "+@all", list(&["*"]));
        assert_eq!(limits_of(&six, Some(true)).unwrap(), [""; 0]);
    }

    #[test]
    fn what_somebody_has_set_at_run_time_is_a_limit() {
        let of = |user: &Value, has| limits_of(user, Some(has)).unwrap().join(", ");
        let second = user(&["on"], &["a1", "b2"], "+@all -flushall", word("~*"));
        assert_eq!(
            of(&second, true),
            "it may not run all commands, it has several passwords"
        );
        let open = user(&["on", "nopass"], &[], "+@all", word("~app:*"));
        assert_eq!(
            of(&open, true),
            "it may not use all keys, it needs no password, although `requirepass` is set"
        );
        let other = user(&["off"], &["a1"], "+@all", word("~*"));
        assert_eq!(
            of(&other, false),
            "it is switched off, it has a password that is not `requirepass`"
        );
        assert!(limits_of(&Value::Nil, None).is_err());
    }

    #[test]
    fn a_module_of_a_file_is_told_from_a_part_of_the_program() {
        let module = |name: &str, path: &str| {
            Value::Array(vec![word("name"), word(name), word("path"), word(path)])
        };
        let old = Value::Array(vec![word("name"), word("x"), word("ver"), Value::Int(1)]);
        let all = [
            module("vectorset", ""),
            module("lua", "lua"),
            module("bf", "/m.so"),
            old,
        ];
        let read = modules_of(&Value::Array(all.into())).unwrap();
        let names: Vec<&str> = read.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["bf", "x"]);
        assert!(modules_of(&Value::Nil).is_err());
    }

    #[test]
    fn a_command_without_a_description_is_missing() {
        let reply = Value::Array(vec![list(&["config"]), Value::Nil]);
        assert_eq!(missing_of(&["config", "keys"], &reply).unwrap(), ["keys"]);
        assert!(missing_of(&["config"], &reply).is_err());
    }

    #[test]
    fn a_version_is_not_asked_for_the_commands_of_a_later_one() {
        let of = |major| {
            let names = usual(crate::topology::sample::version(major, 0, 14));
            ["acl", "replicaof", "shutdown"].map(|name| names.contains(&name))
        };
        assert_eq!(of(4), [false, false, true]);
        assert_eq!(of(5), [false, true, true]);
        assert_eq!(of(6), [true, true, true]);
    }

    #[test]
    fn only_a_server_that_does_not_know_the_command_has_no_users() {
        let trouble = |kind, detail: &str| Trouble {
            kind,
            detail: detail.to_owned(),
        };
        let unknown = "it answers with an error: ERR unknown command `ACL`, with args";
        assert!(is_unknown(&trouble(TroubleKind::Other, unknown)));
        let denied = "the user lacks a permission: NOPERM this user has no permissions to run the 'acl|users' command";
        assert!(!is_unknown(&trouble(TroubleKind::Forbidden, denied)));
        assert!(!is_unknown(&trouble(TroubleKind::Frozen, "no answer")));
    }
}
