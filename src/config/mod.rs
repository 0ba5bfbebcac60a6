//! The text of every file `setup` writes on a host: the server's configuration, its unit, the
//! managed blocks. Pure: text in, text out.

pub mod aliases;
pub mod block;
pub mod defaults;
pub mod directives;
pub mod paths;
pub mod sentinel;
pub mod server;
pub mod tls;
pub mod unit;

pub use paths::Paths;
