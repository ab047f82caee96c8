//! Pauses between tries: doubling, with jitter, up to a minute.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The longest pause, in first pauses.
const MOST: u32 = 60;

/// Pauses that double.
pub(super) struct Backoff {
    first: Duration,
    factor: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration) -> Self {
        Self { first, factor: 1 }
    }

    /// The next pause: between half and all of the doubled one, so that many watches do not come back at once.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.first * self.factor;
        self.factor = (self.factor * 2).min(MOST);
        // The standard library's hasher is seeded by the system: random enough for spreading.
        let share = u32::try_from(RandomState::new().hash_one(self.factor) % 512).unwrap_or(0);
        pause / 2 + pause * share / 1024
    }

    /// Something worked: start small again.
    pub(super) fn reset(&mut self) {
        self.factor = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_start_again() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second);
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(pauses[0] >= second / 2 && pauses[0] <= second);
        assert!(pauses[19] >= second * 30 && pauses[19] <= second * 60);
        backoff.reset();
        assert!(backoff.next() <= second);
    }
}
