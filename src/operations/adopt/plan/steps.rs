//! The steps that adopt one node. Pure.

use super::settings::{self, Settings};
use super::{AdoptInput, Found, Subject};
use crate::actions::Action;
use crate::actions::former::{DataCopy, Former, FormerAction, Link};
use crate::actions::host::{HostAction, Launch};
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::config::server::{Rendered, render};
use crate::engine::{Ground, Refusal, Step, Undo};
use crate::inventory::NodeSpec;
use crate::inventory::edit::{self, Edit};
use crate::plan::facts::HostFacts;
use crate::plan::follow::IN_SYNC_MS;
use crate::plan::hand_over::{FENCE_MS, lacks_pause_write};
use crate::plan::hosts::{Host, HostLook, apart, supervision};
use crate::topology::{Address, NodeName, Server};
use std::fmt::Write as _;
use std::path::Path;

/// How long a server may take to answer, ms. It answers while it loads its data, so this covers
/// only its start.
const ANSWER_MS: u64 = 30_000;

/// How long a server may load its data without progress, ms.
const LOADS_MS: u64 = 60_000;

/// How long a server may take to save and end, ms. In addition, the time for its data at 20 MB/s,
/// which a slow disk writes.
const END_MS: u64 = 60_000;
const BYTES_EACH_MS: u64 = 20_000;

/// More replicas than any server has. A server that requires so many refuses writes.
const NOBODY_HAS: u64 = 1_000;

/// The settings that say which files hold its data.
const OF_DATA: [&str; 5] = [
    "dir",
    "dbfilename",
    "appendonly",
    "appenddirname",
    "appendfilename",
];

/// The adoption of one node, with everything that its steps depend on.
pub(super) struct Adoption<'a> {
    /// The facts, with the inventory after the adoption.
    pub look: &'a HostLook<'a>,
    pub spec: &'a NodeSpec,
    pub server: &'a Server,
    pub facts: &'a HostFacts,
    pub found: &'a Found,
    /// The node that it follows at that point, and its address; `None`: it follows none.
    pub follows: Option<&'a (NodeName, Address)>,
    pub former: Former,
    /// The links that start its unit at boot.
    pub links: &'a [Link],
    /// Its server writes its file: that does not have its role, or its arguments are hidden.
    pub rewrites: bool,
    pub edit: &'a Edit,
}

/// The edit of the inventory, and the settings in it.
pub(super) fn edit(
    around: &AdoptInput<'_>,
    subject: Subject<'_>,
    (facts, found): (&HostFacts, &Found),
    text: &str,
) -> Result<(Edit, Settings), Vec<Refusal>> {
    let name = &subject.spec.name;
    let path = &around.inventory.path;
    let refused = |why: &str| vec![unwritable(name, path, why)];
    let file = path
        .to_str()
        .ok_or_else(|| refused("its name is not UTF-8"))?;
    let kept = kept(around, subject, facts, found);
    let edit = edit::adopt(file, text, name, &kept.kept).map_err(|why| refused(&why))?;
    Ok((edit, kept))
}

/// The settings that the node keeps.
pub(super) fn kept(
    around: &AdoptInput<'_>,
    subject: Subject<'_>,
    facts: &HostFacts,
    found: &Found,
) -> Settings {
    let (Ok(stated), Some(server)) = (&found.stated, subject.node.server()) else {
        return Settings::default();
    };
    let rendered = render(around.inventory, subject.spec, supervision(facts), None);
    let former = settings::Former {
        stated,
        live: &found.live,
        server,
    };
    settings::settings(&former, subject.spec, &rendered)
}

/// The refusal if the inventory cannot hold the node.
pub(super) fn unwritable(node: &NodeName, path: &Path, why: &str) -> Refusal {
    Refusal::new(
        Ground::Inventory,
        format!("{} cannot be changed for `{node}`: {why}", path.display()),
        "change it there by hand, and run this again",
    )
}

