//! What containers say and need to know about Opus; nothing is decoded.

/// Samples at 48 kHz by which libopus lags behind what it encoded: 6.5 ms, what every browser's packets have.
pub const DEFAULT_PRE_SKIP: u16 = 312;

/// The identification header (RFC 7845 §5.1), which is Matroska's private data as well. Channel mapping family 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusHead {
    /// 1 or 2.
    pub channels: u8,
    /// Samples at 48 kHz to leave out at the beginning.
    pub pre_skip: u16,
    /// What it was before it became Opus, in Hz; only told.
    pub input_rate: u32,
    /// Q7.8 in dB, to be added when playing.
    pub output_gain: i16,
}

impl OpusHead {
    /// Mono or stereo as browsers send it.
    #[must_use]
    pub const fn of(channels: u8) -> Self {
        Self { channels, pre_skip: DEFAULT_PRE_SKIP, input_rate: 48_000, output_gain: 0 }
    }

    /// The nineteen bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 19] {
        let mut bytes = *b"OpusHead\x01\0\0\0\0\0\0\0\0\0\0";
        bytes[9] = self.channels;
        bytes[10..12].copy_from_slice(&self.pre_skip.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.input_rate.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.output_gain.to_le_bytes());
        bytes
    }

    /// Reads it. `None` when it is cut short, of another major version, or has more than two channels.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.strip_prefix(b"OpusHead")?.first_chunk::<11>()?;
        let [version, channels, p0, p1, r0, r1, r2, r3, g0, g1, family] = *head;
        if version & 0xf0 != 0 || !matches!(channels, 1 | 2) || family != 0 {
            return None;
        }
        Some(Self {
            channels,
            pre_skip: u16::from_le_bytes([p0, p1]),
            input_rate: u32::from_le_bytes([r0, r1, r2, r3]),
            output_gain: i16::from_le_bytes([g0, g1]),
        })
    }
}

/// How long a packet sounds, in samples at 48 kHz: 120 to 5,760 (RFC 6716 §3.1). `None` for what is no packet.
#[must_use]
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = u32::from(toc >> 3);
    let frame = match config {
        0..=11 => [480, 960, 1_920, 2_880][config as usize & 3],
        12..=15 => [480, 960][config as usize & 1],
        _ => 120 << (config & 3),
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * count).filter(|samples| (120..=5_760).contains(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = OpusHead { channels: 2, pre_skip: 3_840, input_rate: 44_100, output_gain: -256 };
        assert_eq!(OpusHead::parse(&head.to_bytes()), Some(head));
        let mut bytes = OpusHead::of(1).to_bytes();
        assert!((0..19).all(|end| OpusHead::parse(&bytes[..end]).is_none()));
        bytes[9] = 3;
        assert_eq!(OpusHead::parse(&bytes), None);
    }

    #[test]
    fn the_first_byte_says_how_long_a_packet_sounds() {
        assert_eq!(packet_samples(&[0x78, 1]), Some(960), "20 ms hybrid");
        assert_eq!(packet_samples(&[0xfc, 1]), Some(960), "20 ms CELT");
        assert_eq!(packet_samples(&[0x81, 1, 1]), Some(240), "twice 2.5 ms");
        assert_eq!(packet_samples(&[0x1b, 2]), Some(5_760), "twice 60 ms");
        assert_eq!(packet_samples(&[0x1b, 3]), None);
        assert_eq!(packet_samples(&[0x1b, 0]), None);
        assert_eq!(packet_samples(&[0x1b]), None);
        assert_eq!(packet_samples(&[]), None);
    }
}
