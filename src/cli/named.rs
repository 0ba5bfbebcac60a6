//! The names of the commands, as their JSON documents have them.

use super::Command;
use crate::operations::sentinel::args::SentinelCommand;

impl Command {
    /// What is typed behind `replctl`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Setup(_) => "setup",
            Self::Status(_) => "status",
            Self::Endpoint(_) => "endpoint",
            Self::Clients(_) => "clients",
            Self::Promote(_) => "promote",
            Self::Move(_) => "move",
            Self::Detach(_) => "detach",
            Self::Add(_) => "add",
            Self::Adopt(_) => "adopt",
            Self::Remove(_) => "remove",
            Self::Lost(_) => "lost",
            Self::Rejoin(_) => "rejoin",
            Self::Repair(_) => "repair",
            Self::Resume(_) => "resume",
            Self::Rollback(_) => "rollback",
            Self::Abandon(_) => "abandon",
            Self::Undo(_) => "undo",
            Self::History(_) => "history",
            Self::Report(_) => "report",
            Self::Sentinel(sentinel) => match sentinel.command {
                SentinelCommand::Status(_) => "sentinel status",
                SentinelCommand::Setup(_) => "sentinel setup",
                SentinelCommand::Remove(_) => "sentinel remove",
                SentinelCommand::Forget(_) => "sentinel forget",
            },
            Self::Server(_) => "server",
            Self::Completions(_) => "completions",
            Self::Explain(_) => "explain",
            Self::FenceGuard(_) => "fence-guard",
            Self::Man(_) => "man",
        }
    }
}