impl Adoption<'_> {
    /// All steps in their order.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = self.prepare();
        // If a later step fails, the former server comes back with this role and these settings.
        if self.rewrites {
            steps.push(self.asked(ServerAction::PersistRole));
        }
        steps.push(self.as_planned());
        steps.extend(self.hold());
        steps.extend(self.in_sync());
        steps.extend(self.stop());
        steps.push(self.copy());
        steps.extend(self.exchange());
        steps.push(self.compare());
        steps.extend(self.settings());
        steps.extend(self.release());
        steps.push(self.written());
        if self.follows.is_none() {
            steps.extend(self.open());
        }
        steps
    }

    fn step(&self, action: Action, undo: Undo) -> Step {
        Step::new(&self.spec.name, action, undo)
    }

    fn former(&self, action: FormerAction, undo: Undo) -> Step {
        self.step(Action::Host(HostAction::Former(action)), undo)
    }

    fn asked(&self, action: ServerAction) -> Step {
        self.step(Action::Server(action), Undo::Nothing)
    }

    /// Its new configuration file.
    pub fn rendered(&self) -> Rendered {
        let upstream = self.follows.map(|(_, address)| address);
        let how = supervision(self.facts);
        render(self.look.inventory, self.spec, how, upstream)
    }

    /// The steps that do not touch the running server.
    fn prepare(&self) -> Vec<Step> {
        let mut host = Host::new(self.look, self.spec, self.facts);
        host.program();
        let mut text = self.rendered().text;
        if self.follows.is_none() {
            let _ = write!(
                text,
                "\n# it refuses writes until it was seen to have its data\nmin-replicas-to-write {NOBODY_HAS}\nmin-replicas-max-lag 10\n"
            );
        }
        host.first_config(text);
        host.certificates();
        let data = host.paths.data();
        let steps = std::mem::take(&mut host.steps);
        steps
            .into_iter()
            .flat_map(|step| apart(&data, step))
            .collect()
    }

    /// Waits until it has all writes of its upstream.
    fn in_sync(&self) -> Option<Step> {
        let (with, _) = self.follows?;
        Some(self.asked(ServerAction::AwaitInSync {
            with: with.clone(),
            within_ms: IN_SYNC_MS,
        }))
    }

    /// Keeps its former unit from starting it again meanwhile.
    fn hold(&self) -> Option<Step> {
        let unit = self.former.unit.as_ref()?;
        let release = FormerAction::Release { unit: unit.clone() };
        Some(self.former(FormerAction::Hold { unit: unit.clone() }, undo(release)))
    }

    /// Makes it save its data and end.
    fn stop(&self) -> [Step; 2] {
        let pauses = !lacks_pause_write(self.server);
        let bytes = self.server.used_memory.unwrap_or(0);
        let end = ServerAction::ShutDown {
            within_ms: END_MS.saturating_add(bytes / BYTES_EACH_MS),
            pause_ms: pauses.then_some(FENCE_MS),
            follows: self.follows.map(|(upstream, _)| upstream.clone()),
            // A replica is compared with its upstream instead.
            counts: self.follows.is_none(),
            runs_with: self.runs_with(),
        };
        let gone = FormerAction::SeeStopped(self.former.clone());
        [
            self.step(
                Action::Server(end),
                undo(FormerAction::Start(self.former.clone())),
            ),
            self.former(gone, Undo::Nothing),
        ]
    }

    /// The settings that it must still have when it ends: those that it is to have afterwards, and
    /// those that say which files are copied.
    fn runs_with(&self) -> Vec<(String, String)> {
        let expected = self.expected();
        let named = |name: &str| expected.iter().any(|(n, _)| n == name);
        let live = self.found.live.iter();
        let live = live.filter(|(name, _)| OF_DATA.contains(&name.as_str()) || named(name));
        live.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn data(&self) -> DataCopy {
        let live = |name: &str| self.found.live.get(name).cloned();
        let appends = live("appendonly").is_some_and(|v| v == "yes");
        let appended = live("appenddirname").or_else(|| live("appendfilename"));
        let paths = crate::config::Paths::of(self.look.inventory, self.spec);
        DataCopy {
            reader: self.former.user.clone(),
            from: self.former.folder.clone(),
            to: paths.data(),
            owner: Host::new(self.look, self.spec, self.facts).owner(),
            dump: (
                live("dbfilename").unwrap_or_else(|| "dump.rdb".to_owned()),
                paths.dump_name(),
            ),
            appended: appended.filter(|_| appends),
            bytes: self.found.data_bytes,
        }
    }

    fn copy(&self) -> Step {
        let copy = FormerAction::CopyData(self.data());
        // The undo removes the directory with everything in it. From here on, a boot of the host
        // may start the node's own server.
        self.former(copy, undo(self.stop_own()))
    }

    fn stop_own(&self) -> FormerAction {
        FormerAction::StopOwn {
            launch: Launch::new(self.look.inventory, self.spec),
            fenced: self.follows.is_none(),
        }
    }

    /// Disables what started it, and starts the new server. At no moment are both enabled at boot.
    fn exchange(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        // Without a link, too: the step also sees that nothing else starts the unit at boot.
        if let Some(unit) = self.former.unit.clone() {
            let links = self.links.to_vec();
            let enable = FormerAction::Enable {
                unit: unit.clone(),
                links: links.clone(),
            };
            steps.push(self.former(FormerAction::Disable { unit, links }, undo(enable)));
        }
        let mut host = Host::new(self.look, self.spec, self.facts);
        host.at_boot();
        steps.extend(std::mem::take(&mut host.steps));
        steps.push(self.former(FormerAction::SeeCopied(self.data()), Undo::Nothing));
        let launch = Launch::new(self.look.inventory, self.spec);
        let start = Action::Host(HostAction::StartServer(launch));
        steps.push(self.step(start, undo(self.stop_own())));
        steps.push(self.asked(ServerAction::AwaitAnswer {
            within_ms: ANSWER_MS,
        }));
        steps.push(self.asked(ServerAction::AwaitLoaded {
            within_ms: LOADS_MS,
        }));
        steps
    }

    /// Checks that it has all its keys. A replica is compared with its upstream.
    fn compare(&self) -> Step {
        match self.in_sync() {
            Some(in_sync) => in_sync,
            None => self.asked(ServerAction::CompareKeys),
        }
    }

    /// Releases the former unit, because nothing starts it any longer.
    fn release(&self) -> Option<Step> {
        let unit = self.former.unit.clone()?;
        Some(self.former(FormerAction::Release { unit }, Undo::Nothing))
    }

    fn expected(&self) -> Vec<(String, String)> {
        let former = settings::Former {
            stated: &[],
            live: &self.found.live,
            server: self.server,
        };
        settings::expected(&former, self.spec, &self.rendered())
    }

    /// Checks that it has the same settings as before.
    fn settings(&self) -> Option<Step> {
        let mut settings = self.expected();
        // A server that must still refuse writes has another value for now.
        settings.retain(|(name, _)| self.follows.is_some() || !name.starts_with("min-replicas-"));
        (!settings.is_empty()).then(|| self.asked(ServerAction::SeeSettings { settings }))
    }

    /// Checks that the inventory can be changed later as it is planned now.
    fn as_planned(&self) -> Step {
        let see = LocalAction::SeeInventory {
            file: self.edit.file.clone(),
            digest: self.edit.before.clone(),
        };
        self.step(Action::Local(see), Undo::Nothing)
    }

    fn written(&self) -> Step {
        let write = |edit: Edit| Action::Local(LocalAction::EditInventory(Box::new(edit)));
        self.step(
            write(self.edit.clone()),
            Undo::By(write(self.edit.reversed())),
        )
    }

    /// Lets it accept writes again. Only this server has those writes, so there is no way back from
    /// here on. The file changes first. Otherwise, a restart in between would leave a server that
    /// refuses writes forever.
    fn open(&self) -> [Step; 2] {
        let value = |name: &str, usual: u64| {
            let live = self.found.live.get(name);
            live.and_then(|v| v.parse().ok()).unwrap_or(usual)
        };
        let open = ServerAction::RequireReplicas {
            to_write: value("min-replicas-to-write", 0),
            max_lag: value("min-replicas-max-lag", 10),
        };
        let write = HostAction::WriteConfig {
            path: crate::config::Paths::of(self.look.inventory, self.spec).config(),
            text: self.rendered().text,
            owner: Host::new(self.look, self.spec, self.facts).owner(),
        };
        [
            self.step(Action::Host(write), Undo::Impossible),
            self.step(Action::Server(open), Undo::Impossible),
        ]
    }
}

fn undo(action: FormerAction) -> Undo {
    Undo::By(Action::Host(HostAction::Former(action)))
}
