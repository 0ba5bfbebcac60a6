#![allow(clippy::unwrap_used)]
use super::keys::{Touches, touches};
use super::mark::{CHANNEL, mark};
use super::parts::{Meanwhile, Part, in_groups, in_order, smaller};
use super::replay::replayable;
use super::split::{Conflict, Judged, judge, judge_within};
use super::stream::{Tail, Unit, database_before};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

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

fn decode(bytes: &[u8], db: Option<u32>) -> Result<Tail, String> {
    Tail::read(Arc::new(bytes.to_vec()), db)
}

fn tail(commands: &[&[&str]]) -> Tail {
    decode(&wire(commands), Some(0)).unwrap()
}

fn units(tail: &Tail) -> Vec<Unit> {
    tail.picked(|_| true).unwrap()
}

fn verdicts(lost: &Tail, since: &Tail) -> Vec<Option<Conflict>> {
    judge(lost, Some(since)).unwrap().verdicts
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
    assert_eq!((decoded.pings, decoded.commands, decoded.units), (3, 3, 2));
    let all = units(&decoded);
    assert_eq!((all[0].db, all[1].db), (None, Some(3)));
    assert!(all[1].transaction);
    assert_eq!(all[1].count, 2);
    let words: Vec<Vec<&[u8]>> = all[1].commands().collect();
    assert_eq!(words, [[b"INCR", b"b".as_slice()], [b"INCR", b"c"]]);
    let mut cut = wire(&[&["SET", "a", "1"]]);
    cut.pop();
    assert!(decode(&cut, None).is_err());
    assert!(decode(b"garbage", None).is_err());
    assert!(decode(b"*1\r\n$99999999999\r\n", None).is_err());
    let nothing = decode(b"\n\n", None).unwrap();
    assert_eq!((nothing.units, nothing.pings), (0, 0));
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
    let keys = |text: &str| match touches(&text.split(' ').map(str::as_bytes).collect::<Vec<_>>()) {
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
        verdicts(&lost, &since),
        [None, written, written, None, Some(Conflict::NoKey), None]
    );
    let all = |why| vec![Some(why); lost.units];
    let unknown = judge(&lost, None).unwrap();
    assert_eq!(unknown.verdicts, all(Conflict::NewUnknown));
    assert_eq!(unknown.keys, 5);
    let flushed = tail(&[&["FLUSHALL"]]);
    assert_eq!(verdicts(&lost, &flushed), all(Conflict::Written));
    assert_eq!(
        verdicts(&tail(&[&["SET", "a", "1"], &["FLUSHDB"]]), &since),
        [Some(Conflict::KeysUnknown); 2]
    );
    let unknown = decode(&wire(&[&["SET", "a", "1"]]), None).unwrap();
    assert_eq!(
        verdicts(&unknown, &since),
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
        prop_assert_eq!(read.commands, values.len());
        let all = units(&read);
        let last = all.last().unwrap().commands().next().unwrap();
        prop_assert_eq!(last[2], values.last().unwrap().as_bytes());
        let again: Result<Vec<Vec<u8>>, String> = replayable(&read, |_| true).collect();
        let again = decode(&again.unwrap().concat(), None).unwrap();
        prop_assert_eq!(units(&again), all);
    }

    #[test]
    fn judged_in_any_number_of_parts_it_is_what_a_table_of_all_keys_says(
        lost in stream(), since in stream(), replayed in 0..4_usize, most in 4..40_usize
    ) {
        let lost = decode(&lost, Some(0)).unwrap();
        let mut since = decode(&since, Some(0)).unwrap();
        let names: Vec<String> = units(&lost).iter().take(replayed).map(mark).collect();
        if !names.is_empty() {
            let message = names.join(" ");
            since.append(tail(&[&["MULTI"], &["SET", "k0", "r"], &["PUBLISH", CHANNEL, &message], &["EXEC"]]));
        }
        let wanted = by_a_table(&lost, &since, names.len());
        prop_assert_eq!(&judge(&lost, Some(&since)).unwrap(), &wanted);
        let few = judge_within(&lost, Some(&since), most).unwrap();
        if few.verdicts.contains(&Some(Conflict::TooManyTied)) {
            prop_assert!(!few.verdicts.contains(&None), "{few:?}");
        } else {
            prop_assert_eq!(&few, &wanted);
        }
    }
}

