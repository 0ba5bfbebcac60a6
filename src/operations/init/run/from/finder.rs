//! Looks again until no new server is named. Each look uses an inventory of what is known by then.

mod beginning;
mod consent;

use super::target::{Target, merged, without_places};
use crate::cli::Global;
use crate::error::{Exit, Problem, Result};
use crate::inventory::Inventory;
use crate::inventory::found::{Access, FoundServer, Source, text};
use crate::operations::init::args::Init;
use crate::operations::init::plan::walk::{Place, Route, Walk};
use crate::output;
use crate::topology::sentinel::Watch;
use crate::topology::{Address, Node, NodeName, State, Topology, TroubleKind};
use crate::world::{World, WorldOptions, inventory};
use std::collections::BTreeMap;

/// The largest number of looks: a chain of servers takes one look for each link.
const ROUNDS: usize = 24;

/// What was seen in the end.
pub(super) struct SearchResult {
    /// The places.
    pub walk: Walk,
    /// The last look at them.
    pub topology: Topology,
    /// What the hosts call themselves.
    pub hosts: BTreeMap<NodeName, String>,
    /// What the Sentinels say.
    pub watch: Option<Watch>,
    /// How the servers are reached.
    pub access: Access,
    /// The Sentinel that was named first, if HOST was one.
    pub sentinel: Option<Route>,
}

/// The result of the last look.
type Last = (Topology, BTreeMap<NodeName, String>, Option<Watch>);

/// Who looks.
pub(super) struct Finder<'a> {
    args: &'a Init,
    options: WorldOptions,
    target: &'a Target,
    access: Access,
    walk: Walk,
    world: Option<World>,
    sentinel: Option<Route>,
    /// The number of places for which it is decided whether they get the password.
    decided: usize,
}

impl<'a> Finder<'a> {
    /// Nothing is looked at yet.
    pub fn new(global: &Global, args: &'a Init, target: &'a Target, access: Access) -> Self {
        Self {
            args,
            options: WorldOptions {
                looks: true,
                accept_new_host_keys: global.accept_new_host_keys,
                ask: !args.yes && output::can_ask(),
                concurrency: usize::from(global.concurrency),
            },
            target,
            access,
            walk: Walk {
                ssh: !args.find.no_ssh,
                ..Walk::default()
            },
            world: None,
            sentinel: None,
            decided: 0,
        }
    }

    /// Finds the whole deployment of the server at that address.
    ///
    /// # Errors
    /// Nothing is found there, and why.
    pub async fn find(mut self, start: &Address) -> Result<SearchResult> {
        let found = self.found(start).await;
        if let Some(world) = self.world.take() {
            world.leave().await;
        }
        let (topology, hosts, watch) = found?;
        Ok(SearchResult {
            walk: self.walk,
            topology,
            hosts,
            watch,
            access: self.access,
            sentinel: self.sentinel,
        })
    }

    async fn found(&mut self, start: &Address) -> Result<Last> {
        self.begin(start).await?;
        for round in 0..ROUNDS {
            let last = round + 1 == ROUNDS;
            self.allow().await?;
            let topology = self.look(false).await?;
            let again = self.password_wanted(&topology).await?;
            let more = self.walk.take_in(&topology);
            if (again || more) && !last {
                continue;
            }
            let mut topology = self.look(true).await?;
            let more = self.walk.take_in(&topology);
            let watch = self.watch(&mut topology).await?;
            let more = self.named_by_sentinels(watch.as_ref(), &topology) || more;
            if more && !last {
                continue;
            }
            if more {
                let what = format!("servers that are named after {ROUNDS} looks");
                self.walk.odd.push(what);
            }
            let hosts = match &self.world {
                Some(world) if self.walk.ssh => world.hosts.names().await,
                Some(_) | None => BTreeMap::new(),
            };
            return Ok((topology, hosts, watch));
        }
        let what = "the servers name others without end; nothing was written";
        Err(Problem::new(what).exit(Exit::Failed))
    }

    /// Looks at what is known. `last`: also at silent places, and at the hosts.
    async fn look(&mut self, last: bool) -> Result<Topology> {
        let inventory = self.inventory(last)?;
        let world = match self.world.take() {
            Some(world) => world.again(inventory, self.options)?,
            None => World::enter(inventory, self.options).await?,
        };
        let world = self.world.insert(world);
        let seen = if last && self.walk.ssh {
            world.observe().await
        } else {
            world.observe_servers().await
        };
        let topology = seen.into_all();
        no_cluster(&topology, &self.walk)?;
        Ok(topology)
    }

    /// The passwords are read anew.
    async fn log_in_again(&mut self) -> Result<()> {
        let inventory = self.inventory(false)?;
        let world = match self.world.take() {
            Some(world) => world.with_passwords_of(inventory, self.options).await?,
            None => World::enter(inventory, self.options).await?,
        };
        self.world = Some(world);
        Ok(())
    }

