//! FLAC (RFC 9639), sixteen bits: the fixed predictors and Rice codes, which take speech to about half and silence to
//! nothing. Encoding with adaptive predictors would save a few percent more for ten times the code.

use crate::wav::quantized;

/// Moments in a block; one of the sizes that every decoder has.
const BLOCK: usize = 4_096;
/// RFC 9639 §9.2.7: the four-bit parameter 15 is the escape code.
const MOST_RICE: u32 = 14;
/// Values in a partition of the residual, at least.
const LEAST_PARTITION: usize = 256;
const DEPTH: u32 = 16;

/// One file that is being written.
#[derive(Debug)]
pub struct Writer {
    channels: usize,
    block: Vec<i16>,
    number: u64,
}

impl Writer {
    /// Appends the header. `samples` are the moments of the whole file, 0 when they are not known; `rate` is at most
    /// 1,048,575 Hz, `channels` 1 or 2.
    #[must_use]
    pub fn begin(channels: u8, rate: u32, samples: u64, out: &mut Vec<u8>) -> Self {
        let channels = channels.clamp(1, 2);
        out.extend_from_slice(b"fLaC\x80\0\0\x22");
        out.extend_from_slice(&[(BLOCK as u16).to_be_bytes(); 2].concat());
        // The sizes of frames and the checksum of the sound are not known before the end: RFC 9639 §8.2 has 0 for that.
        out.extend_from_slice(&[0; 6]);
        let told = u64::from(rate & 0xf_ffff) << 44
            | u64::from(channels - 1) << 41
            | u64::from(DEPTH - 1) << 36
            | samples & 0xf_ffff_ffff;
        out.extend_from_slice(&told.to_be_bytes());
        out.extend_from_slice(&[0; 16]);
        Self { channels: usize::from(channels), block: Vec::with_capacity(BLOCK * 2), number: 0 }
    }

    /// Takes interleaved sound, ±1.0 at full scale; appends a frame for each full block.
    pub fn write(&mut self, sound: &[f32], out: &mut Vec<u8>) {
        for value in sound {
            self.block.push(quantized(*value));
            if self.block.len() == BLOCK * self.channels {
                self.frame(out);
            }
        }
    }

    /// Appends what is left.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let whole = self.block.len() / self.channels * self.channels;
        self.block.truncate(whole);
        if whole > 0 {
            self.frame(out);
        }
    }

    fn frame(&mut self, out: &mut Vec<u8>) {
        let begin = out.len();
        let length = self.block.len() / self.channels;
        // Sync with a fixed block size; the size of the block in sixteen bits unless it is the usual one; the rate as the
        // header has it; independent channels; sixteen bits.
        let code = if length == BLOCK { 0xc0 } else { 0x70 };
        out.extend_from_slice(&[0xff, 0xf8, code, (self.channels as u8 - 1) << 4 | 0x08]);
        write_number(self.number, out);
        if length != BLOCK {
            out.extend_from_slice(&(length as u16 - 1).to_be_bytes());
        }
        out.push(crc8(out.get(begin..).unwrap_or_default()));
        let mut bits = BitWriter { out, held: 0, count: 0 };
        for channel in 0..self.channels {
            let sound: Vec<i32> = self
                .block
                .iter()
                .skip(channel)
                .step_by(self.channels)
                .map(|value| i32::from(*value))
                .collect();
            subframe(&sound, &mut bits);
        }
        bits.align();
        let sum = crc16(out.get(begin..).unwrap_or_default());
        out.extend_from_slice(&sum.to_be_bytes());
        self.block.clear();
        self.number += 1;
    }
}

