//! The outside: everything that talks to servers and hosts.

pub mod ssh;