    /// An inventory of what is known.
    fn inventory(&self, last: bool) -> Result<Inventory> {
        let open = self.walk.open(last);
        let root = self.target.root();
        let root = root.or_else(|| open.first().map(|place| place.name.0.clone()));
        let new = open.iter().filter(|place| !place.is_given());
        let entries: Vec<FoundServer> = new
            .map(|place| self.entry(place, root.as_deref()))
            .collect();
        let sketch = match self.target {
            Target::Merge { text, .. } => merged(text, &entries)?,
            Target::New(_) | Target::Stdout => text(&[], &self.access, &entries),
        };
        let path = self.target.path();
        inventory::of_text(path, &sketch).map_err(|error| without_places(path, error))
    }

    fn entry(&self, place: &Place, root: Option<&str>) -> FoundServer {
        let way = place.way();
        let mut entry = FoundServer::at(place.name.0.as_str(), way.address.clone());
        entry.ssh_host.clone_from(&way.host);
        entry.direct = !self.walk.ssh;
        entry.replicaof = root.filter(|root| *root != place.name.0).map(str::to_owned);
        entry
    }

    /// Asks for a password where servers want one and none is given.
    async fn password_wanted(&mut self, topology: &Topology) -> Result<bool> {
        let wants = |node: &&Node| match &node.state {
            State::Down(trouble) => trouble.kind == TroubleKind::PasswordMissing,
            State::Up(_) => false,
        };
        let is_given = self.access.password.is_some() || self.target.inventory().is_some();
        let wanted = topology.nodes.iter().find(wants);
        let Some(node) = wanted.filter(|_| self.options.ask && !is_given) else {
            return Ok(false);
        };
        output::before_question(&format!("{} wants a password", node.address));
        self.access.password = Some(Source::Prompt);
        self.log_in_again().await?;
        Ok(true)
    }

    /// What the Sentinels say. If they have a password of their own, only those are asked that the
    /// operator has agreed to.
    async fn watch(&mut self, topology: &mut Topology) -> Result<Option<Watch>> {
        let Some(world) = &self.world else {
            return Ok(None);
        };
        let watch = world.sentinels.look(topology).await;
        let said = self.access.sentinel.as_ref();
        let said = said.filter(|said| said.password.is_some());
        let (Some(said), Some(told)) = (said, &watch) else {
            return Ok(watch);
        };
        let is_new = |at: &Address| !said.nodes.iter().any(|(known, _)| known == at);
        let views = told.views.iter().map(|view| &view.address);
        let new: Vec<Address> = views.filter(|at| is_new(at)).cloned().collect();
        if new.is_empty() || !self.may_send("Sentinels", &new).await? {
            return Ok(watch);
        }
        let name = told.name.clone();
        if let Some(said) = &mut self.access.sentinel {
            said.name = name;
            said.nodes.extend(new.into_iter().map(|at| (at, None)));
        }
        *topology = self.look(true).await?;
        match &self.world {
            Some(world) => Ok(world.sentinels.look(topology).await),
            None => Ok(watch),
        }
    }

    /// Adds the servers that Sentinels know; returns whether one of them is new.
    fn named_by_sentinels(&mut self, watch: Option<&Watch>, topology: &Topology) -> bool {
        let before = self.walk.places.len();
        for (at, sees) in watch.into_iter().flat_map(Watch::up) {
            let start = self.sentinel.clone().filter(|way| way.address == *at);
            let way = start.unwrap_or_else(|| Route::to(at.clone()));
            let replicas = sees.replicas.iter().map(|replica| &replica.address);
            for address in sees.primary.iter().chain(replicas) {
                self.walk.of_sentinel(&way, address, topology);
            }
        }
        self.walk.places.len() > before
    }
}

/// Refuses nodes of a Redis Cluster.
fn no_cluster(topology: &Topology, walk: &Walk) -> Result<()> {
    let is_given = |node: &Node| {
        let place = walk.named(&node.name).and_then(|at| walk.places.get(at));
        place.is_some_and(Place::is_given)
    };
    let is_of_cluster = |node: &&Node| node.server().is_some_and(|s| s.cluster_enabled);
    let mut nodes = topology.nodes.iter().filter(is_of_cluster);
    let Some(node) = nodes.find(|node| !is_given(node)) else {
        return Ok(());
    };
    let what = format!(
        "{} is a node of a Redis Cluster; nothing was written",
        node.address
    );
    Err(Problem::new(what)
        .cause("its INFO says cluster_enabled:1")
        .hint("replctl works with one primary and its replicas; for a cluster there is `redis-cli --cluster`")
        .exit(Exit::Refused))
}
