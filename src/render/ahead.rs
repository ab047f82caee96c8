//! Work spread over threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `work` for every item, with so many threads, in no order.
pub(super) fn each<T: Sync>(workers: usize, items: &[T], work: impl Fn(&T) + Sync) {
    if workers < 2 || items.len() < 2 {
        return items.iter().for_each(work);
    }
    let next = AtomicUsize::new(0);
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once() {
        for workers in [1, 2, 8] {
            let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            each(workers, &done, |one| {
                one.fetch_add(1, Ordering::Relaxed);
            });
            assert!(done.iter().all(|one| one.load(Ordering::Relaxed) == 1), "{workers}");
        }
    }
}
