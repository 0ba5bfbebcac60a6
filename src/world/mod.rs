//! Everything outside this process: servers, hosts, files. The only room with I/O besides the journal and the output.

pub mod payload;
