#![allow(clippy::unwrap_used)]
use super::keys::{Touches, touches};
use super::mark::{CHANNEL, mark};
use super::parts::{Part, apart, in_order};
use super::split::{Conflict, Counts, Since, split, touched};
use super::stream::{Tail, database_before, decode};
use proptest::prelude::*;

fn wire(commands: &[&[&str]]) -> Vec<u8> {
    let mut out = Vec::new();
    for words in commands {
        out.extend(format!("*{}\r\n", words.len()).bytes());
        for word in *words {
            out.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
        }
    }
    out
}

fn tail(commands: &[&[&str]]) -> Tail {
    decode(&wire(commands), Some(0)).unwrap()
}

#[test]
fn a_stream_becomes_commands_with_their_databases() {
    let decoded = decode(
        &wire(&[
            &["SET", "a", "1"],
            &["PING"],
            &["PUBLISH", "__sentinel__:hello", "127.0.0.1,26379,…"],
            &["SELECT", "3"],
            &["MULTI"],
            &["INCR", "b"],
            &["INCR", "c"],
            &["EXEC"],
            &["REPLCONF", "GETACK", "*"],
        ]),
        None,
    )
    .unwrap();
    assert_eq!((decoded.pings, decoded.commands()), (3, 3));
    assert_eq!(decoded.units[0].db, None);
    assert_eq!(decoded.units[1].db, Some(3));
    assert!(decoded.units[1].transaction);
    assert_eq!(decoded.units[1].commands.len(), 2);
    let mut cut = wire(&[&["SET", "a", "1"]]);
    cut.pop();
    assert!(decode(&cut, None).is_err());
    assert!(decode(b"garbage", None).is_err());
    assert!(decode(b"*1\r\n$99999999999\r\n", None).is_err());
    assert_eq!(decode(b"\n\n", None).unwrap(), Tail::default());
}

#[test]
fn the_database_before_the_fork_is_read_and_no_value_pretends_one() {
    let select = String::from_utf8(wire(&[&["SELECT", "9"]])).unwrap();
    let mut bytes = b"rest of a value\r\n".to_vec();
    bytes.extend(wire(&[&["SELECT", "2"], &["SET", "k", &select], &["PING"]]));
    assert_eq!(database_before(&bytes), Some(2));
    assert_eq!(database_before(&wire(&[&["SET", "k", &select]])), None);
    assert_eq!(database_before(b""), None);
}

#[test]
fn keys_of_commands() {
    let words = |text: &str| -> Vec<Vec<u8>> { text.split(' ').map(Into::into).collect() };
    let keys = |text: &str| match touches(&words(text)) {
        Touches::Keys(keys) => keys
            .iter()
            .map(|k| String::from_utf8_lossy(k).into_owned())
            .collect::<Vec<_>>()
            .join(" "),
        Touches::None => "none".to_owned(),
        Touches::Anything => "anything".to_owned(),
    };
    for (command, wanted) in [
        ("set a 1", "a"),
        ("DEL a b c", "a b c"),
        ("MSET a 1 b 2", "a b"),
        ("RENAME a b", "a b"),
        ("XGROUP CREATE s g 0", "s"),
        ("BITOP AND a b c", "a b c"),
        ("ZUNIONSTORE to 2 x y WEIGHTS 1 2", "to x y"),
        ("COPY a b", "a b"),
        ("COPY a b DB 3", "anything"),
        ("FLUSHALL", "anything"),
        ("EVAL code 1 a", "anything"),
        ("MOVE a 3", "anything"),
        ("some.module a", "anything"),
        ("PUBLISH channel text", "none"),
    ] {
        assert_eq!(keys(command), wanted, "{command}");
    }
}

