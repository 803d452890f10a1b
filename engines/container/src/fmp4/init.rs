//! The initialisation segment: `ftyp` and a `moov` without samples (ISO/IEC 14496-12 §8.2, §8.8).

use super::{Track, boxes::Out};

/// What is not told: rate and volume as they are, no rotation (ISO/IEC 14496-12 §8.2.2).
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// "und", five bits a letter.
const UNDETERMINED: u16 = 0x55c4;
/// Of the movie itself; every track has its own.
const TIMESCALE: u32 = 1_000;

/// Names the tracks of the segments that follow.
#[must_use]
pub fn init(tracks: &[Track]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512 * tracks.len() + 256);
    let mut out = Out(&mut bytes);
    out.boxed(b"ftyp", |out| {
        out.bytes(b"iso6");
        out.u32(0);
        out.bytes(b"iso6mp41");
    });
    out.boxed(b"moov", |out| {
        out.full(b"mvhd", 0, 0, |out| {
            out.zeros(8);
            out.u32(TIMESCALE);
            out.zeros(4);
            out.u32(0x1_0000);
            out.u16(0x100);
            out.zeros(10);
            UNITY.iter().for_each(|number| out.u32(*number));
            out.zeros(24);
            out.u32(tracks.iter().map(|track| track.id.0.get()).max().unwrap_or_default().saturating_add(1));
        });
        tracks.iter().for_each(|one| track(out, one));
        out.boxed(b"mvex", |out| {
            for track in tracks {
                out.full(b"trex", 0, 0, |out| {
                    out.u32(track.id.0.get());
                    out.u32(1);
                    out.zeros(12);
                });
            }
        });
    });
    bytes
}

fn track(out: &mut Out<'_>, track: &Track) {
    let is_video = track.codec.is_video();
    let size = track.codec.size().unwrap_or_default();
    out.boxed(b"trak", |out| {
        // Enabled, in the movie.
        out.full(b"tkhd", 0, 3, |out| {
            out.zeros(8);
            out.u32(track.id.0.get());
            out.zeros(8 + 8);
            out.u16(0);
            out.u16(u16::from(!is_video));
            out.u16(if is_video { 0 } else { 0x100 });
            out.zeros(2);
            UNITY.iter().for_each(|number| out.u32(*number));
            out.u32(u32::from(size.width) << 16);
            out.u32(u32::from(size.height) << 16);
        });
        out.boxed(b"mdia", |out| {
            out.full(b"mdhd", 0, 0, |out| {
                out.zeros(8);
                out.u32(track.codec.timescale());
                out.zeros(4);
                out.u16(UNDETERMINED);
                out.zeros(2);
            });
            out.full(b"hdlr", 0, 0, |out| {
                out.zeros(4);
                out.bytes(if is_video { b"vide" } else { b"soun" });
                out.zeros(12 + 1);
            });
            out.boxed(b"minf", |out| media(out, track));
        });
    });
}

fn media(out: &mut Out<'_>, track: &Track) {
    match track.codec.is_video() {
        true => out.full(b"vmhd", 0, 1, |out| out.zeros(8)),
        false => out.full(b"smhd", 0, 0, |out| out.zeros(4)),
    }
    out.boxed(b"dinf", |out| {
        out.full(b"dref", 0, 0, |out| {
            out.u32(1);
            // In this very stream.
            out.full(b"url ", 0, 1, |_| {});
        });
    });
    out.boxed(b"stbl", |out| {
        out.full(b"stsd", 0, 0, |out| {
            out.u32(1);
            track.codec.entry(out);
        });
        for name in [b"stts", b"stsc", b"stco"] {
            out.full(name, 0, 0, |out| out.zeros(4));
        }
        out.full(b"stsz", 0, 0, |out| out.zeros(8));
    });
}
