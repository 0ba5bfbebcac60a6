//! What is planned for small deployments.
