//! The world outside: servers and hosts. All I/O is here.

pub mod host;
