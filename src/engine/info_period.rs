//! The periods that an interrupted operation has left at Sentinels. `status` shows them. They are
//! put back when the operation is abandoned.

use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::execute::Act;
use crate::engine::journal::At;
use crate::engine::journal::story::Story;
use crate::error::Problem;
use crate::output;
use crate::plan::info_period::left;
use crate::topology::NodeName;
use crate::topology::sentinel::Watch;
use crate::world::World;
use std::collections::BTreeMap;

/// The action that puts back what the operation may have left at Sentinels; `None` if its journal
/// cannot be read.
pub fn of(story: &Story) -> Option<(NodeName, SentinelAction)> {
    let plan = story.plan.as_ref().filter(|_| story.damage.is_none())?;
    let began = |stage, step| story.progress.started.contains(&At { stage, step });
    let (node, back) = left(plan, &began)?;
    Some((node.clone(), back.clone()))
}

/// Adds the notes of unfinished operations to what Sentinels say.
pub fn note(world: &World, watch: &mut Watch) {
    let mut noted = BTreeMap::new();
    for story in world.store.open_operations(None) {
        if let Some((_, SentinelAction::RestoreInfoPeriod { sentinels, .. })) = of(&story) {
            noted.extend(sentinels.into_iter().map(|s| (s.at, s.ms)));
        }
    }
    watch.note_periods(&noted);
}

/// Puts it back, and reports what was seen. If that fails, the report has the command that does it.
pub async fn put_back(world: &World, id: &str, (node, back): (NodeName, SentinelAction)) {
    match world.act(&node, &Action::Sentinel(back)).await {
        Ok(seen) => {
            output::changed();
            output::note(&format!(
                "{}: what it had set at Sentinels: {}",
                output::escape(id),
                output::escape(&seen.text)
            ));
        }
        Err(failure) => {
            let what = format!(
                "it is not certain that what `{}` has set at Sentinels was put back",
                output::escape(id)
            );
            output::perhaps_changed();
            output::not_to_be_missed(&Problem::new(what).cause(output::escape(&failure.why)));
        }
    }
}

/// The same for all unfinished operations, if they are abandoned. It runs before the look that
/// counts, because the plan depends on the Sentinels' period.
pub async fn put_all_back(world: &World, abandoned: bool) {
    if !abandoned {
        return;
    }
    for story in world.store.open_operations(None) {
        if let Some(back) = of(&story) {
            put_back(world, &story.id, back).await;
        }
    }
}
