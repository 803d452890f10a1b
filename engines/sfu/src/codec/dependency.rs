//! The dependency descriptor (RTP payload format for AV1, appendix A): which frame belongs to which layers, beside the
//! payload, so that the payload may be encrypted end to end. It serves every codec.

use super::{FrameInfo, PictureNumbers, Point, Points, bits::Bits};

/// Start, end, template and frame number: what every packet has.
const MANDATORY: usize = 3;
/// Six bits number them.
const MOST_TEMPLATES: usize = 64;
/// Two bits of a decode target indication (§A.8.2): not needed; to be switched to.
const NOT_PRESENT: u32 = 0;
const SWITCH: u32 = 2;

/// A kind of frame that a stream has.
#[derive(Clone, Copy, Debug)]
struct Template {
    point: Point,
    /// Two bits for each decode target, the first in the lowest.
    indications: u64,
    present: Points,
    switch: Points,
}

/// What a stream's key frames say about all frames until the next.
#[derive(Clone, Debug)]
pub(crate) struct Structure {
    offset: u32,
    templates: Vec<Template>,
    /// The layers of each decode target.
    targets: Vec<Point>,
    active: u32,
    /// For each point, the decode target that stands for it.
    stands_for: [u8; 32],
    /// Width and height of the highest spatial layer.
    pub(crate) size: Option<(u16, u16)>,
}

/// What a descriptor said.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) frame: FrameInfo,
    /// The stream's new structure, on key frames and when layers come or go.
    pub(crate) structure: Option<Box<Structure>>,
}

/// Reads one descriptor; `current` is the structure of the stream so far. `None` when it is cut short or broken.
pub(crate) fn read(bytes: &[u8], current: Option<&Structure>) -> Option<Read> {
    let mut bits = Bits::new(bytes);
    let (starts, ends) = (bits.flag()?, bits.flag()?);
    let template = bits.take(6)?;
    bits.take(16)?;
    let mut custom_indications = false;
    let mut structure = None;
    let mut is_new = false;
    if bytes.len() > MANDATORY {
        is_new = bits.flag()?;
        let has_active = bits.flag()?;
        custom_indications = bits.flag()?;
        // Frame differences and chains stand behind all that is read here.
        bits.take(2)?;
        if is_new {
            structure = Some(Box::new(Structure::read(&mut bits)?));
        }
        if has_active {
            let known = structure.as_deref().or(current)?;
            let (count, before) = (known.targets.len() as u32, known.active);
            // The first target is written first.
            let active = bits.take(count)?.reverse_bits() >> (32 - count);
            if active != before {
                let mut changed = structure.take().or_else(|| current.cloned().map(Box::new))?;
                changed.activate(active);
                structure = Some(changed);
            }
        }
    }
    let keyframe = starts && is_new;
    let Some(known) = structure.as_deref().or(current) else {
        // The key frame that explains it has not come: nobody can decode it yet.
        return Some(Read { frame: FrameInfo { starts, ends, ..FrameInfo::OPAQUE }, structure });
    };
    let index = (template + 64 - known.offset) % 64;
    let Some(template) = known.templates.get(index as usize).copied() else {
        // Of a structure that was lost or is over.
        return Some(Read { frame: FrameInfo { starts, ends, ..FrameInfo::OPAQUE }, structure });
    };
    let (mut present, mut switch) = (template.present, template.switch);
    if custom_indications {
        let mut indications = 0;
        for target in 0..known.targets.len() {
            indications |= u64::from(bits.take(2)?) << (2 * target);
        }
        (present, switch) = known.sets(indications);
    }
    let frame = FrameInfo {
        starts,
        ends,
        keyframe,
        point: template.point,
        present,
        switch: match (starts, keyframe) {
            (_, true) => Points::ALL,
            (true, false) => switch,
            (false, false) => Points::NONE,
        },
        switch_floor: 0,
        numbers: PictureNumbers::default(),
        size: if keyframe { known.size } else { None },
    };
    Some(Read { frame, structure })
}

/// Adds to the frame number of a descriptor that is about to be sent.
pub(crate) fn shift(descriptor: &mut [u8], by: u16) {
    if let Some([_, high, low]) = descriptor.first_chunk_mut::<MANDATORY>() {
        let number = u16::from_be_bytes([*high, *low]).wrapping_add(by);
        [*high, *low] = number.to_be_bytes();
    }
}

