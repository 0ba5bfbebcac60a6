//! `report`: what happened in one operation. It reads its journal and nothing else.

use super::report::{Report, render};
use crate::engine::journal::store::Store;
use crate::engine::new_file;
use crate::engine::operation_id::find;
use crate::error::{Exit, Result};
use crate::operations::command::Local;
use crate::world::inventory;
use crate::{cli, output};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::path::PathBuf;

/// Runs the command.
pub fn run(global: &cli::Global, args: &super::args::Report) -> Result<()> {
    let inventory = inventory::load(global)?;
    let journals = Store::existing(&inventory.name)?;
    let ids = journals.as_ref().map(Store::ids).unwrap_or_default();
    let id = find(&ids, &args.id, &inventory.name)?;
    let Some(journals) = journals else {
        return Ok(());
    };
    let story = journals.story(id);
    let holder = journals.holder();
    let open = journals.open_operations(holder.as_deref());
    let text = render(&Report {
        deployment: &inventory.name,
        story: &story,
        holder: holder.as_deref(),
        open: open.iter().any(|story| story.id == *id),
        zone: TimeZone::system(),
    });
    let mut told = ReportOutput {
        id,
        markdown: None,
        file: None,
    };
    let Some(file) = &args.output else {
        told.markdown = Some(text.trim_end());
        output::print(&told, || text.trim_end().to_owned());
        return Ok(());
    };
    let bytes = new_file::write(file, std::iter::once(Ok(text.into_bytes())))?;
    output::note(&format!("wrote {} ({bytes} bytes)", file.display()));
    told.file = Some(file);
    output::print_where(&told, || None);
    Ok(())
}

/// The report, or the file that it was written to.
#[derive(Serialize)]
struct ReportOutput<'a> {
    /// The operation's id in the journal.
    id: &'a str,
    markdown: Option<&'a str>,
    file: Option<&'a PathBuf>,
}

impl Local for super::args::Report {
    fn run(&self, global: &crate::cli::Global) -> Result<Exit> {
        run(global, self).map(|()| Exit::Done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::engine::operation_id::find;

    #[test]
    fn as_much_of_an_id_as_no_other_has_is_enough() {
        let ids = [
            "20251103T1-setup",
            "20251102T1-promote-a",
            "20251102T1-promote-ab",
        ]
        .map(str::to_owned);
        let found = |wanted| find(&ids, wanted, "orders").map_err(|e| e.to_string());
        assert_eq!(found("last").unwrap(), ids[0]);
        assert_eq!(found("20251103").unwrap(), ids[0]);
        assert_eq!(
            found("20251102T1-promote-a").unwrap(),
            ids[1],
            "a whole one"
        );
        assert!(
            found("20251102")
                .unwrap_err()
                .contains("2 operations begin")
        );
        assert!(found("x").unwrap_err().contains("hint: replctl history"));
        assert!(find(&[], "last", "orders").is_err());
    }
}
