//! What forwarding must know of a frame, read from the first bytes of its packets or, better, from the dependency
//! descriptor beside them. Nothing here decodes a picture, and no parser trusts a length.

pub(crate) mod av1;
pub(crate) mod bits;
pub(crate) mod dependency;
pub(crate) mod h264;
pub(crate) mod vp8;
pub(crate) mod vp9;

use crate::sdp::codecs::Codec;

/// A spatial and a temporal layer of one stream, and all below them: `4 * spatial + temporal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Point(u8);

impl Point {
    /// Spatial layers that can be told apart (three bits in VP9 and AV1).
    pub(crate) const SPATIAL: u8 = 8;
    /// Temporal layers that can be told apart: no encoder in a browser makes more; higher ones count as the highest.
    pub(crate) const TEMPORAL: u8 = 4;
    /// Everything there is.
    pub(crate) const MAX: Self = Self(Self::SPATIAL * Self::TEMPORAL - 1);

    pub(crate) fn new(spatial: u8, temporal: u8) -> Self {
        Self(spatial.min(Self::SPATIAL - 1) * Self::TEMPORAL + temporal.min(Self::TEMPORAL - 1))
    }

    pub(crate) fn spatial(self) -> u8 {
        self.0 / Self::TEMPORAL
    }

    pub(crate) fn temporal(self) -> u8 {
        self.0 % Self::TEMPORAL
    }

    /// Its place in a list of [`Points`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) fn from_index(index: usize) -> Self {
        Self::new((index / usize::from(Self::TEMPORAL)) as u8, (index % usize::from(Self::TEMPORAL)) as u8)
    }

    /// Whether this is part of the other one, when every layer builds on those below.
    pub(crate) fn is_within(self, other: Self) -> bool {
        self.spatial() <= other.spatial() && self.temporal() <= other.temporal()
    }
}

/// A set of points, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Points(u32);

impl Points {
    pub(crate) const ALL: Self = Self(u32::MAX);
    pub(crate) const NONE: Self = Self(0);
    /// The temporal layers of one spatial layer.
    const ROW: u32 = (1 << Point::TEMPORAL) - 1;

    pub(crate) fn contains(self, point: Point) -> bool {
        self.0 >> point.0 & 1 == 1
    }

    pub(crate) fn insert(&mut self, point: Point) {
        self.0 |= 1 << point.0;
    }

    /// All points that contain this one, when every layer builds on those below.
    pub(crate) fn above(point: Point) -> Self {
        let row = Self::ROW << point.temporal() & Self::ROW;
        Self(
            (point.spatial()..Point::SPATIAL)
                .fold(0, |set, spatial| set | row << (spatial * Point::TEMPORAL)),
        )
    }

    /// The points of one spatial layer from this temporal layer up.
    pub(crate) fn faster(point: Point) -> Self {
        Self((Self::ROW << point.temporal() & Self::ROW) << (point.spatial() * Point::TEMPORAL))
    }

    /// The points of one spatial layer.
    pub(crate) fn of_spatial(spatial: u8) -> Self {
        Self::faster(Point::new(spatial, 0))
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether who gets a spatial layer gets all that the layers below it get.
    pub(crate) fn is_nested(self) -> bool {
        (self.0 << Point::TEMPORAL) & !self.0 == 0
    }
}

/// Where a payload carries picture numbers that must be continuous for the receiver (RFC 7741 §4.2, RFC 9628 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PictureNumbers {
    /// Offset of the picture id in the payload; zero when there is none.
    pub(crate) picture_at: u8,
    /// The picture id has fifteen bits, not seven.
    pub(crate) is_long: bool,
    pub(crate) picture: u16,
    /// Offset of `TL0PICIDX`; zero when there is none.
    pub(crate) base_at: u8,
    pub(crate) base: u8,
}

impl PictureNumbers {
    /// Adds to both numbers of a payload that these were read from.
    pub(crate) fn shift(&self, payload: &mut [u8], picture: u16, base: u8) {
        let at = usize::from(self.picture_at);
        if at > 0 {
            let number = self.picture.wrapping_add(picture);
            match payload.get_mut(at..at + 2) {
                Some(bytes) if self.is_long => {
                    bytes.copy_from_slice(&(number & 0x7fff | 0x8000).to_be_bytes());
                }
                Some(bytes) => bytes[0] = (number & 0x7f) as u8,
                None => {}
            }
        }
        if self.base_at > 0
            && let Some(byte) = payload.get_mut(usize::from(self.base_at))
        {
            *byte = self.base.wrapping_add(base);
        }
    }
}

/// What one packet says about the frame it belongs to. A frame is one spatial layer of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameInfo {
    /// The frame's first packet.
    pub(crate) starts: bool,
    /// The frame's last packet, where the payload says so; the marker says it for whole pictures.
    pub(crate) ends: bool,
    /// Decoding can begin with this packet.
    pub(crate) keyframe: bool,
    /// The frame's own layer.
    pub(crate) point: Point,
    /// Who needs it.
    pub(crate) present: Points,
    /// Who may be switched to with this frame…
    pub(crate) switch: Points,
    /// …by those who get this temporal layer or more.
    pub(crate) switch_floor: u8,
    pub(crate) numbers: PictureNumbers,
    /// Width and height in pixels, where the packet says so.
    pub(crate) size: Option<(u16, u16)>,
}

impl FrameInfo {
    /// A packet of a frame that everyone needs.
    pub(crate) const OPAQUE: Self = Self {
        starts: false,
        ends: false,
        keyframe: false,
        point: Point(0),
        present: Points::ALL,
        switch: Points::NONE,
        switch_floor: 0,
        numbers: PictureNumbers { picture_at: 0, is_long: false, picture: 0, base_at: 0, base: 0 },
        size: None,
    };

    /// Reads the payload.
    pub(crate) fn of_payload(codec: Codec, payload: &[u8]) -> Self {
        let read = match codec {
            Codec::Opus => None,
            Codec::Vp8 => vp8::read(payload),
            Codec::Vp9 => vp9::read(payload),
            Codec::H264 => Some(h264::read(payload)),
            Codec::Av1 => av1::read(payload),
        };
        read.unwrap_or(Self::OPAQUE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_above_one_are_those_that_build_on_it() {
        let middle = Point::new(1, 1);
        let above = Points::above(middle);
        for index in 0..32 {
            let point = Point::from_index(index);
            assert_eq!(above.contains(point), middle.is_within(point), "{point:?}");
        }
        assert!(above.is_nested() && Points::ALL.is_nested() && Points::NONE.is_nested());
        assert!(!Points::of_spatial(1).is_nested(), "the layer above does not get it");
        assert!(Points::of_spatial(7).is_nested());
    }

    #[test]
    fn picture_numbers_are_shifted_in_their_own_width() {
        let mut payload = [0x90, 0xe0, 0xff, 0xff, 255, 0];
        let numbers = vp8::read(&payload).expect("a descriptor").numbers;
        numbers.shift(&mut payload, 2, 3);
        assert_eq!(payload, [0x90, 0xe0, 0x80, 0x01, 2, 0]);
        let mut short = [0x90, 0x80, 0x7f, 0];
        let numbers = vp8::read(&short).expect("a descriptor").numbers;
        numbers.shift(&mut short, 2, 0);
        assert_eq!(short, [0x90, 0x80, 0x01, 0]);
        numbers.shift(&mut [], 1, 1);
    }
}
