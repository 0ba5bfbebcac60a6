//! The post-mortem of one operation, as Markdown: what it was, what was sent and heard, how long
//! writes stood still, the deployment before and after, what was proved and what was left. It reads
//! the journal alone. What an old journal does not have is called not recorded.

mod hooks;
mod markdown;
mod sections;

use crate::engine::journal::Moment;
use crate::engine::journal::story::{Stand, Story};
use crate::output::outcome::outcome;
use crate::output::plan::text as plan_text;
use crate::output::screen::duration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use markdown::{block, code, table, text};
use std::fmt::Write as _;

/// What a report is made of.
#[derive(Debug)]
pub struct Report<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// The operation.
    pub story: &'a Story,
    /// Whoever holds the lock now.
    pub holder: Option<&'a str>,
    /// Whether it is unfinished.
    pub open: bool,
    /// Where the reader is.
    pub zone: TimeZone,
}

/// The text where a journal has nothing.
const NOT_RECORDED: &str = "Not recorded.";

/// The whole text, a newline at its end.
pub fn render(report: &Report<'_>) -> String {
    let story = report.story;
    let mut out = format!("# {}: {}\n\n", text(report.deployment), text(&story.line()));
    out.push_str(&facts(report));
    out.push_str(&unfinished(report));
    section(&mut out, "The plan as it was shown", &plan(story));
    section(&mut out, "What was done", &sections::steps(report));
    let hooks = hooks::hooks(story);
    if !hooks.is_empty() {
        section(&mut out, "Output of the hooks", &hooks);
    }
    section(&mut out, "Writes", &sections::writes(story));
    for (moment, title) in [
        (Moment::Before, "The deployment before"),
        (Moment::After, "The deployment after"),
    ] {
        section(&mut out, title, &sections::topology(story, moment));
    }
    section(&mut out, "What was proved", &sections::proof(story));
    section(&mut out, "What was left", &sections::left(report));
    out
}

fn section(out: &mut String, title: &str, content: &str) {
    let _ = write!(out, "\n## {title}\n\n{}\n", content.trim_end());
}

fn facts(report: &Report<'_>) -> String {
    let story = report.story;
    let told = |what: Option<String>| what.unwrap_or_else(|| NOT_RECORDED.to_owned());
    let mut rows = vec![
        vec!["Operation".to_owned(), code(&story.id)],
        vec!["Outcome".to_owned(), text(&outcome(story, stand(report)))],
        vec![
            "Began".to_owned(),
            told(story.begun.map(|time| local(report, time))),
        ],
        vec![
            "Took".to_owned(),
            told(
                story
                    .runs
                    .last()
                    .map(|_| duration(story.took().as_secs_f64() * 1e3)),
            ),
        ],
    ];
    for (number, run) in story.runs.iter().enumerate() {
        let label = if number == 0 {
            "Run by".to_owned()
        } else {
            format!("Taken up at {} by", local(report, run.begun))
        };
        rows.push(vec![label, text(&run.who)]);
    }
    table(&["", ""], &rows)
}

/// The time on the reader's clock, and how far that is from UTC.
fn local(report: &Report<'_>, time: Timestamp) -> String {
    let zoned = time.to_zoned(report.zone.clone());
    zoned.strftime("%Y-%m-%d %H:%M:%S%.3f %:z").to_string()
}

fn stand(report: &Report<'_>) -> Stand {
    report.story.stand(report.holder)
}

fn unfinished(report: &Report<'_>) -> String {
    let id = &report.story.id;
    if stand(report) == Stand::Running {
        return "\n**It is running.** This is what it has done so far.\n".to_owned();
    }
    if let Some(why) = &report.story.damage {
        let mut out = format!(
            "\n**What it did is not known**, because its journal cannot be read: {}. Below is what can be read of it.\n",
            text(why)
        );
        if report.open {
            let _ = writeln!(
                out,
                "It stands against every change. Look at the nodes by {}; to leave it as it is: {}.",
                code("replctl status"),
                code(&format!("replctl abandon {id}"))
            );
        }
        return out;
    }
    if !report.story.is_open(report.holder) {
        return String::new();
    }
    if report.open {
        return format!(
            "\n**It is unfinished.** Go on with it by {}, or put back what can be put back by {}.\n",
            code(&format!("replctl resume {id}")),
            code(&format!("replctl rollback {id}"))
        );
    }
    format!(
        "\n**It was never finished**: other operations came after it, or it was left as it was by {}. What is now is shown by {}.\n",
        code("replctl abandon"),
        code("replctl status")
    )
}

fn plan(story: &Story) -> String {
    let plan = story.plan.as_ref();
    plan.map_or_else(|| NOT_RECORDED.to_owned(), |plan| block(&plan_text(plan)))
}
