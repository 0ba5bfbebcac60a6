//! The order of journals, and what has to be read, from names and first lines alone.

use super::*;

/// One with its first line: the second it was written in, and its sequence.
fn one(id: &str, second: i64, sequence: Option<u64>, overtakes: &[&str]) -> Listed {
    let time = Timestamp::from_second(second).unwrap();
    let line = serde_json::json!({
        "time": time, "event": "planned", "format": 1, "sequence": sequence, "overtakes": overtakes,
    });
    Listed {
        id: id.to_owned(),
        path: PathBuf::new(),
        head: reader::head(line.to_string().as_bytes()),
    }
}

fn unread(id: &str) -> Listed {
    Listed {
        id: id.to_owned(),
        path: PathBuf::new(),
        head: None,
    }
}

/// The order, and in square brackets what has to be read. It is second 1000.
fn told(all: &[Listed]) -> String {
    let ordered = newest_first(all.to_vec());
    let read = candidates(&ordered, Timestamp::from_second(1000).unwrap());
    let read: Vec<&str> = read.iter().map(|one| one.id.as_str()).collect();
    let ids = ordered.iter().map(|one| {
        let id = &one.id;
        if read.contains(&id.as_str()) {
            format!("[{id}]")
        } else {
            id.clone()
        }
    });
    ids.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_sequence_is_the_order_whatever_the_clock_says() {
    let all = [
        one("a", 100, Some(1), &[]),
        one("b", 4_000_000_000, Some(2), &[]),
        one("c", 50, Some(3), &[]),
    ];
    assert_eq!(told(&all), "[c] b a");
    assert_eq!(next(&all), 4);
    assert_eq!(next(&[]), 1);
}

#[test]
fn one_without_a_sequence_is_ordered_by_the_time_in_it() {
    let all = [
        one("x", 300, None, &[]),
        one("y", 100, None, &[]),
        one("z", 200, None, &[]),
    ];
    assert_eq!(told(&all), "[x] z y");
    // Dated in the future it hides none.
    let future = one("f", 2000, None, &[]);
    assert_eq!(told(&[&all[..], &[future]].concat()), "[f] [x] z y");
}

#[test]
fn each_kind_is_read_until_the_other_says_that_it_left_it_behind() {
    let first = [one("x", 300, None, &[]), one("y", 100, None, &[])];
    let next = one("a", 400, Some(1), &["x"]);
    assert_eq!(told(&[&first[..], &[next]].concat()), "[a] x y");
    // An older replctl at work beside this one names nothing.
    let beside = one("z", 500, None, &[]);
    let ours = one("a", 400, Some(1), &[]);
    assert_eq!(told(&[ours, beside]), "[z] [a]");
}

#[test]
fn what_cannot_be_read_has_the_time_of_its_name_or_none() {
    let dated = unread("19700101T000500.000Z-promote-a");
    let undated = unread("notes");
    let all = [one("x", 200, None, &[]), dated.clone(), undated.clone()];
    assert_eq!(told(&all), "[19700101T000500.000Z-promote-a] x [notes]");
    let later = one("a", 400, Some(1), &[&dated.id, "notes"]);
    assert_eq!(
        told(&[dated, undated, later]),
        "[a] 19700101T000500.000Z-promote-a notes"
    );
}

#[test]
fn another_format_is_not_taken_for_this_one() {
    let line = r#"{"time":"1970-01-01T00:01:40Z","event":"planned","format":2,"sequence":9,"overtakes":["a"]}"#;
    let newer = Listed {
        id: "n".to_owned(),
        path: PathBuf::new(),
        head: reader::head(line.as_bytes()),
    };
    let all = [one("a", 50, Some(1), &[]), newer];
    assert_eq!(told(&all), "[n] [a]");
    // No two have one number.
    assert_eq!(next(&all), 10);
}
