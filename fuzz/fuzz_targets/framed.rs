//! See `voxlink_sfu::fuzzing::framed`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _understood = voxlink_sfu::fuzzing::framed(bytes);
});
