//! Numbers from a seed, the same everywhere.

/// A small generator of numbers (`SplitMix64`).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub fn pick<'p>(&mut self, pool: &[&'p str]) -> &'p str {
        pool[usize::try_from(self.roll(pool.len() as u64)).expect("pools are small")]
    }

    /// One of them, or nothing.
    pub fn perhaps<'p>(&mut self, sides: u64, pool: &[&'p str]) -> &'p str {
        if self.one_in(sides) { self.pick(pool) } else { "" }
    }
}

/// A seed that is another one every day, and says so when it is printed.
pub fn today() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_secs() / 86_400 * 1_000_000
}
