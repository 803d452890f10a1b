//! WAV (RIFF, WAVE_FORMAT_PCM), sixteen bits; past 4 GiB RF64 (EBU Tech 3306), which every editor reads.

/// What the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// 1 or 2, interleaved.
    pub channels: u8,
    /// Hz.
    pub rate: u32,
    /// Moments in all.
    pub samples: u64,
}

const HEADER: u64 = 36;
const RF64_HEADER: u64 = HEADER + 36;

/// Appends the header; the sound follows it by [`write`].
pub fn begin(format: Format, out: &mut Vec<u8>) {
    let frame = u64::from(format.channels) * 2;
    let data = format.samples.saturating_mul(frame);
    let fits = u32::try_from(data.saturating_add(HEADER)).is_ok();
    let small = |size: u64| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    if fits {
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&small(HEADER + data));
        out.extend_from_slice(b"WAVE");
    } else {
        out.extend_from_slice(b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0");
        for size in [RF64_HEADER.saturating_add(data), data, format.samples] {
            out.extend_from_slice(&size.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
    }
    out.extend_from_slice(b"fmt \x10\0\0\0\x01\0");
    out.extend_from_slice(&u16::from(format.channels).to_le_bytes());
    out.extend_from_slice(&format.rate.to_le_bytes());
    out.extend_from_slice(&small(u64::from(format.rate) * frame));
    out.extend_from_slice(&(frame as u16).to_le_bytes());
    out.extend_from_slice(b"\x10\0data");
    out.extend_from_slice(&if fits { small(data) } else { [0xff; 4] });
}

/// Appends sound, ±1.0 at full scale; what is beyond is cut off.
pub fn write(sound: &[f32], out: &mut Vec<u8>) {
    out.reserve(sound.len() * 2);
    for value in sound {
        out.extend_from_slice(&quantized(*value).to_le_bytes());
    }
}

/// To the nearest of sixteen bits; what is no number is silence.
pub(crate) fn quantized(value: f32) -> i16 {
    (value * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_sizes_and_the_sound_follows() {
        let mut file = Vec::new();
        begin(Format { channels: 2, rate: 48_000, samples: 2 }, &mut file);
        write(&[0.0, 0.5, -1.0, 7.0], &mut file);
        assert_eq!(file.len(), 44 + 8);
        assert_eq!(file[4..8], 44_u32.to_le_bytes());
        assert_eq!(file[28..34], [0, 0xee, 2, 0, 4, 0]);
        assert_eq!(file[40..], [8, 0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0xff, 0x7f]);
        assert_eq!(quantized(f32::NAN), 0);
    }

    #[test]
    fn past_four_gigabytes_sizes_have_eight_bytes() {
        let mut file = Vec::new();
        begin(Format { channels: 1, rate: 48_000, samples: 1 << 32 }, &mut file);
        assert_eq!((&file[..4], &file[8..16]), (&b"RF64"[..], &b"WAVEds64"[..]));
        assert_eq!(file[28..36], (1_u64 << 33).to_le_bytes());
        assert_eq!(file.len(), 44 + 36);
    }
}
