//! See `voxlink_container::fuzzing::adts`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _understood = voxlink_container::fuzzing::adts(bytes);
});