#[test]
fn only_what_the_new_primary_left_alone_is_safe() {
    let lost = tail(&[
        &["SET", "a", "1"],
        &["INCR", "b"],
        &["MULTI"],
        &["SET", "b", "1"],
        &["SET", "c", "1"],
        &["EXEC"],
        &["SET", "d", "1"],
        &["PUBLISH", "x", "y"],
        &["SELECT", "1"],
        &["SET", "c", "1"],
    ]);
    // c was written anew: b is tied to it, and with b the command before.
    let since = tail(&[
        &["SET", "c", "2"],
        &["SET", "z", "1"],
        &["PUBLISH", "p", "q"],
    ]);
    let written = Some(Conflict::Written);
    assert_eq!(
        split(&lost, &Since::Known(&since)),
        [None, written, written, None, Some(Conflict::NoKey), None]
    );
    assert_eq!(touched(&lost).len(), 5);
    let all = |why| vec![Some(why); lost.units.len()];
    assert_eq!(split(&lost, &Since::Unknown), all(Conflict::NewUnknown));
    let flushed = tail(&[&["FLUSHALL"]]);
    assert_eq!(
        split(&lost, &Since::Known(&flushed)),
        all(Conflict::Written)
    );
    assert_eq!(
        split(
            &tail(&[&["SET", "a", "1"], &["FLUSHDB"]]),
            &Since::Known(&since)
        ),
        [Some(Conflict::KeysUnknown); 2]
    );
    let unknown = decode(&wire(&[&["SET", "a", "1"]]), None).unwrap();
    assert_eq!(
        split(&unknown, &Since::Known(&since)),
        [Some(Conflict::DatabaseUnknown)]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_that_is_sent_makes_it_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'1'), any::<u8>()], 0..200)) {
        let _ = decode(&bytes, None);
        let _ = database_before(&bytes);
    }

    #[test]
    fn what_is_written_is_read_again(values in proptest::collection::vec("\\PC{0,20}", 1..20)) {
        let commands: Vec<Vec<&str>> = values.iter().map(|v| vec!["SET", "k", v.as_str()]).collect();
        let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
        let read = tail(&commands);
        prop_assert_eq!(read.commands(), values.len());
        prop_assert_eq!(read.units.last().unwrap().commands[0][2].clone(), values.last().unwrap().clone().into_bytes());
    }
}

#[test]
fn what_was_replayed_is_known_again_and_is_no_write_of_a_client() {
    let lost = tail(&[
        &["SET", "a", "1"],
        &["INCR", "n"],
        &["INCR", "n"],
        &["SET", "c", "1"],
    ]);
    let name = |n: usize| mark(&lost.units[n]);
    assert_eq!(name(1), name(2), "alike, and counted");
    let message = format!("{} {}", name(0), name(1));
    let publish = ["PUBLISH", CHANNEL, &message];
    let replay: [&[&str]; 5] = [
        &["MULTI"],
        &["SET", "a", "1"],
        &["INCR", "n"],
        &publish,
        &["EXEC"],
    ];
    let since = tail(&replay);
    let done = Some(Conflict::Replayed);
    assert_eq!(
        split(&lost, &Since::Known(&since)),
        [done, done, None, None]
    );
    // A write of a client afterwards is one, and so is a replay of something else.
    let mut more = replay.to_vec();
    more.push(&["SET", "n", "9"]);
    let written = Some(Conflict::Written);
    assert_eq!(
        split(&lost, &Since::Known(&tail(&more))),
        [done, done, written, None]
    );
    let stranger = format!("{message} 0123456789abcdef");
    let publish = ["PUBLISH", CHANNEL, &stranger];
    let since = tail(&[&["MULTI"], &["SET", "a", "1"], &publish, &["EXEC"]]);
    assert_eq!(
        split(&lost, &Since::Known(&since)),
        [written, None, None, None]
    );
    let counts = Counts::of(&lost, &split(&lost, &Since::Known(&tail(&more))));
    assert_eq!(
        (counts.safe, counts.replayed, counts.conflicts()),
        (1, 2, 1)
    );
    // A message outside of a transaction says nothing.
    let message = name(0);
    let alone = tail(&[&["PUBLISH", CHANNEL, &message], &["SET", "a", "2"]]);
    assert_eq!(split(&lost, &Since::Known(&alone))[0], written);
}

#[test]
fn portions_keep_together_what_is_tied_and_apart_what_is_not() {
    let mut commands: Vec<Vec<String>> = Vec::new();
    for n in 0..1500 {
        commands.push(vec!["SET".into(), format!("k{n}"), "v".into()]);
        commands.push(vec!["INCR".into(), "hot".into()]);
    }
    commands.push(vec!["SELECT".into(), "3".into()]);
    commands.push(vec!["SET".into(), "k1".into(), "v".into()]);
    let commands: Vec<Vec<&str>> = commands
        .iter()
        .map(|c| c.iter().map(String::as_str).collect())
        .collect();
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    let lost = tail(&commands);
    let parts = apart(&lost, |_| true);
    let of_hot: Vec<&Part> = parts
        .iter()
        .filter(|p| p.keys(&lost).contains(b"hot".as_slice()))
        .collect();
    assert_eq!(of_hot.len(), 1, "one key is not taken apart");
    assert!(of_hot[0].units.is_sorted());
    let all: usize = parts.iter().map(|p| p.units.len()).sum();
    assert_eq!(all, lost.units.len());
    assert_eq!(parts.last().unwrap().db, 3);
    assert!(parts.len() >= 4, "{}", parts.len());
    let ordered: Vec<usize> = in_order(&lost, |n| n > 0)
        .into_iter()
        .flat_map(|p| p.units)
        .collect();
    assert!(ordered.is_sorted() && ordered.len() == lost.units.len() - 1);
    assert!(apart(&lost, |_| false).is_empty());
}
