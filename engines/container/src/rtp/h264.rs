//! H.264 in packetization mode 1 (RFC 6184): single units, STAP-A, FU-A. Out come NAL units with four bytes of length, as
//! Matroska and MP4 have them, and `avcC` (ISO/IEC 14496-15 §5.3.3.1) with each key frame.

use super::{Broken, Built, append};
use crate::{Size, bits::Bits};

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const KIND: u8 = 0x1f;
/// A parameter set longer than this is made up.
const LONGEST_SET: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Builder {
    frame: Vec<u8>,
    /// Where the length of the unit that fragments are being put together to stands.
    fragment: Option<usize>,
    has_idr: bool,
    sps: Vec<u8>,
    pps: Vec<u8>,
}

/// Anything but the middle of a fragmented unit.
pub(super) fn begins(payload: &[u8]) -> bool {
    match payload.first().map(|first| first & KIND) {
        None => false,
        Some(FU_A) => payload.get(1).is_some_and(|header| header & 0x80 != 0),
        Some(_) => true,
    }
}

impl Builder {
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let (&first, rest) = payload.split_first().ok_or(Broken)?;
        match first & KIND {
            FU_A => self.fragment(first, rest),
            _ if self.fragment.is_some() => Err(Broken),
            STAP_A => {
                let mut rest = rest;
                while let Some((length, units)) = rest.split_first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*length));
                    self.unit(units.get(..length).ok_or(Broken)?)?;
                    rest = units.get(length..).ok_or(Broken)?;
                }
                if rest.is_empty() { Ok(()) } else { Err(Broken) }
            }
            1..=23 => self.unit(payload),
            // STAP-B, MTAP and FU-B belong to mode 2, which no browser sends.
            _ => Err(Broken),
        }
    }

    pub(super) fn finish(&mut self) -> Option<Built> {
        let (payload, is_key) = (std::mem::take(&mut self.frame), std::mem::take(&mut self.has_idr));
        if self.fragment.take().is_some() {
            return None;
        }
        // A key frame whose parameter sets were never seen cannot be decoded.
        let is_key = is_key && !self.sps.is_empty() && !self.pps.is_empty();
        let (size, config) = if is_key { (size(&self.sps), self.config()) } else { (None, None) };
        Some(Built { payload, is_key, size, config })
    }

    pub(super) fn reset(&mut self) {
        self.frame.clear();
        (self.fragment, self.has_idr) = (None, false);
    }

    fn unit(&mut self, unit: &[u8]) -> Result<(), Broken> {
        let kind = unit.first().ok_or(Broken)? & KIND;
        self.note(kind, unit);
        if kind == DELIMITER {
            return Ok(());
        }
        append(&mut self.frame, &(unit.len() as u32).to_be_bytes())?;
        append(&mut self.frame, unit)
    }

    fn note(&mut self, kind: u8, unit: &[u8]) {
        match kind {
            IDR => self.has_idr = true,
            SPS if unit.len() <= LONGEST_SET => unit.clone_into(&mut self.sps),
            PPS if unit.len() <= LONGEST_SET => unit.clone_into(&mut self.pps),
            _ => {}
        }
    }

    fn fragment(&mut self, indicator: u8, rest: &[u8]) -> Result<(), Broken> {
        let (&header, body) = rest.split_first().ok_or(Broken)?;
        let (begins, ends) = (header & 0x80 != 0, header & 0x40 != 0);
        if begins != self.fragment.is_none() || (begins && ends) {
            return Err(Broken);
        }
        if begins {
            self.fragment = Some(self.frame.len());
            append(&mut self.frame, &[0, 0, 0, 0, indicator & 0xe0 | header & KIND])?;
        }
        append(&mut self.frame, body)?;
        if ends {
            let at = self.fragment.take().ok_or(Broken)?;
            let unit = self.frame.get(at + 4..).ok_or(Broken)?.to_vec();
            let length = (unit.len() as u32).to_be_bytes();
            self.frame.get_mut(at..at + 4).ok_or(Broken)?.copy_from_slice(&length);
            self.note(header & KIND, &unit);
        }
        Ok(())
    }

    /// Profile, compatibility and level stand at the beginning of the sequence parameter set.
    fn config(&self) -> Option<Vec<u8>> {
        let [_, profile, compatibility, level] = *self.sps.first_chunk::<4>()?;
        let mut config = vec![1, profile, compatibility, level, 0xff, 0xe1];
        config.extend_from_slice(&(self.sps.len() as u16).to_be_bytes());
        config.extend_from_slice(&self.sps);
        config.push(1);
        config.extend_from_slice(&(self.pps.len() as u16).to_be_bytes());
        config.extend_from_slice(&self.pps);
        Some(config)
    }
}

