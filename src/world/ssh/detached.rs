//! Starts programs of this machine apart from the terminal. Ctrl-C there ends none of them, they
//! ask nothing there, and they do not outlive this process. This module does not know what they are
//! for.
#![allow(unsafe_code)]

use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

/// A program to start, and who waits for it.
type Order = (Command, Sender<io::Result<Child>>);

/// The thread that starts the programs. The kernel signals a program at the end of the thread that
/// started it.
static STARTER: OnceLock<Option<Sender<Order>>> = OnceLock::new();

/// Starts a program in a session of its own. Where it is `bound`, it gets `SIGTERM` when this
/// process ends, in whatever way.
///
/// # Errors
/// Where the program is not there, or the system can start no more programs.
pub(super) fn start(mut command: Command, bound: bool) -> io::Result<Child> {
    // SAFETY: between fork and exec only these two system calls run. They take no lock and no
    // memory.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            if bound {
                set_parent_process_death_signal(Some(Signal::TERM))?;
            }
            Ok(())
        });
    }
    if !bound {
        return command.spawn();
    }
    let gone = || io::Error::other("the thread that starts programs has ended");
    let starter = STARTER.get_or_init(starter).as_ref().ok_or_else(gone)?;
    let (tell, told) = channel();
    starter.send((command, tell)).map_err(|_| gone())?;
    told.recv().map_err(|_| gone())?
}

fn starter() -> Option<Sender<Order>> {
    let (sender, orders) = channel::<Order>();
    std::thread::Builder::new()
        .name("starter".to_owned())
        .spawn(move || {
            for (mut command, tell) in orders {
                let _ = tell.send(command.spawn());
            }
        })
        .ok()?;
    Some(sender)
}
