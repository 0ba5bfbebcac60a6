//! The SSH room against real sshd processes on loopback, with throwaway keys and nothing of the
//! user's configuration.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agents;
mod commands;
mod files;
mod host_keys;
mod hostile;
mod interactive;
mod jumps;
mod known_hosts;
mod logins;
mod oracle;
mod scripts;
mod sshd;
mod sudo;
mod transports;
mod trouble;
mod tunnels;
