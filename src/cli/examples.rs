//! What the examples of a command are: each operation has its own beside its arguments.

/// Lines to paste, each with its purpose. Text only; it must not say what the program does not
/// do.
pub type Examples = &'static [(&'static str, &'static str)];
