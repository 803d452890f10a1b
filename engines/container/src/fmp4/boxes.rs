//! Boxes (ISO/IEC 14496-12 §4.2): four bytes of length, four of name, then what they hold.

/// Appends boxes.
pub(super) struct Out<'a>(pub(super) &'a mut Vec<u8>);

impl Out<'_> {
    /// A box with what `fill` puts into it.
    pub(super) fn boxed(&mut self, name: &[u8; 4], fill: impl FnOnce(&mut Out<'_>)) {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        self.0.extend_from_slice(name);
        fill(&mut Out(self.0));
        let length = u32::try_from(self.0.len() - at).unwrap_or(u32::MAX);
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// A box with a version and 24 bits of flags before the rest (§4.2.2).
    pub(super) fn full(&mut self, name: &[u8; 4], version: u8, flags: u32, fill: impl FnOnce(&mut Out<'_>)) {
        self.boxed(name, |out| {
            out.u32(u32::from(version) << 24 | flags & 0xff_ffff);
            fill(out);
        });
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }
}

/// The boxes that lie in `bytes` one behind the other, by name. Ends before the first that is cut off; the rest is there
/// to be seen in [`Children::rest`].
pub(super) struct Children<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Iterator for Children<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([l0, l1, l2, l3, n0, n1, n2, n3], _) = self.rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u32::from_be_bytes([*l0, *l1, *l2, *l3])).ok()?;
        let body = self.rest.get(8..length)?;
        self.rest = self.rest.get(length..)?;
        Some(([*n0, *n1, *n2, *n3], body))
    }
}

/// What the first box of this name holds.
pub(super) fn child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    Children { rest: bytes }.find(|(found, _)| found == name).map(|(_, body)| body)
}
