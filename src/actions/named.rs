//! Node names in the lines of a plan: a few names are all listed; of many, the first names and the
//! number of the others. Pure.

use crate::topology::NodeName;

/// Up to this number, all names are listed.
const MOST: usize = 5;
/// Of more names, this number is listed.
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