/// The frame number of a descriptor.
pub(crate) fn frame_number(descriptor: &[u8]) -> Option<u16> {
    let [_, high, low] = *descriptor.first_chunk::<MANDATORY>()?;
    Some(u16::from_be_bytes([high, low]))
}

impl Structure {
    /// `template_dependency_structure()`.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let offset = bits.take(6)?;
        let count = bits.take(5)? as usize + 1;
        let mut templates = template_layers(bits)?;
        for template in &mut templates {
            for target in 0..count {
                template.indications |= u64::from(bits.take(2)?) << (2 * target);
            }
        }
        // Frame differences: not needed to forward.
        for _ in &templates {
            while bits.flag()? {
                bits.take(4)?;
            }
        }
        let chains = bits.below(count as u32 + 1)?;
        if chains > 0 {
            for _ in 0..count {
                bits.below(chains)?;
            }
            for _ in 0..templates.len() * chains as usize {
                bits.take(4)?;
            }
        }
        let top = templates.iter().map(|template| template.point.spatial()).max()?;
        let mut size = None;
        if bits.flag()? {
            for _ in 0..=top {
                // Written less one.
                let mut side = || Some(u16::try_from(bits.take(16)? + 1).unwrap_or(u16::MAX));
                size = Some((side()?, side()?));
            }
        }
        let targets = (0..count).map(|target| target_point(&templates, target)).collect();
        let mut structure = Self { offset, templates, targets, active: 0, stands_for: [0; 32], size };
        structure.activate(u32::MAX >> (32 - count));
        Some(structure)
    }

    /// The encoder makes these decode targets only: others are served by the best of those.
    fn activate(&mut self, active: u32) {
        self.active = active;
        let is_active = |target: usize| active >> target & 1 == 1;
        for (index, stand_in) in self.stands_for.iter_mut().enumerate() {
            let point = Point::from_index(index);
            let candidates = || self.targets.iter().enumerate().filter(|(target, _)| is_active(*target));
            let best =
                candidates().filter(|(_, target)| target.is_within(point)).max_by_key(|(_, target)| **target);
            let chosen = best.or_else(|| candidates().min_by_key(|(_, target)| **target));
            *stand_in = chosen.map_or(0, |(target, _)| target as u8);
        }
        for at in 0..self.templates.len() {
            let (present, switch) = self.sets(self.templates[at].indications);
            self.templates[at].present = present;
            self.templates[at].switch = switch;
        }
    }

    fn sets(&self, indications: u64) -> (Points, Points) {
        let (mut present, mut switch) = (Points::NONE, Points::NONE);
        for (index, target) in self.stands_for.iter().enumerate() {
            let indication = (indications >> (2 * target)) as u32 & 3;
            if indication != NOT_PRESENT {
                present.insert(Point::from_index(index));
            }
            if indication == SWITCH {
                switch.insert(Point::from_index(index));
            }
        }
        (present, switch)
    }
}

/// `template_layers()`: each template says how the next one's layer follows.
fn template_layers(bits: &mut Bits<'_>) -> Option<Vec<Template>> {
    let (mut spatial, mut temporal) = (0u8, 0u8);
    let mut templates = Vec::new();
    loop {
        if templates.len() == MOST_TEMPLATES {
            return None;
        }
        let point = Point::new(spatial, temporal);
        templates.push(Template { point, indications: 0, present: Points::NONE, switch: Points::NONE });
        match bits.take(2)? {
            0 => {}
            1 => temporal = temporal.checked_add(1)?,
            2 => {
                temporal = 0;
                spatial = spatial.checked_add(1)?;
            }
            _ => return Some(templates),
        }
    }
}

