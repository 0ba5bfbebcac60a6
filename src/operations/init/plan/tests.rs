//! What is found of handmade topologies.
