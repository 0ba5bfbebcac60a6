//! How a process was started, by its own data. Pure.

use super::Arguments;
use super::answer::SeenProcess;
use super::command::{self, is_server};

/// Whether the process behind the port is a server of the family.
pub(super) fn serves(process: &SeenProcess) -> bool {
    let named = words(process).iter().take(4).any(|word| {
        let first = word.split(' ').next().unwrap_or(word);
        is_server(first)
    });
    named || process.exe.as_deref().is_some_and(is_server)
}

/// The words of its command line as they are now.
pub(super) fn words(process: &SeenProcess) -> Vec<String> {
    let text = String::from_utf8_lossy(&process.cmdline);
    let text = text.trim_end_matches('\0');
    text.split('\0').map(str::to_owned).collect()
}

/// The start arguments of a process. A server writes a title over its arguments, and their space
/// stays: `redis-server *:6379`, and NULs up to the former length.
pub(super) fn of_process(process: &SeenProcess, file: Option<&str>) -> Arguments {
    let words = words(process);
    let Some((before, program)) = title(&words) else {
        return match command::of(&words) {
            Some(command) => Arguments::Shown(command.arguments),
            None => Arguments::Unknown("its command line cannot be read".to_owned()),
        };
    };
    let length = process.cmdline.len() as u64;
    let all = process.argument_bytes.unwrap_or(length);
    let bytes = all.saturating_sub(before as u64);
    let typed: Vec<&str> = file.map_or_else(Vec::new, spellings);
    let took = |program: &str, file: Option<&str>| {
        (program.len() + 1 + file.map_or(0, |f| f.len() + 1)) as u64
    };
    // A title begins with the program as it was typed (measured on all families).
    let alone = match file {
        Some(_) => typed.iter().any(|f| took(program, Some(f)) == bytes),
        None => took(program, None) == bytes,
    };
    if alone {
        return Arguments::Shown(Vec::new());
    }
    let least = took(program, typed.last().copied());
    Arguments::Hidden(bytes.saturating_sub(least))
}

/// The program in a title, and the length in bytes of the words before the title: a loader and its
/// arguments.
fn title(words: &[String]) -> Option<(usize, &str)> {
    let (last, before) = words.split_last()?;
    let (program, _) = last.split_once(' ')?;
    let bytes = before.iter().map(|word| word.len() + 1).sum();
    is_server(program).then_some((bytes, program))
}

/// The possible spellings of a path on a command line: whole, or relative to a folder above it.
fn spellings(path: &str) -> Vec<&str> {
    let tails = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
    std::iter::once(path)
        .chain(tails.filter(|t| !t.is_empty()))
        .collect()
}
