//! What all cases came to, a row for each family and pair.

use crate::races::case::Report;
use crate::races::judge::Kind;
use std::collections::BTreeMap;
use std::fmt::Write as _;

#[derive(Default)]
struct Row {
    cases: usize,
    acknowledged: usize,
    lost: usize,
    primaries: usize,
    sentences: usize,
    other: usize,
    through: BTreeMap<&'static str, usize>,
}

impl Row {
    fn take(&mut self, report: &Report) {
        let judged = &report.judged;
        let count = |kind: Kind| judged.violations.iter().filter(|v| v.kind == kind).count();
        self.cases += 1;
        self.acknowledged += judged.acknowledged;
        self.lost += judged.lost;
        // A case has one row in this column, however often it happened in it.
        self.primaries += count(Kind::Primaries).min(1);
        self.sentences += count(Kind::Sentence);
        self.other += count(Kind::Other) + usize::from(report.broken.is_some());
        *self.through.entry(judged.through).or_default() += 1;
    }

    fn text(&self, family: &str, title: &str) -> String {
        let through: Vec<String> = self
            .through
            .iter()
            .filter(|(who, _)| !who.is_empty())
            .map(|(who, n)| format!("{who} {n}"))
            .collect();
        format!(
            "{family:<11} {title:<29} {:>5} {:>8} {:>6} {:>5} {:>5} {:>5}  {}\n",
            self.cases,
            self.acknowledged,
            self.lost,
            self.primaries,
            self.sentences,
            self.other,
            through.join(", ")
        )
    }
}

/// The table.
pub fn table(seed: u64, reports: &[Report]) -> String {
    let mut rows: BTreeMap<(&str, &str), Row> = BTreeMap::new();
    let mut pairs: BTreeMap<&str, Row> = BTreeMap::new();
    let mut families: BTreeMap<&str, Row> = BTreeMap::new();
    let (mut two, mut person) = (Row::default(), Row::default());
    for report in reports {
        let key = (report.family.as_str(), report.title.as_str());
        rows.entry(key).or_default().take(report);
        pairs.entry(key.1).or_default().take(report);
        families.entry(key.0).or_default().take(report);
        if report.title.ends_with("a person") {
            person.take(report);
        } else {
            two.take(report);
        }
    }
    let mut text = format!(
        "races: seed {seed}, {} cases, {} with a violation; beside a person only what replctl itself did counts\n",
        reports.len(),
        reports.iter().filter(|r| r.is_wrong()).count(),
    );
    let _ = writeln!(
        text,
        "{:<11} {:<29} {:>5} {:>8} {:>6} {:>5} {:>5} {:>5}  who went through",
        "family", "pair", "cases", "acked", "lost", "prim.", "false", "other"
    );
    for ((family, title), row) in &rows {
        text += &row.text(family, title);
    }
    for (title, row) in &pairs {
        text += &row.text("all", title);
    }
    for (family, row) in &families {
        text += &row.text(family, "all");
    }
    text += &two.text("all", "two operators");
    text += &person.text("all", "an operator and a person");
    text + "prim.: cases that ended without exactly one primary, or had a second one made by replctl; false: sentences; other: data that differs, fences left, nobody through, broken off"
}