/// `decode_target_layers()`: the highest layers among the frames that the target needs.
fn target_point(templates: &[Template], target: usize) -> Point {
    let needed = || templates.iter().filter(|template| (template.indications >> (2 * target)) & 3 != 0);
    let spatial = needed().map(|template| template.point.spatial()).max().unwrap_or_default();
    let temporal = needed().map(|template| template.point.temporal()).max().unwrap_or_default();
    Point::new(spatial, temporal)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes bits from texts like `"101 0000"`.
    pub(crate) fn from_bits(texts: &[&str]) -> Vec<u8> {
        let digits: Vec<u8> =
            texts.concat().bytes().filter(|b| matches!(b, b'0' | b'1')).map(|b| b - b'0').collect();
        digits
            .chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |all, (at, bit)| all | bit << (7 - at)))
            .collect()
    }

    /// The first packet of a key frame of L1T3: templates T0 (key), T0, T1, T2; three decode targets; no chains.
    pub(crate) fn key_l1t3(number: u16) -> Vec<u8> {
        from_bits(&[
            "1 1 000000",
            &format!("{number:016b}"),
            "1 0 0 0 0",
            "000000 00010",
            // T0, again T0, T1, T2, no more.
            "00 01 01 11",
            // Indications for targets T0, T1, T2.
            "10 10 10",
            "10 10 10",
            "00 10 10",
            "00 00 01",
            // Frame differences: none; 4; 2; 1.
            "0",
            "1 0011 0",
            "1 0001 0",
            "1 0000 0",
            // No chains: ns(4) is two bits.
            "00",
            // 640x360.
            "1",
            &format!("{:016b}", 639),
            &format!("{:016b}", 359),
        ])
    }

    /// A later packet: `template` 1 is T0, 2 is T1, 3 is T2.
    pub(crate) fn delta(template: u8, number: u16) -> Vec<u8> {
        from_bits(&["1 1", &format!("{template:06b}"), &format!("{number:016b}")])
    }

    #[test]
    fn a_key_frame_explains_the_frames_after_it() {
        let key = read(&key_l1t3(7), None).expect("valid");
        assert!(key.frame.keyframe && key.frame.starts && key.frame.ends);
        assert_eq!(key.frame.size, Some((640, 360)));
        let structure = key.structure.expect("attached");
        let second = read(&delta(3, 8), Some(&structure)).expect("valid").frame;
        assert_eq!(second.point, Point::new(0, 2));
        assert!(second.present.contains(Point::new(0, 2)) && !second.present.contains(Point::new(0, 1)));
        assert!(second.present.contains(Point::MAX), "more than there is means all there is");
        let third = read(&delta(2, 9), Some(&structure)).expect("valid").frame;
        assert!(third.switch.contains(Point::new(0, 1)) && !third.switch.contains(Point::new(0, 0)));
        let unknown = read(&delta(9, 10), Some(&structure)).expect("valid").frame;
        assert_eq!((unknown.present, unknown.keyframe), (Points::ALL, false));
    }

    #[test]
    fn targets_that_the_encoder_stopped_are_served_by_those_it_makes() {
        let structure = read(&key_l1t3(7), None).expect("valid").structure.expect("attached");
        // Only T0 and T1 are active from here on; a T1 frame.
        let bytes = from_bits(&["1 1 000010", "0000000000001000", "0 1 0 0 0", "110"]);
        let read = read(&bytes, Some(&structure)).expect("valid");
        let changed = read.structure.expect("the active targets changed");
        assert_eq!(changed.active, 0b011);
        assert!(read.frame.present.contains(Point::MAX));
    }

    #[test]
    fn indications_of_one_frame_alone_count_for_it() {
        let structure = read(&key_l1t3(7), None).expect("valid").structure.expect("attached");
        let bytes = from_bits(&["1 1 000011", "0000000000001000", "0 0 1 0 0", "00 10 10"]);
        let frame = read(&bytes, Some(&structure)).expect("valid").frame;
        assert!(frame.present.contains(Point::new(0, 1)) && frame.switch.contains(Point::new(0, 2)));
    }

    #[test]
    fn frame_numbers_are_shifted_in_place_and_no_cut_panics() {
        let mut bytes = key_l1t3(65_535);
        shift(&mut bytes, 3);
        assert_eq!(frame_number(&bytes), Some(2));
        for end in 0..bytes.len() {
            let cut = read(&bytes[..end], None);
            assert!(cut.is_none_or(|read| !read.frame.keyframe), "{end}");
        }
        shift(&mut [], 1);
    }
}
