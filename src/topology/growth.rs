//! Test code: counts looks at nodes, names and addresses, so that a test can see whether a step
//! looks at every node for every node.

use std::cell::Cell;

thread_local! {
    static LOOKS: Cell<u64> = const { Cell::new(0) };
}

/// Counts `looks` more looks, on this thread.
pub fn count(looks: usize) {
    LOOKS.set(LOOKS.get() + looks as u64);
}

/// How many looks `step` takes.
pub fn looks<T>(step: impl FnOnce() -> T) -> u64 {
    let before = LOOKS.get();
    std::hint::black_box(step());
    LOOKS.get() - before
}
