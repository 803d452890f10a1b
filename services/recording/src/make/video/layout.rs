//! Where everything is on the picture: a grid, or the screen that is shared with everyone beside it. Pure.

/// The whole picture, in pixels.
pub(super) const WIDTH: u32 = 1_280;
pub(super) const HEIGHT: u32 = 720;
/// Between tiles.
const GAP: u32 = 8;
/// For a name under a tile.
const LINE: u32 = 28;
/// Tiles of a grid at most.
const MOST: usize = 16;
/// Screens that are shown large at the same time.
const MOST_LARGE: usize = 2;
/// The column beside a screen, and tiles in it.
const COLUMN: u32 = 208;
const MOST_BESIDE: usize = 4;

/// Part of the picture; everything is even, as colours have half the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Area {
    const fn even(self) -> Self {
        Self { x: self.x & !1, y: self.y & !1, width: self.width & !1, height: self.height & !1 }
    }
}

/// Where the tiles go, in their order; those that have no place are left out at the end of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The tile's number and its picture; its name stands in the line below.
    pub(super) places: Vec<(usize, Area)>,
    /// So many more are there than are shown; said in the last place.
    pub(super) more: usize,
}

/// Lays out so many screens and then so many people.
pub(super) fn layout(screens: usize, people: usize) -> Layout {
    let whole = Area { x: 0, y: 0, width: WIDTH, height: HEIGHT };
    if screens == 0 {
        let shown = people.min(MOST);
        return Layout { places: grid(whole, shown), more: people - shown };
    }
    let large = screens.min(MOST_LARGE);
    let column = if people == 0 { 0 } else { COLUMN + GAP };
    let left = Area { width: WIDTH - column, ..whole };
    let each = left.height / large as u32;
    let mut places: Vec<(usize, Area)> = (0..large)
        .map(|index| {
            let y = each * index as u32;
            (index, framed(Area { y, height: each, ..left }))
        })
        .collect();
    let shown = people.min(MOST_BESIDE);
    // As high as a picture of 16 to 9 and its name.
    let tile = COLUMN * 9 / 16 + LINE + GAP;
    for index in 0..shown {
        let area =
            Area { x: left.width - GAP, y: tile * index as u32, width: COLUMN + 2 * GAP, height: tile + GAP };
        places.push((screens + index, framed(area)));
    }
    Layout { places, more: people - shown }
}

/// Tiles of 16 to 9 in the rows and columns that let them be largest, in the middle of the whole.
fn grid(whole: Area, count: usize) -> Vec<(usize, Area)> {
    let width_in = |columns: usize| {
        let rows = count.div_ceil(columns);
        let (width, height) = (whole.width / columns as u32, whole.height / rows as u32);
        (width - 2 * GAP).min((height - GAP - LINE) * 16 / 9)
    };
    // Of two that are as good the one with fewer columns.
    let best = (1..=count).rev().max_by_key(|columns| width_in(*columns));
    let Some(columns) = best else { return Vec::new() };
    let rows = count.div_ceil(columns);
    let width = width_in(columns) + 2 * GAP;
    let height = (width - 2 * GAP) * 9 / 16 + GAP + LINE;
    let top = whole.y + (whole.height - height * rows as u32) / 2;
    (0..count)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            // The last row stands in the middle as well.
            let here = if row + 1 == rows { count - row * columns } else { columns };
            let left = whole.x + (whole.width - here as u32 * width) / 2;
            let (x, y) = (left + column as u32 * width, top + row as u32 * height);
            (index, framed(Area { x, y, width, height }))
        })
        .collect()
}

/// Without what is between tiles and without the name's line.
fn framed(area: Area) -> Area {
    Area {
        x: area.x + GAP,
        y: area.y + GAP,
        width: area.width.saturating_sub(2 * GAP),
        height: area.height.saturating_sub(GAP + LINE),
    }
    .even()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_nothing_is_outside_whoever_is_there() {
        for (screens, people) in (0..4).flat_map(|screens| (0..30).map(move |people| (screens, people))) {
            let Layout { places, more } = layout(screens, people);
            let shown = places.iter().filter(|(tile, _)| *tile >= screens).count();
            assert_eq!(shown + more, people, "{screens} {people}");
            for (at, (_, area)) in places.iter().enumerate() {
                assert!(area.width >= 100 && area.height >= 60, "{area:?}");
                assert!(
                    area.x + area.width <= WIDTH && area.y + area.height + LINE <= HEIGHT + GAP,
                    "{area:?}"
                );
                assert_eq!((area.x | area.y | area.width | area.height) % 2, 0);
                for (_, other) in &places[..at] {
                    let apart = area.x >= other.x + other.width
                        || other.x >= area.x + area.width
                        || area.y >= other.y + other.height + LINE - GAP
                        || other.y >= area.y + area.height + LINE - GAP;
                    assert!(apart, "{area:?} {other:?} of {screens} {people}");
                }
            }
        }
        assert_eq!(layout(0, 0), Layout::default());
        let alone = layout(0, 1).places[0].1;
        assert_eq!((alone.width, alone.height), (1_216, 684));
        let two = layout(0, 2).places;
        assert_eq!(two[0].1, Area { x: 8, y: 174, width: 624, height: 350 });
        assert_eq!((two[1].1.x, two[1].1.y), (648, 174), "beside each other, in the middle");
        assert_eq!(layout(0, 4).places[3].1, Area { x: 648, y: 368, width: 576, height: 324 });
    }
}
