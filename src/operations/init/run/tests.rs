//! What the arguments of `init` come to.

use super::*;

#[test]
fn nodes_as_they_are_typed() {
    assert_eq!(
        node("master=192.168.0.120"),
        Ok((
            Some("master".to_owned()),
            Address::new("192.168.0.120", 6379)
        ))
    );
    assert_eq!(node("db1:7000"), Ok((None, Address::new("db1", 7000))));
    assert_eq!(
        node(" a = [::1]:7000 "),
        Ok((Some("a".to_owned()), Address::new("::1", 7000)))
    );
    assert_eq!(
        node("a=b=c"),
        Err("has an address that is no host name and no IP address".to_owned())
    );
    assert_eq!(node("=db1"), Err("has a name that is none: `` (letters, digits, `.`, `_` and `-`; a letter or digit first)".to_owned()));
    assert_eq!(
        node("192.168.0.300"),
        Err("has an address that is no IPv4 address".to_owned())
    );
}

#[test]
fn names_are_made_up_past_those_given() {
    let given = |names: &[Option<&str>]| {
        names
            .iter()
            .map(|name| (name.map(str::to_owned), Address::new("x", 1)))
            .collect()
    };
    let names =
        |nodes: Vec<(String, Address)>| nodes.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(
        names(named(given(&[None, None, None]))),
        ["node1", "node2", "node3"]
    );
    assert_eq!(
        names(named(given(&[Some("master"), None, None]))),
        ["master", "node2", "node3"]
    );
    assert_eq!(
        names(named(given(&[None, Some("node1"), None, Some("node3")]))),
        ["node2", "node1", "node4", "node3"]
    );
}

#[test]
fn what_the_parser_refuses_is_told_without_a_place() {
    let answers = Answers {
        name: "x".to_owned(),
        nodes: vec![("a".to_owned(), Address::new("::1", 6379))],
        user: Some("-x".to_owned()),
        directory: "db".to_owned(),
        password: Password::None,
    };
    let error = text(&answers, NewLogin::None, Path::new("o.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: cannot write `o.toml`: `user` in `[ssh]` is no login name: `-x`\n\
         error: cannot write `o.toml`: `directory` in `[server]` must be absolute: `db`\n \
         hint: for example, `directory = \"/db/redis\"`"
    );
}
