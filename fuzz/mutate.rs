//! Inputs of `fuzz/corpus`, changed here and there; included by the tests of crates whose parsers are fuzzed.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// See `fuzzing` of the crate.
type Target = fn(&[u8]) -> bool;

/// Chance that is the same on every machine (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    /// Any seed but 0.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 31 bits.
    pub(crate) fn next(&mut self) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize
    }

    /// Bytes set, cut out, doubled or cut off.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.next() % 6 {
            if bytes.is_empty() {
                bytes.push(self.next() as u8);
            }
            let at = self.next() % bytes.len();
            match self.next() % 6 {
                0 | 1 => bytes[at] = self.next() as u8,
                2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][self.next() % 6],
                3 => bytes.truncate(at),
                4 => {
                    let end = (at + self.next() % 32).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let end = (at + self.next() % 16).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        bytes.truncate(8_192);
    }
}

/// The committed inputs of one target, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).expect("every target has a corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, fs::read(path).expect("readable"))
    };
    paths.into_iter().map(read).collect()
}

/// All of them, but those whose names begin with `broken`.
pub(crate) fn understands_its_corpus(targets: &[(&str, Target)]) {
    for (name, target) in targets {
        let inputs = corpus(name);
        assert!(!inputs.is_empty(), "{name}");
        for (file, bytes) in inputs {
            assert_eq!(target(&bytes), !file.starts_with("broken"), "{name}/{file}");
        }
    }
}

/// So many times each.
pub(crate) fn reads_mutations(targets: &[(&str, Target)], rounds: usize) {
    let mut chance = Chance::new(0x5EED_F024);
    for (name, target) in targets {
        let inputs = corpus(name);
        for round in 0..rounds {
            let mut bytes = inputs[round % inputs.len()].1.clone();
            chance.mutate(&mut bytes);
            target(&bytes);
        }
    }
}
