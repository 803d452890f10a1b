//! EBML (RFC 8794): ids, sizes of variable length, and the few kinds of elements.

/// A size that says "until something of my level or above begins".
pub(super) const UNKNOWN_SIZE: u64 = u64::MAX;

/// Appends elements.
#[derive(Debug)]
pub(super) struct Out<'a>(pub(super) &'a mut Vec<u8>);

impl Out<'_> {
    pub(super) fn id(&mut self, id: u32) {
        let bytes = id.to_be_bytes();
        let zeros = (id.leading_zeros() / 8).min(3) as usize;
        self.0.extend_from_slice(bytes.get(zeros..).unwrap_or_default());
    }

    /// The shortest form.
    fn size(&mut self, size: u64) {
        let length = (1..8).find(|length| size < (1 << (7 * length)) - 1).unwrap_or(8);
        let bytes = (size | 1 << (7 * length)).to_be_bytes();
        self.0.extend_from_slice(bytes.get(8 - length..).unwrap_or_default());
    }

    /// A head whose size takes eight bytes, so that its length is known before the size is.
    pub(super) fn long_head(&mut self, id: u32, size: u64) {
        self.id(id);
        let size = if size == UNKNOWN_SIZE { 0x00FF_FFFF_FFFF_FFFF } else { size & 0x00FF_FFFF_FFFF_FFFF };
        self.0.extend_from_slice(&(size | 1 << 56).to_be_bytes());
    }

    pub(super) fn bytes(&mut self, id: u32, parts: &[&[u8]]) {
        self.id(id);
        self.size(parts.iter().map(|part| part.len() as u64).sum());
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
    }

    pub(super) fn text(&mut self, id: u32, text: &str) {
        self.bytes(id, &[text.as_bytes()]);
    }

    pub(super) fn number(&mut self, id: u32, number: u64) {
        let bytes = number.to_be_bytes();
        let zeros = (number.leading_zeros() / 8).min(7) as usize;
        self.bytes(id, &[bytes.get(zeros..).unwrap_or_default()]);
    }

    /// Always eight bytes.
    pub(super) fn long_number(&mut self, id: u32, number: u64) {
        self.bytes(id, &[&number.to_be_bytes()]);
    }

    pub(super) fn float(&mut self, id: u32, number: f64) {
        self.bytes(id, &[&number.to_be_bytes()]);
    }

    pub(super) fn master(&mut self, id: u32, fill: impl FnOnce(&mut Out<'_>)) {
        let mut inside = Vec::new();
        fill(&mut Out(&mut inside));
        self.bytes(id, &[&inside]);
    }
}

/// An element's id, with its marker, and how many bytes it took. `None` when it is no id.
pub(super) fn read_id(bytes: &[u8]) -> Option<(u32, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    if length > 4 {
        return None;
    }
    let id = bytes.get(..length)?.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    Some((id, length))
}

/// A size, [`UNKNOWN_SIZE`] included, and how many bytes it took.
pub(super) fn read_size(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let mask = (1_u64 << (7 * length)) - 1;
    let size = bytes.get(..length)?.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)) & mask;
    Some((if size == mask { UNKNOWN_SIZE } else { size }, length))
}

/// The elements of a master element that lies in memory. Ends at the first that is cut short.
pub(super) fn children(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, id_length) = read_id(bytes)?;
        let (size, size_length) = read_size(bytes.get(id_length..)?)?;
        let head = id_length + size_length;
        let end = head.checked_add(usize::try_from(size).ok()?)?;
        let body = bytes.get(head..end)?;
        bytes = bytes.get(end..)?;
        Some((id, body))
    })
}

/// At most eight bytes, big endian; no bytes are 0.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

pub(super) fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        0 => Some(0.0),
        4 => Some(f64::from(f32::from_be_bytes(*bytes.first_chunk()?))),
        8 => Some(f64::from_be_bytes(*bytes.first_chunk()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_short_as_they_can_be_and_read_back() {
        for size in [0, 1, 126, 127, 128, 16_382, 16_383, 2_097_151, 1 << 40, (1 << 56) - 2] {
            let mut bytes = Vec::new();
            Out(&mut bytes).size(size);
            assert_eq!(read_size(&bytes), Some((size, bytes.len())), "{size}");
        }
        assert_eq!(read_size(&[0xff]), Some((UNKNOWN_SIZE, 1)));
        assert_eq!(read_size(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Some((UNKNOWN_SIZE, 8)));
        assert_eq!(read_size(&[0x40]), None);
        assert_eq!(read_size(&[0]), None);
    }

    #[test]
    fn elements_are_read_as_they_were_written() {
        let mut bytes = Vec::new();
        Out(&mut bytes).number(0xD7, 300);
        Out(&mut bytes).float(0x4489, 1.5);
        Out(&mut bytes).master(0x1A45_DFA3, |out| out.text(0x4282, "webm"));
        let found: Vec<_> = children(&bytes).collect();
        assert_eq!(found[0], (0xD7, &[1, 44][..]));
        assert_eq!(float(found[1].1), Some(1.5));
        assert_eq!(children(found[2].1).next(), Some((0x4282, &b"webm"[..])));
        assert_eq!(children(&bytes[..bytes.len() - 1]).count(), 2);
    }
}
