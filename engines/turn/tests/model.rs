//! The server beside a plain model (`fuzzing/model.rs`), under random operations; seeds are committed.
#![allow(missing_docs)]

use voxlink_turn::fuzzing::server_beside_model;

/// splitmix64: the same operations on every machine.
fn operations(mut seed: u64, count: usize) -> Vec<u8> {
    let word = |_| {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)).to_le_bytes()
    };
    (0..count / 8).flat_map(word).collect()
}

#[test]
fn the_server_and_the_plain_model_agree_whatever_clients_do() {
    for seed in [1, 2, 3, 5, 8, 13, 21, 34] {
        eprintln!("seed {seed}");
        assert!(server_beside_model(&operations(seed, 10_000)));
    }
}

#[test]
#[ignore = "make soak"]
fn soak_the_server_and_the_plain_model_agree() {
    for seed in 1_000..2_000 {
        eprintln!("seed {seed}");
        assert!(server_beside_model(&operations(seed, 25_000)));
    }
}
