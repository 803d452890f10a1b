//! See `voxlink_audio::fuzzing::opus_packet`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _understood = voxlink_audio::fuzzing::opus_packet(bytes);
});
