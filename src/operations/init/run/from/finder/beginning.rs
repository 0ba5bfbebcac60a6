//! The first look, at one address. Nothing is known of it, except that the operator named it.

use super::Finder;
use crate::error::{Exit, Problem, Result};
use crate::inventory::address::{host_and_port, is_loopback};
use crate::inventory::found::SentinelText;
use crate::operations::init::plan::no_beginning;
use crate::operations::init::plan::walk::{Bond, Fate, Walk, Way, around};
use crate::output;
use crate::topology::{Address, NodeName, State, Topology, Trouble, TroubleKind};

/// The largest number of looks at the first address: one for each way, and one for a password.
const LOOKS: usize = 8;

impl Finder<'_> {
    /// Looks until a server or a Sentinel answers there.
    ///
    /// # Errors
    /// Why none does.
    pub(super) async fn begin(&mut self, start: &Address) -> Result<()> {
        let given = self.target.inventory();
        for node in given.into_iter().flat_map(|there| &there.nodes) {
            let way = Way {
                host: node.ssh.host.clone(),
                ..Way::to(node.address.clone())
            };
            self.walk.given(&node.name, way);
        }
        let mut ways = if is_loopback(&start.host) {
            vec![Way::to(start.clone())]
        } else {
            around(&start.host, &start.host, start.port)
        };
        if !self.walk.ssh {
            ways.retain(|way| way.host.is_none());
        }
        let Some(place) = self.walk.add(ways, Bond::Start, "") else {
            return Ok(());
        };
        let mut by_name = self.walk.ssh;
        for _ in 0..LOOKS {
            let topology = self.look(false).await?;
            let name = self.walk.places[place].name.clone();
            let Some(trouble) = down(&topology, &name) else {
                return Ok(());
            };
            if self.walk.places[place].is_given() {
                return Err(no_beginning(start, &trouble));
            }
            if self.is_sentinel(start, place, &trouble).await? {
                return Ok(());
            }
            if self.password_wanted(&topology).await? {
                continue;
            }
            if std::mem::take(&mut by_name) {
                self.add_configured(place, start, &trouble).await;
            }
            self.walk.take_in(&topology);
            if let Fate::Silent(first) = &self.walk.places[place].fate {
                return Err(no_beginning(start, first));
            }
        }
        Err(Problem::new(format!(
            "no deployment can be found from {start}; nothing was written"
        ))
        .exit(Exit::Failed))
    }

    /// Adds the address that `~/.ssh/config` has for the name as another way.
    async fn add_configured(&mut self, place: usize, start: &Address, trouble: &Trouble) {
        let far = matches!(
            trouble.kind,
            TroubleKind::NameUnknown
                | TroubleKind::NoAnswer
                | TroubleKind::NoRoute
                | TroubleKind::Ssh
        );
        let (true, Some(world)) = (far, &self.world) else {
            return;
        };
        let name = self.walk.places[place].name.clone();
        let Some(host) = world.hosts.connected_to(&name).await else {
            return;
        };
        let is_other = host != start.host && !is_loopback(&host);
        if let (true, Ok((host, None))) = (is_other, host_and_port(&host)) {
            let way = Way::through(&start.host, Address::new(host, start.port));
            self.walk.places[place].ways.insert(1, way);
        }
    }

    /// Whether a Sentinel answers there. If so, the search goes on from the servers that it
    /// watches.
    async fn is_sentinel(
        &mut self,
        start: &Address,
        place: usize,
        trouble: &Trouble,
    ) -> Result<bool> {
        let may_be = trouble.kind == TroubleKind::NotRedis || trouble.kind.is_about_password();
        let (true, Some(world)) = (may_be, &self.world) else {
            return Ok(false);
        };
        let name = self.walk.places[place].name.clone();
        let Ok(watched) = world.sentinels.watched_by(&name).await else {
            return Ok(false);
        };
        let (watched, primary) = chosen(start, &watched, self.args.name.as_deref())?;
        let way = self.walk.places[place].way().clone();
        let login = crate::operations::init::run::from::settings::sentinel_login(&self.access);
        self.access.sentinel = Some(SentinelText {
            name: watched,
            login: login.user,
            password: login.password,
            nodes: vec![(way.address.clone(), way.host.clone())],
            ..SentinelText::default()
        });
        if self.target.inventory().is_none() {
            self.walk = Walk {
                ssh: self.walk.ssh,
                ..Walk::default()
            };
            self.decided = 0;
        } else {
            self.walk.places.remove(place);
        }
        let nobody = Topology {
            nodes: Vec::new().into(),
        };
        self.walk.of_sentinel(&way, &primary, &nobody);
        if self.walk.places.is_empty() {
            let what = format!(
                "the Sentinel at {start} watches {primary}, which is no address of one host; nothing was written"
            );
            return Err(Problem::new(output::escape(&what)).exit(Exit::Failed));
        }
        self.sentinel = Some(way);
        Ok(true)
    }
}

fn down(topology: &Topology, name: &NodeName) -> Option<Trouble> {
    match &topology.get(name)?.state {
        State::Up(_) => None,
        State::Down(trouble) => Some(trouble.clone()),
    }
}

/// The deployment that is meant, of those that a Sentinel watches.
fn chosen(
    start: &Address,
    watched: &[(String, Address)],
    name: Option<&str>,
) -> Result<(String, Address)> {
    let named = name.and_then(|name| watched.iter().find(|(other, _)| other == name));
    match (watched, named) {
        (_, Some(one)) | ([one], None) => Ok(one.clone()),
        ([], None) => Err(Problem::new(format!(
            "the Sentinel at {start} watches nothing; nothing was written"
        ))
        .exit(Exit::Failed)),
        (several, None) => {
            let all: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            let what = format!(
                "the Sentinel at {start} watches {} deployments, and it is not said which is meant; nothing was written",
                all.len()
            );
            let hint = format!("name one of them with --name: {}", all.join(", "));
            Err(Problem::new(what)
                .hint(output::escape(&hint))
                .exit(Exit::Usage))
        }
    }
}
