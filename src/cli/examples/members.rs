//! The examples of the commands that let a node come, go or change its place.

/// Lines to paste, each with what it is for.
pub(super) fn examples(command: &str) -> &'static [(&'static str, &'static str)] {
    match command {
        "add" => &[
            (
                "replctl add slave3 --address 192.168.0.150 --dry-run",
                "show the plan only",
            ),
            (
                "replctl add slave3 --address 192.168.0.150",
                "show the plan, ask, write it down and set it up",
            ),
            (
                "replctl add slave3 --address db4.example.org:6380 --ssh ops@gate:2222 --priority 0",
                "another port, another way to its host, and never promoted",
            ),
        ],
        "remove" => &[
            ("replctl remove slave3 --dry-run", "show the plan only"),
            (
                "replctl remove slave3",
                "stop it for good; its files stay, and `replctl undo last` takes it back",
            ),
            ("replctl remove slave3 --purge", "and delete its files"),
            (
                "replctl remove slave3 --leave-running",
                "only the inventory has it no more",
            ),
        ],
        "detach" => &[
            ("replctl detach slave2 --dry-run", "show the plan only"),
            ("replctl detach slave2", "a writable copy of its own"),
            (
                "replctl move slave2 --under master --discard-data slave2",
                "bring it back, with its keys replaced",
            ),
        ],
        "move" => &[
            (
                "replctl move slave2 --under slave1 --dry-run",
                "show the plan and what it will cost",
            ),
            (
                "replctl move slave2 --under slave1",
                "a chain: slave2 replicates from slave1",
            ),
            (
                "replctl move slave2 --under master",
                "back under the primary",
            ),
            (
                "replctl move slave2 --under slave1 --update-inventory",
                "and let the inventory say so",
            ),
        ],
        _ => &[],
    }
}
