//! A small generator of our own, so that a seed means the same everywhere (splitmix64).

/// What chance says in one case.
pub struct Dice(u64);

impl Dice {
    /// The dice of that case.
    pub fn new(seed: u64, number: u64) -> Self {
        let mixed = number.wrapping_mul(0xD1B5_4A32_D192_ED03);
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ mixed)
    }

    /// A number below `below`.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % below as u64).unwrap()
    }

    /// One of some.
    pub fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.roll(some.len())]
    }
}