/// RFC 9639 §9.2: constant, or the fixed predictor (§9.2.5) whose residual is smallest.
fn subframe(sound: &[i32], bits: &mut BitWriter<'_>) {
    if sound.windows(2).all(|pair| pair[0] == pair[1]) {
        bits.put(0, 8);
        bits.put(sound.first().copied().unwrap_or(0) as u32, DEPTH);
        return;
    }
    let mut residuals = vec![sound.to_vec()];
    for order in 1..=4_usize.min(sound.len().saturating_sub(1)) {
        let before = residuals.get(order - 1).map(Vec::as_slice).unwrap_or_default();
        let next = before.windows(2).map(|pair| pair[1] - pair[0]).collect();
        residuals.push(next);
    }
    let cost =
        |residual: &Vec<i32>| residual.iter().map(|value| u64::from(value.unsigned_abs())).sum::<u64>();
    let best =
        residuals.iter().enumerate().min_by_key(|(order, residual)| cost(residual) + 16 * *order as u64);
    let Some((order, residual)) = best else { return };
    // One bit of padding, six of kind (fixed predictors begin at 8), none wasted.
    bits.put((8 + order as u32) << 1, 8);
    sound.iter().take(order).for_each(|value| bits.put(*value as u32, DEPTH));
    write_residual(residual, sound.len(), order, bits);
}

/// RFC 9639 §9.2.7: partitions, each with the Rice parameter that fits it.
fn write_residual(residual: &[i32], length: usize, order: usize, bits: &mut BitWriter<'_>) {
    let fits =
        |partitions: u32| length.is_multiple_of(1 << partitions) && length >> partitions >= LEAST_PARTITION;
    let partitions = (0..=4).rev().find(|partitions| fits(*partitions)).unwrap_or(0);
    bits.put(0, 2);
    bits.put(partitions, 4);
    let mut rest = residual;
    for partition in 0..1_usize << partitions {
        // The first is shorter by the values that stand there as they are.
        let here = (length >> partitions) - if partition == 0 { order } else { 0 };
        let (values, after) = rest.split_at(here.min(rest.len()));
        rest = after;
        let folded = |value: &i32| ((value << 1) ^ (value >> 31)) as u32;
        let sum: u64 = values.iter().map(|value| u64::from(folded(value))).sum();
        let mean = sum / values.len().max(1) as u64;
        let rice = (64 - mean.leading_zeros()).saturating_sub(1).min(MOST_RICE);
        bits.put(rice, 4);
        for value in values {
            let folded = folded(value);
            bits.unary(folded >> rice);
            bits.put(folded & ((1 << rice) - 1), rice);
        }
    }
}

/// As UTF-8 writes a character (RFC 9639 §9.1.5), up to 36 bits.
fn write_number(number: u64, out: &mut Vec<u8>) {
    if number < 0x80 {
        out.push(number as u8);
        return;
    }
    let more = (1..=6).find(|more| number < 1 << (5 * more + 6)).unwrap_or(6);
    let mark = (0xff00_u32 >> (more + 1)) as u8;
    out.push(mark | (number >> (6 * more)) as u8 & (0x3f >> more));
    (0..more).rev().for_each(|at| out.push(0x80 | (number >> (6 * at)) as u8 & 0x3f));
}

struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter<'_> {
    /// The lowest `width` bits of `number`, at most 32.
    fn put(&mut self, number: u32, width: u32) {
        let mask = (1_u64 << width) - 1;
        self.held = self.held << width | u64::from(number) & mask;
        self.count += width;
        while self.count >= 8 {
            self.count -= 8;
            self.out.push((self.held >> self.count) as u8);
        }
    }

    /// So many zeros and a one.
    fn unary(&mut self, mut zeros: u32) {
        while zeros >= 31 {
            self.put(0, 31);
            zeros -= 31;
        }
        self.put(1, zeros + 1);
    }

    fn align(&mut self) {
        self.put(0, (8 - self.count % 8) % 8);
    }
}

/// Polynomial x^8 + x^2 + x + 1 (RFC 9639 §9.1.8).
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 != 0 { sum << 1 ^ 0x07 } else { sum << 1 })
    })
}

/// Polynomial x^16 + x^15 + x^2 + 1 (RFC 9639 §9.3).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(
            sum ^ u16::from(*byte) << 8,
            |sum, _| if sum & 0x8000 != 0 { sum << 1 ^ 0x8005 } else { sum << 1 },
        )
    })
}
