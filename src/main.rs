//! replctl: from bare hosts to a verified replication deployment, and the safe change of its primary.
fn main() {}