/// Profiles whose parameter set tells its colour format (ITU-T H.264 §7.3.2.1.1).
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// ITU-T H.264 §7.3.2.1.1, up to the cropping.
fn size(sps: &[u8]) -> Option<Size> {
    let plain = without_emulation(sps.get(1..)?);
    let mut bits = Bits::new(&plain);
    let profile = bits.number(8)?;
    bits.skip(16)?;
    bits.exp_golomb()?;
    let (mut chroma, mut is_separate) = (1, false);
    if HIGH.contains(&profile) {
        chroma = bits.exp_golomb()?;
        if chroma == 3 {
            is_separate = bits.bit()?;
        }
        bits.exp_golomb()?;
        bits.exp_golomb()?;
        bits.skip(1)?;
        if bits.bit()? {
            scaling_lists(&mut bits, if chroma == 3 { 12 } else { 8 })?;
        }
    }
    bits.exp_golomb()?;
    match bits.exp_golomb()? {
        0 => _ = bits.exp_golomb()?,
        1 => {
            bits.skip(1)?;
            bits.signed_exp_golomb()?;
            bits.signed_exp_golomb()?;
            let cycle = bits.exp_golomb()?.min(256);
            (0..cycle).try_for_each(|_| bits.signed_exp_golomb().map(|_| ()))?;
        }
        _ => {}
    }
    bits.exp_golomb()?;
    bits.skip(1)?;
    let width = bits.exp_golomb()?.checked_add(1)?.checked_mul(16)?;
    let rows = bits.exp_golomb()?.checked_add(1)?.checked_mul(16)?;
    let fields = 2 - u32::from(bits.bit()?);
    if fields == 2 {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let height = rows.checked_mul(fields)?;
    let mut crop = [0; 4];
    if bits.bit()? {
        for side in &mut crop {
            *side = bits.exp_golomb()?;
        }
    }
    let is_halved = |by: &[u32]| if !is_separate && by.contains(&chroma) { 2 } else { 1 };
    let (across, down) = (is_halved(&[1, 2]), is_halved(&[1]) * fields);
    let cropped = |whole: u32, sides: [u32; 2], unit: u32| {
        let off = sides[0].checked_add(sides[1])?.checked_mul(unit)?;
        u16::try_from(whole.checked_sub(off)?).ok().filter(|pixels| *pixels > 0)
    };
    let [left, right, top, bottom] = crop;
    Some(Size {
        width: cropped(width, [left, right], across)?,
        height: cropped(height, [top, bottom], down)?,
    })
}

fn scaling_lists(bits: &mut Bits<'_>, lists: usize) -> Option<()> {
    for list in 0..lists {
        if !bits.bit()? {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.signed_exp_golomb()?) & 0xff;
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// A 3 after two zeros is there so that no start code appears (§7.4.1).
fn without_emulation(unit: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    unit.iter()
        .copied()
        .filter(|byte| {
            let is_inserted = zeros >= 2 && *byte == 3;
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            !is_inserted
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Constrained baseline, level 3.1, 640 by 360 (cropped from 368), as OpenH264 writes it.
    const SPS_360: [u8; 15] =
        [0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x50, 0x17, 0xfc, 0xb0, 0x0f, 0x08, 0x84, 0x6a];
    const PPS_0: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

    #[test]
    fn a_key_frame_has_its_configuration_and_size() {
        let mut builder = Builder::default();
        let mut stap = vec![0x78];
        for unit in [&SPS_360[..], &PPS_0] {
            stap.extend_from_slice(&(unit.len() as u16).to_be_bytes());
            stap.extend_from_slice(unit);
        }
        builder.push(&stap).expect("parameter sets");
        builder.push(&[0x7c, 0x85, 1, 2]).expect("begins");
        builder.push(&[0x7c, 0x05, 3]).expect("goes on");
        builder.push(&[0x7c, 0x45, 4]).expect("ends");
        let built = builder.finish().expect("whole");
        assert!(built.is_key);
        assert_eq!(built.payload.get(27..), Some(&[0, 0, 0, 5, 0x65, 1, 2, 3, 4][..]));
        let config = built.config.expect("of a key frame");
        assert_eq!(config[..8], [1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 15]);
        assert_eq!(config[23..], [1, 0, 4, 0x68, 0xce, 0x3c, 0x80]);
        assert_eq!(built.size, Some(Size { width: 640, height: 360 }));
        builder.push(&[0x41, 9]).expect("single");
        let inter = builder.finish().expect("whole");
        assert_eq!((inter.is_key, inter.payload, inter.config), (false, vec![0, 0, 0, 2, 0x41, 9], None));
    }

    #[test]
    fn fragments_out_of_place_and_lengths_that_lie_are_refused() {
        for broken in [
            &[&[0x7c_u8, 0x05, 1][..]][..],
            &[&[0x7c, 0x85, 1], &[0x7c, 0x85, 1]],
            &[&[0x7c, 0x85, 1], &[0x41, 1]],
            &[&[0x7c, 0xc5, 1]],
            &[&[0x78, 0, 9, 0x41]],
            &[&[0x78, 0, 0]],
            &[&[0x78, 0, 1, 0x41, 7]],
            &[&[0x7d, 1, 2]],
            &[&[0x7c]],
        ] {
            let mut builder = Builder::default();
            assert!(broken.iter().any(|payload| builder.push(payload).is_err()), "{broken:x?}");
        }
    }

    #[test]
    fn a_key_frame_without_its_parameter_sets_is_none() {
        let mut builder = Builder::default();
        builder.push(&[0x65, 1]).expect("single");
        assert!(!builder.finish().expect("whole").is_key);
    }
}