/// A stream over few keys, so that they meet.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let command = (0..8_u8, 0..12_u8, 0..12_u8).prop_map(|(kind, a, b)| {
        let (a, b) = (format!("k{a}"), format!("k{b}"));
        match kind {
            0..=3 => wire(&[&["SET", &a, "1"]]),
            4 => wire(&[&["MSET", &a, "1", &b, "1"]]),
            5 => wire(&[&["MULTI"], &["INCR", &a], &["INCR", &b], &["EXEC"]]),
            6 => wire(&[&["PUBLISH", "c", "m"], &["PING"]]),
            _ => wire(&[&["SELECT", if a < b { "0" } else { "1" }]]),
        }
    });
    proptest::collection::vec(command, 0..30).prop_map(|some| some.concat())
}

/// The same verdicts by the simplest means: sets of keys that grow until nothing changes.
fn by_a_table(lost: &Tail, since: &Tail, replayed: usize) -> Judged {
    let keys = |unit: &Unit| -> BTreeSet<(Option<u32>, Vec<u8>)> {
        let words: Vec<Vec<&[u8]>> = unit.commands().collect();
        let touched = words.iter().flat_map(|words| match touches(words) {
            Touches::Keys(keys) => keys,
            Touches::None => Vec::new(),
            Touches::Anything => panic!("{words:?}"),
        });
        touched.map(|key| (unit.db, key.to_vec())).collect()
    };
    let (lost, mut since) = (units(lost), units(since));
    if replayed > 0 {
        since.pop();
    }
    let mut bad: BTreeSet<_> = since.iter().flat_map(keys).collect();
    let mut before = None;
    while before != Some(bad.len()) {
        before = Some(bad.len());
        let tied = lost.iter().map(keys).filter(|some| !some.is_disjoint(&bad));
        let tied: Vec<_> = tied.flatten().collect();
        bad.extend(tied);
    }
    let verdict = |(n, unit): (usize, &Unit)| match keys(unit) {
        _ if n < replayed => Some(Conflict::Replayed),
        some if some.is_empty() => Some(Conflict::NoKey),
        some => (!some.is_disjoint(&bad)).then_some(Conflict::Written),
    };
    let verdicts: Vec<_> = lost.iter().enumerate().map(verdict).collect();
    let mut judged = Judged {
        keys: lost.iter().flat_map(keys).collect::<BTreeSet<_>>().len(),
        ..Judged::default()
    };
    for (unit, verdict) in lost.iter().zip(&verdicts) {
        judged.counts.commands += unit.count;
        judged.counts.safe += if verdict.is_none() { unit.count } else { 0 };
        if *verdict == Some(Conflict::Replayed) {
            judged.counts.replayed += unit.count;
        }
    }
    judged.verdicts = verdicts;
    judged
}

