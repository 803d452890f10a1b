//! What stands still in a scene: the ground, tiles, the circle of whoever shows no picture; and where names are written.

use super::layout::{Area, HEIGHT, WIDTH};

/// The dark theme's ground and tiles, and the ink on them.
const GROUND: [u8; 3] = [0x15, 0x17, 0x1c];
const TILE: [u8; 3] = [0x23, 0x26, 0x2d];
const INK: &str = "0xe6e8ec";
/// Circles of people, by their number.
const TINTS: [[u8; 3]; 6] = [
    [0x4f, 0x6b, 0xb8],
    [0x8a, 0x5a, 0xa8],
    [0xa8, 0x57, 0x62],
    [0x9a, 0x6b, 0x35],
    [0x3f, 0x85, 0x5f],
    [0x35, 0x7f, 0x94],
];
/// Pixels of a name's letters, and how wide one is about.
const LETTER: u32 = 18;
const LETTER_WIDTH: u32 = 11;
/// Between a tile and its name.
const BELOW: u32 = 4;

/// A picture of one scene, three bytes a pixel.
pub(super) struct Canvas(Vec<u8>);

impl Canvas {
    pub(super) fn new() -> Self {
        Self(GROUND.repeat((WIDTH * HEIGHT) as usize))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn tile(&mut self, area: Area) {
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                self.put(x, y, TILE);
            }
        }
    }

    /// In the middle of a tile, for this person.
    pub(super) fn circle(&mut self, area: Area, person: u64) {
        let radius = radius(area);
        let (cx, cy) = (area.x + area.width / 2, area.y + area.height / 2);
        let tint = TINTS.get((person % TINTS.len() as u64) as usize).copied().unwrap_or(TILE);
        for y in cy.saturating_sub(radius)..=cy + radius {
            for x in cx.saturating_sub(radius)..=cx + radius {
                if x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) <= radius.pow(2) {
                    self.put(x, y, tint);
                }
            }
        }
    }

    fn put(&mut self, x: u32, y: u32, colour: [u8; 3]) {
        let at = ((y * WIDTH + x) * 3) as usize;
        if let Some(pixel) = self.0.get_mut(at..at + 3) {
            pixel.copy_from_slice(&colour);
        }
    }
}

fn radius(area: Area) -> u32 {
    area.width.min(area.height) * 3 / 10
}

/// A text that ffmpeg draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) words: String,
    size: u32,
    /// From the left, and whether that is its middle; from the top likewise.
    x: u32,
    y: u32,
    is_centered: bool,
}

impl Text {
    /// A name under a tile; as much of it as there is room for.
    pub(super) fn below(area: Area, name: &str) -> Self {
        let room = (area.width / LETTER_WIDTH) as usize;
        let plain: String = name.chars().filter(|one| !one.is_control()).collect();
        let words = match plain.chars().count() > room {
            true => plain.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            false => plain,
        };
        Self { words, size: LETTER, x: area.x + 2, y: area.y + area.height + BELOW, is_centered: false }
    }

    /// The first letter of a name, in its circle.
    pub(super) fn initial(area: Area, name: &str) -> Self {
        let first = name.chars().find(|one| one.is_alphanumeric());
        let words = first.map_or_else(|| "?".to_owned(), |one| one.to_uppercase().collect());
        let (x, y) = (area.x + area.width / 2, area.y + area.height / 2);
        Self { words, size: radius(area).max(LETTER), x, y, is_centered: true }
    }

    /// As a filter that reads the words from a file.
    pub(super) fn filter(&self, file: &str) -> String {
        let Self { size, x, y, is_centered, .. } = self;
        let (half_width, half_height) = if *is_centered { ("-text_w/2", "-text_h/2") } else { ("", "") };
        format!(
            "drawtext=expansion=none:textfile={file}:fontsize={size}:fontcolor={INK}:x={x}{half_width}:y={y}{half_height}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_to_their_tile_and_cannot_become_filters() {
        let area = Area { x: 8, y: 8, width: 110, height: 60 };
        let text = Text::below(area, "Anna:\n'x'=[v0],movie=/etc/passwd");
        assert_eq!(text.words, "Anna:'x'=…");
        assert_eq!(
            text.filter("t0.txt"),
            "drawtext=expansion=none:textfile=t0.txt:fontsize=18:fontcolor=0xe6e8ec:x=10:y=72"
        );
        assert_eq!(Text::initial(area, "  жанна").words, "Ж");
        assert_eq!(Text::initial(area, "☺").words, "?");
    }

    #[test]
    fn what_is_drawn_lies_within_its_tile() {
        let area = Area { x: 1_000, y: 600, width: 200, height: 100 };
        let mut canvas = Canvas::new();
        canvas.tile(area);
        canvas.circle(area, 7);
        let at = |x: u32, y: u32| {
            let at = ((y * WIDTH + x) * 3) as usize;
            &canvas.bytes()[at..at + 3]
        };
        assert_eq!((at(999, 600), at(1_000, 600)), (&GROUND[..], &TILE[..]));
        assert_eq!(at(1_100, 650), TINTS[1]);
        canvas_outside(area);
    }

    fn canvas_outside(area: Area) {
        let mut canvas = Canvas::new();
        canvas.circle(Area { x: 1_270, y: 715, ..area }, 0);
        assert_eq!(canvas.bytes().len(), (WIDTH * HEIGHT * 3) as usize);
    }
}
