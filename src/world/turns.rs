//! Work on many nodes side by side, so many at once. Work that waits for its node gives up its
//! turn. So all silent nodes together cost one time-out, not one each.

use std::future::Future;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a look at a server keeps its turn. A server that answers at all does so sooner, over
/// any network. For the others, there is only waiting.
pub const LOOK: Duration = Duration::from_millis(200);

/// Runs the work when it is its turn. It holds the turn until it is done, and no longer than that
/// time; then it goes on without.
async fn in_turn<T>(turns: &Semaphore, held: Duration, work: impl Future<Output = T>) -> T {
    let permit = turns.acquire().await;
    let mut work = std::pin::pin!(work);
    if let Ok(done) = timeout(held, work.as_mut()).await {
        return done;
    }
    drop(permit);
    work.await
}

/// Runs all of them, at most `most` that hold a turn, and gives the results in order.
pub async fn all<T>(
    work: impl IntoIterator<Item = impl Future<Output = T>>,
    most: usize,
    held: Duration,
) -> Vec<T> {
    let turns = Semaphore::new(most.max(1));
    let work = work.into_iter().map(|work| in_turn(&turns, held, work));
    futures::future::join_all(work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::{Instant, sleep};

    #[tokio::test]
    async fn those_that_wait_cost_one_wait_together() {
        let begun = Instant::now();
        let work = (0..1000).map(|n| async move {
            if n % 10 == 0 {
                sleep(Duration::from_secs(1)).await;
            }
            n
        });
        let done = all(work, 32, Duration::from_millis(20)).await;
        assert_eq!(done, (0..1000).collect::<Vec<_>>());
        // Four rounds of 20 ms in which the silent ones hold all turns, and one wait: one after
        // another they take three.
        assert!(begun.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn no_more_work_at_once_than_there_are_turns() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = (0..100).map(|_| async {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(50)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        });
        all(work, 7, LOOK).await;
        assert_eq!(most.into_inner(), 7);
    }
}
