//! The waveform that a player draws: the lowest and the highest value of each hundredth of a second.

/// Pieces a second.
pub const PER_SECOND: u32 = 100;

/// What passed so far, in pieces.
#[derive(Clone, Debug, Default)]
pub struct Peaks {
    piece: usize,
    channels: usize,
    /// Values in the piece that is being filled, and its extremes.
    filled: usize,
    low: f32,
    high: f32,
    bytes: Vec<u8>,
}

impl Peaks {
    /// For sound of `rate` Hz in `channels` interleaved channels.
    #[must_use]
    pub fn new(rate: u32, channels: u8) -> Self {
        let channels = usize::from(channels.max(1));
        Self { piece: (rate / PER_SECOND).max(1) as usize * channels, channels, ..Self::default() }
    }

    /// Takes sound into account.
    pub fn hear(&mut self, sound: &[f32]) {
        for value in sound {
            self.low = self.low.min(*value);
            self.high = self.high.max(*value);
            self.filled += 1;
            if self.filled == self.piece {
                self.close();
            }
        }
    }

    /// Two bytes for each hundredth of a second: the lowest and the highest value, each as a signed byte with 127 at full
    /// scale. An unfinished piece is finished.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.filled >= self.channels && self.filled > 0 {
            self.close();
        }
        self.bytes
    }

    fn close(&mut self) {
        // Rounded away from zero, so that what is not silent is seen.
        let byte = |value: f32| (value * 127.0 + 0.999_f32.copysign(value)).clamp(-127.0, 127.0) as i8;
        let quiet = |value: f32| if value == 0.0 { 0 } else { byte(value) };
        self.bytes.extend_from_slice(&[quiet(self.low) as u8, quiet(self.high) as u8]);
        (self.filled, self.low, self.high) = (0, 0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hundredth_has_its_extremes_and_a_whisper_is_seen() {
        let mut peaks = Peaks::new(48_000, 1);
        let mut sound = vec![0.0; 480 * 3 + 5];
        (sound[3], sound[400], sound[500], sound[1_000], sound[1_442]) = (1.0, -0.5, 0.000_1, f32::NAN, -2.0);
        peaks.hear(&sound[..700]);
        peaks.hear(&sound[700..]);
        let bytes: Vec<_> = peaks.finish().into_iter().map(|byte| byte as i8).collect();
        assert_eq!(bytes, [-64, 127, 0, 1, 0, 0, -127, 0]);
    }
}