#[test]
fn what_was_replayed_is_known_again_and_is_no_write_of_a_client() {
    let lost = tail(&[
        &["SET", "a", "1"],
        &["INCR", "n"],
        &["INCR", "n"],
        &["SET", "c", "1"],
    ]);
    let name = |n: usize| mark(&units(&lost)[n]);
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
    assert_eq!(verdicts(&lost, &since), [done, done, None, None]);
    // A write of a client afterwards is one, and so is a replay of something else.
    let mut more = replay.to_vec();
    more.push(&["SET", "n", "9"]);
    let written = Some(Conflict::Written);
    assert_eq!(verdicts(&lost, &tail(&more)), [done, done, written, None]);
    let stranger = format!("{message} 0123456789abcdef");
    let publish = ["PUBLISH", CHANNEL, &stranger];
    let since = tail(&[&["MULTI"], &["SET", "a", "1"], &publish, &["EXEC"]]);
    assert_eq!(verdicts(&lost, &since), [written, None, None, None]);
    let counts = judge(&lost, Some(&tail(&more))).unwrap().counts;
    assert_eq!(
        (counts.safe, counts.replayed, counts.conflicts()),
        (1, 2, 1)
    );
    // A message outside of a transaction says nothing.
    let message = name(0);
    let alone = tail(&[&["PUBLISH", CHANNEL, &message], &["SET", "a", "2"]]);
    assert_eq!(verdicts(&lost, &alone)[0], written);
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
    let lost = units(&tail(&commands));
    let parts = in_groups(&lost);
    let of_hot: Vec<&Part> = parts
        .iter()
        .filter(|p| p.keys(&lost).contains(b"hot".as_slice()))
        .collect();
    assert_eq!(of_hot.len(), 1, "one key is not taken apart");
    assert!(of_hot[0].units.is_sorted());
    let all: usize = parts.iter().map(|p| p.units.len()).sum();
    assert_eq!(all, lost.len());
    assert_eq!(parts.last().unwrap().db, 3);
    assert!(parts.len() >= 4, "{}", parts.len());
    let ordered = in_order(&lost).into_iter().flat_map(|p| p.units);
    let ordered: Vec<usize> = ordered.collect();
    assert!(ordered.is_sorted() && ordered.len() == lost.len());
    assert!(in_groups(&[]).is_empty());
    // A smaller portion keeps them together, too.
    let pieces = smaller(&lost, of_hot[0]);
    let with_hot = pieces
        .iter()
        .filter(|p| p.keys(&lost).contains(b"hot".as_slice()));
    assert_eq!(with_hot.count(), 1);
}

#[test]
fn what_clients_write_during_a_replay_is_left_out_with_what_is_tied_to_it() {
    let lost = units(&tail(&[
        &["SET", "a", "1"],
        &["MULTI"],
        &["SET", "b", "1"],
        &["SET", "c", "1"],
        &["EXEC"],
        &["SET", "c", "2"],
        &["SET", "d", "1"],
    ]));
    let part = Part {
        db: 0,
        units: (0..lost.len()).collect(),
    };
    let mut meanwhile = Meanwhile::default();
    assert_eq!(meanwhile.leaves(&lost, &part), [0, 1, 2, 3]);
    let client = |command: &[&str]| units(&tail(&[command])).remove(0);
    meanwhile.push(&client(&["SET", "other", "1"]));
    meanwhile.push(&client(&["PUBLISH", "x", "y"]));
    assert_eq!(meanwhile.leaves(&lost, &part), [0, 1, 2, 3]);
    meanwhile.push(&client(&["SET", "b", "9"]));
    assert_eq!(meanwhile.leaves(&lost, &part), [0, 3]);
    meanwhile.push(&client(&["FLUSHDB"]));
    assert!(meanwhile.leaves(&lost, &part).is_empty());
}

#[test]
fn a_stream_is_read_alike_in_pieces_of_any_size() {
    let value = "v".repeat(200_000);
    let mut commands: Vec<Vec<&str>> = vec![vec!["SET", "big", &value]];
    commands.extend((0..20_000).map(|_| vec!["INCR", "n"]));
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    let bytes = wire(&commands);
    let whole = decode(&bytes, Some(0)).unwrap();
    assert_eq!((whole.units, whole.commands), (20_001, 20_001));
    let first = units(&whole).remove(0);
    assert_eq!(first.commands().next().unwrap()[2], value.as_bytes());
    for cut in [1, 100, 65_535, 65_536, 65_537, 199_999, bytes.len() - 1] {
        assert!(decode(&bytes[..cut], Some(0)).is_err(), "{cut}");
    }
}
