//! What a command costs: its time on the clock, the processor's time and the memory of it and of
//! all that it starts.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The cost of one run.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// On the clock, ms.
    pub wall_ms: f64,
    /// Of the processor, in user and system mode, ms.
    pub cpu_ms: f64,
    /// The most memory of one process, MiB.
    pub memory_mib: f64,
    /// Its exit code.
    pub code: i32,
}

/// Runs a command to its end. What it prints is thrown away.
///
/// # Panics
/// When it does not end within two minutes.
pub fn of(command: &mut Command) -> Cost {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let begun = Instant::now();
    let pid = command.spawn().unwrap().id().cast_signed();
    let mut status = 0;
    // SAFETY: a struct of numbers, for which all bytes may be 0.
    #[allow(unsafe_code)]
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    let end = begun + Duration::from_mins(2);
    loop {
        // SAFETY: it writes into the two values, which live long enough.
        #[allow(unsafe_code)]
        let ended =
            unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut used) } == pid;
        if ended {
            break;
        }
        if Instant::now() > end {
            crate::support::process::signal(-pid, libc::SIGKILL);
            panic!("it did not end: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    Cost {
        wall_ms: begun.elapsed().as_secs_f64() * 1e3,
        cpu_ms: ms(used.ru_utime) + ms(used.ru_stime),
        memory_mib: used.ru_maxrss as f64 / 1024.0,
        code: libc::WEXITSTATUS(status),
    }
}

/// The median of each figure.
pub fn median(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Cost {
        wall_ms: of(|c| c.wall_ms),
        cpu_ms: of(|c| c.cpu_ms),
        memory_mib: of(|c| c.memory_mib),
        code: costs[0].code,
    }
}
