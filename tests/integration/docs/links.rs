//! Links between documents: files and anchors. Nothing outside the repository is asked.

use crate::docs::markdown::Page;
use crate::support::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Links that lead nowhere.
pub fn broken(pages: &BTreeMap<String, Page>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut followed = 0;
    for (name, page) in pages {
        for link in page.links() {
            followed += 1;
            wrong.extend(
                trouble_with(pages, name, &link).map(|why| format!("{name}: {link}: {why}")),
            );
        }
    }
    assert!(followed > 100, "only {followed} links were found");
    wrong
}

fn trouble_with(pages: &BTreeMap<String, Page>, from: &str, link: &str) -> Option<String> {
    if link.contains("://") {
        return (!link.starts_with("https://")).then(|| "it is no https".to_owned());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let to = if file.is_empty() {
        from.to_owned()
    } else {
        target(from, file)
    };
    if !repository().join(&to).exists() {
        return Some(format!("{to} is not there"));
    }
    if anchor.is_empty() {
        return None;
    }
    let Some(page) = pages.get(&to) else {
        return Some(format!("{to} has no anchors"));
    };
    let known = page.anchors().iter().any(|a| a == anchor);
    (!known).then(|| format!("{to} has no heading of that name"))
}

/// Where a relative link leads, as a path in the repository.
fn target(from: &str, link: &str) -> String {
    let mut path: PathBuf = Path::new(from).parent().unwrap().to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                assert!(path.pop(), "{from}: {link} leads out of the repository");
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {
                panic!("{from}: {link}")
            }
        }
    }
    path.to_str().unwrap().to_owned()
}

/// Pages of docs/ to which none of the doors leads, over whatever other pages.
pub fn unlinked(pages: &BTreeMap<String, Page>, doors: &[&str]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = doors.iter().map(|d| (*d).to_owned()).collect();
    while let Some(name) = open.pop() {
        let Some(page) = pages.get(&name) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            continue;
        }
        let inside = page
            .links()
            .into_iter()
            .filter(|l| !l.contains("://") && !l.starts_with('#'));
        open.extend(inside.map(|l| target(&name, l.split('#').next().unwrap())));
    }
    pages
        .keys()
        .filter(|name| name.starts_with("docs/") && !seen.contains(*name))
        .cloned()
        .collect()
}

#[test]
fn what_leads_nowhere_is_found() {
    let page = |text| Page::parse(text);
    let pages: BTreeMap<String, Page> = [
        (
            "README.md".to_owned(),
            page("# A\n[x](docs/setup.md#nowhere) [y](docs/none.md) [z](#a) [w](#b) [v](http://x)"),
        ),
        (
            "docs/setup.md".to_owned(),
            page("# Setup\n[x](../README.md#a)"),
        ),
        ("docs/promote.md".to_owned(), page("# Promote")),
    ]
    .into();
    let links = pages["README.md"].links();
    let found: Vec<bool> = links
        .iter()
        .map(|l| trouble_with(&pages, "README.md", l).is_some())
        .collect();
    assert_eq!(found, [true, true, false, true, true]);
    assert_eq!(unlinked(&pages, &["README.md"]), ["docs/promote.md"]);
}
