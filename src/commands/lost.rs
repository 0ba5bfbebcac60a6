//! `lost`: the commands that only an old primary has. It changes nothing.

use super::new_file;
use crate::cli;
use crate::error::{Exit, Problem, Result};
use crate::output::{self, lost};
use crate::rescue::replay::replayable;
use crate::rescue::split::{Conflict, Since, split};
use crate::topology::candidate::primaries;
use crate::topology::{Node, NodeName, State, Topology};
use crate::world::World;
use crate::world::lost::Found;
use std::path::{Path, PathBuf};

/// Runs the command.
pub async fn run(world: &World, args: &cli::Lost) -> Result<Exit> {
    let name: NodeName = args.node.as_str().into();
    let than: Option<NodeName> = args.than.as_deref().map(Into::into);
    super::setup::known(world, std::iter::once(&name).chain(&than))?;
    let topology = world.observe_servers().await;
    let old = answering(&topology, &name)?;
    let new = other(&topology, old, than.as_ref())?;
    let Some(found) = world.lost(old, new).await? else {
        output::result(&if args.json {
            output::json::document(&serde_json::json!({
                "node": name, "than": new.name, "commands": 0, "safe": 0, "keys": 0, "pings": 0, "list": [],
            }))
        } else {
            format!("Nothing is lost: `{}` has all that `{name}` has.", new.name)
        });
        return Ok(Exit::Done);
    };
    let since = found.since.as_ref().map_or(Since::Unknown, Since::Known);
    let verdicts = split(&found.lost, &since);
    if let Some(file) = &args.output {
        write(file, &found, &verdicts)?;
    }
    let report = lost::report(&name, &new.name, &found, &verdicts);
    output::result(&if args.json {
        output::json::document(&report)
    } else {
        lost::text(&report)
    });
    Ok(Exit::Done)
}

/// The node, which must answer and follow nobody who could take its data from it.
fn answering<'a>(topology: &'a Topology, name: &NodeName) -> Result<&'a Node> {
    let node = topology.get(name);
    match node.map(|n| &n.state) {
        Some(State::Down(trouble)) => Err(Problem::new(format!("`{name}` cannot be asked"))
            .cause(output::escape(&trouble.detail))
            .hint("what it has in its memory alone is lost with its process; see: replctl status")
            .exit(Exit::Failed)),
        Some(State::Up(_)) | None => node.ok_or_else(|| {
            Problem::new(format!("the inventory has no node `{name}`")).exit(Exit::Usage)
        }),
    }
}

/// Whom it is compared with: the one named, or the only other primary.
fn other<'a>(topology: &'a Topology, old: &Node, than: Option<&NodeName>) -> Result<&'a Node> {
    if let Some(than) = than {
        return answering(topology, than);
    }
    let others: Vec<&Node> = primaries(topology)
        .into_iter()
        .filter(|n| n.name != old.name)
        .collect();
    match others[..] {
        [one] => Ok(one),
        [] if old.is_primary() => Err(Problem::new(format!(
            "`{}` is the only primary: there is none that lacks its writes",
            old.name
        ))
        .hint(format!(
            "compare it with a replica: replctl lost {} --than NODE",
            old.name
        ))
        .exit(Exit::Refused)),
        [] => Err(Problem::new("there is no primary to compare it with")
            .hint("replctl status")
            .exit(Exit::Refused)),
        _ => Err(Problem::new(format!(
            "there are {} other primaries, and which of them is meant has to be said",
            others.len()
        ))
        .hint(format!(
            "replctl lost {} --than {}",
            old.name, others[0].name
        ))
        .exit(Exit::Refused)),
    }
}

/// Writes both parts, each into a new file that nobody else can read.
fn write(file: &Path, found: &Found, verdicts: &[Option<Conflict>]) -> Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".conflicts");
    let conflicts = PathBuf::from(name);
    let safe = |n: usize| verdicts.get(n).is_some_and(Option::is_none);
    for (path, bytes) in [
        (file, replayable(&found.lost, safe)),
        (&conflicts, replayable(&found.lost, |n| !safe(n))),
    ] {
        new_file::write(path, &bytes)?;
        output::note(&format!("wrote {} ({} bytes)", path.display(), bytes.len()));
    }
    let homeless = found.lost.units.iter().filter(|u| u.db.is_none()).count();
    if homeless > 0 {
        output::note(&format!(
            "warning: {homeless} whose database cannot be known are in neither file; --json has them"
        ));
    }
    Ok(())
}
