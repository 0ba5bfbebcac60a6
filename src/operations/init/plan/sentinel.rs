//! What the inventory says of the Sentinels that watch. Pure.

use super::walk::Route;
use crate::inventory::found::{SentinelText, Source};
use crate::topology::Address;
use crate::topology::sentinel::{ViewState, Watch};

/// How Sentinels are logged in to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SentinelLogin {
    /// The user.
    pub user: Option<String>,
    /// Where their password is.
    pub password: Option<Source>,
}

/// The section, if Sentinels watch. `start`: the Sentinel that was named first. Sentinels that are
/// found through the nodes need no entry. If the Sentinels have a password of their own, all need
/// an entry: that password goes only to Sentinels that an inventory names.
pub fn section(
    watch: Option<&Watch>,
    start: Option<&Route>,
    login: &SentinelLogin,
) -> Option<SentinelText> {
    let watch = watch?;
    let mut text = SentinelText {
        name: watch.name.clone(),
        login: login.user.clone(),
        password: login.password.clone(),
        ..SentinelText::default()
    };
    let up: Vec<Address> = watch.addresses();
    if login.password.is_some() {
        text.nodes = up
            .iter()
            .map(|at| (at.clone(), through(start, at)))
            .collect();
        text.quorum = watch.up().map(|(_, sees)| sees.quorum).max();
    }
    let all: Vec<String> = up.iter().map(ToString::to_string).collect();
    let quorum = watch.up().map(|(_, sees)| sees.quorum).max();
    if let (Some(quorum), false) = (quorum, all.is_empty()) {
        let seen = format!("seen: {}; quorum {quorum}", all.join(", "));
        text.notes.push(seen);
    }
    if text.nodes.is_empty() {
        text.notes.push("they are found through the nodes that they watch; `nodes` is for those that replctl sets up".to_owned());
    }
    for view in &watch.views {
        match &view.state {
            ViewState::Up(_) => {}
            ViewState::Down(trouble) => text.notes.push(format!(
                "{} was not reached: {}",
                view.address, trouble.detail
            )),
            ViewState::NotAsked => text.notes.push(format!(
                "{} was not asked: it would get the password of the Sentinels",
                view.address
            )),
        }
    }
    if !watch.other_names.is_empty() {
        let names = watch.other_names.join(", ");
        text.notes
            .push(format!("the same servers are watched as {names}, too"));
    }
    Some(text)
}

/// The host that a Sentinel is reached through.
fn through(start: Option<&Route>, at: &Address) -> Option<String> {
    let start = start.filter(|way| way.address == *at)?;
    start.host.clone()
}
