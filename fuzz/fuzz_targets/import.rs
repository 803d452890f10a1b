//! See `voxlink_audio::fuzzing::sound_file`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _understood = voxlink_audio::fuzzing::sound_file(bytes);
});
