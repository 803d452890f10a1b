//! Reading numbers of any width, most significant bit first.

pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// `None` past the end.
    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(bit)
    }

    /// At most 32 bits.
    pub(crate) fn number(&mut self, width: u32) -> Option<u32> {
        (0..width.min(32)).try_fold(0, |number, _| Some(number << 1 | u32::from(self.bit()?)))
    }

    pub(crate) fn skip(&mut self, width: u32) -> Option<()> {
        (0..width).try_for_each(|_| self.bit().map(|_| ()))
    }

    /// Exp-Golomb as in H.264 (ITU-T H.264 §9.1), and `uvlc` of AV1.
    pub(crate) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.number(zeros)?;
        (1_u32 << zeros).checked_sub(1)?.checked_add(rest)
    }

    pub(crate) fn signed_exp_golomb(&mut self) -> Option<i32> {
        let number = i64::from(self.exp_golomb()?);
        i32::try_from(if number % 2 == 1 { (number + 1) / 2 } else { -(number / 2) }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_across_bytes_and_end_with_them() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010]);
        assert_eq!(bits.number(3), Some(5));
        assert_eq!(bits.exp_golomb(), Some(5), "00110");
        assert_eq!(bits.exp_golomb(), Some(1), "010");
        assert_eq!(bits.number(6), None);
        let mut bits = Bits::new(&[0b0010_1000]);
        assert_eq!(bits.signed_exp_golomb(), Some(-2), "00101 is 4");
        assert_eq!(Bits::new(&[0; 8]).exp_golomb(), None);
    }
}
