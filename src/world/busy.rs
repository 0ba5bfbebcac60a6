//! How much longer things take on this machine while it has other work, including our work for many
//! hosts. A time limit is for silent hosts. No host may fail only because this machine was too busy
//! for it.

use std::time::Duration;

/// The largest factor for a limit. The wait for a really silent host grows by the same factor.
const MOST: u32 = 3;

/// The limit, multiplied by the number of tasks for each processor at the moment, or in the last
/// minute. If the processors are idle: the limit itself.
pub fn patience(limit: Duration) -> Duration {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    limit * times(&load, processors)
}

/// Reads `/proc/loadavg`. Pure.
fn times(load: &str, processors: usize) -> u32 {
    let words: Vec<&str> = load.split_whitespace().collect();
    let minute = words.first().and_then(|w| w.parse::<f64>().ok());
    let now = words
        .get(3)
        .and_then(|w| w.split('/').next()?.parse::<f64>().ok());
    let tasks = minute.unwrap_or(0.0).max(now.unwrap_or(0.0));
    let each = tasks / f64::from(u32::try_from(processors).unwrap_or(1).max(1));
    (1..MOST).find(|n| each <= f64::from(*n)).unwrap_or(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_gets_more_time() {
        assert_eq!(times("", 2), 1);
        assert_eq!(times("0.10 0.20 0.30 1/200 4711", 2), 1);
        assert_eq!(times("0.10 0.20 0.30 4/200 4711", 2), 2);
        assert_eq!(times("5.00 0.20 0.30 1/200 4711", 2), 3);
        assert_eq!(times("900.00 0.20 0.30 1/200 4711", 2), MOST);
        assert_eq!(times("rubbish of a kind x/y", 0), 1);
    }
}
