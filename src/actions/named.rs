//! Names of nodes in the lines of a plan: all of a few, and of many the first and how many others
//! there are. Pure.

use crate::topology::NodeName;

/// So many are all named.
const MOST: usize = 5;
/// So many are named of more.
const SOME: usize = 2;

/// `a, b, c`; `a, b, … and 47 more`.
pub fn list(names: &[NodeName]) -> String {
    texts(names.iter().map(|name| name.0.as_str()))
}

/// The same of texts.
pub fn texts<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.collect();
    if all.len() <= MOST {
        return all.join(", ");
    }
    let others = all.len() - SOME;
    format!("{}, … and {others} more", all[..SOME].join(", "))
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn many_names_are_named_in_part() {
        let names = |n: usize| (1..=n).map(|n| format!("slave{n}").as_str().into());
        let told = |n: usize| list(&names(n).collect::<Vec<_>>());
        assert_eq!(told(0), "");
        assert_eq!(told(3), "slave1, slave2, slave3");
        assert_eq!(told(5), "slave1, slave2, slave3, slave4, slave5");
        assert_eq!(told(49), "slave1, slave2, … and 47 more");
    }
}
