//! Shares of traffic that every replica draws the same way.

use sha2::{Digest, Sha256};

/// What a share is drawn for; the same key falls differently for each.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    Mirror,
    Canary,
    /// Requests that the reference is asked twice.
    Noise,
    /// Whether it is asked again before or after the candidate.
    NoiseOrder,
    Recording,
}

/// Where a key falls between 0 (inclusive) and 1 (exclusive). Depends on nothing but the key, so
/// replicas and restarts agree, and a key inside a small share stays inside every larger one.
pub fn position(purpose: Purpose, key: &str) -> f64 {
    let salt: &[u8] = match purpose {
        Purpose::Mirror => b"mirror\0",
        Purpose::Canary => b"canary\0",
        Purpose::Noise => b"noise\0",
        Purpose::NoiseOrder => b"noise-order\0",
        Purpose::Recording => b"recording\0",
    };
    let digest = Sha256::new()
        .chain_update(salt)
        .chain_update(key)
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // 53 bits are what a double holds exactly.
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Whether a request belongs to a share; one without a key is drawn at random.
pub fn is_in(share: f64, purpose: Purpose, key: Option<&str>) -> bool {
    if share >= 1.0 {
        return true;
    }
    if share <= 0.0 {
        return false;
    }
    let position = key.map_or_else(rand::random, |key| position(purpose, key));
    position < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_falls_in_the_same_place_in_every_build() {
        // Pinned: replicas of different versions must agree.
        for (purpose, expected) in [
            (Purpose::Mirror, 0.44732571251197284),
            (Purpose::Canary, 0.9867512624246256),
            (Purpose::Recording, 0.48556100826926996),
        ] {
            let found = position(purpose, "0xab");
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        assert_ne!(
            position(Purpose::Canary, "0xab"),
            position(Purpose::Mirror, "0xab")
        );
    }

    #[test]
    fn shares_are_as_large_as_asked_and_nested() {
        let keys: Vec<String> = (0..20_000).map(|n| format!("0x{n:040x}")).collect();
        let inside = |share| -> Vec<&String> {
            keys.iter()
                .filter(|key| is_in(share, Purpose::Mirror, Some(key)))
                .collect()
        };
        let (small, large) = (inside(0.05), inside(0.25));
        // Five standard deviations of the binomial.
        assert!((850..=1150).contains(&small.len()), "{}", small.len());
        assert!((4690..=5310).contains(&large.len()), "{}", large.len());
        assert!(small.iter().all(|key| large.contains(key)));
    }
}
