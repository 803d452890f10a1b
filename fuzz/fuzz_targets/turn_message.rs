//! See `voxlink_turn::fuzzing::message`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _understood = voxlink_turn::fuzzing::message(bytes);
});
