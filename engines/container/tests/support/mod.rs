//! Frames of real encoders (`tests/media`: 96 by 64 pixels, twelve frames, a key frame every six), packets of them, and
//! ffmpeg as a stranger who reads what we wrote.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use voxlink_container::{
    OpusHead, Size,
    matroska::{Block, Codec, Info, Track, TrackNumber, Writer},
    rtp::{Assembled, Assembler, Format, Frame, Packet},
};

pub(crate) const SIZE: Size = Size { width: 96, height: 64 };
pub(crate) const FRAMES: usize = 12;
const PIECE: usize = 300;

fn media(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name)).unwrap()
}

/// The frames of an IVF file: a header of 32 bytes, then a length of four bytes and a time of eight before each.
fn ivf(name: &str) -> Vec<Vec<u8>> {
    let file = media(name);
    let mut rest = &file[32..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(*rest.first_chunk().unwrap()) as usize;
        frames.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length..];
    }
    frames
}

/// The NAL units of each access unit.
fn access_units() -> Vec<Vec<Vec<u8>>> {
    let file = media("h264.264");
    let mut begins: Vec<usize> =
        (0..file.len() - 3).filter(|at| file[*at..].starts_with(&[0, 0, 1])).collect();
    begins.push(file.len());
    let mut units: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    for pair in begins.windows(2) {
        let mut unit = &file[pair[0] + 3..pair[1]];
        while let Some(shorter) = unit.strip_suffix(&[0]) {
            unit = shorter;
        }
        let is_slice = |unit: &[u8]| matches!(unit[0] & 31, 1 | 5);
        let last = units.last_mut().unwrap();
        // first_mb_in_slice is 0, or something stands before the slices of the next one.
        let begins = (is_slice(unit) && unit[1] & 0x80 != 0) || !is_slice(unit);
        if begins && last.iter().any(|unit| is_slice(unit)) {
            units.push(Vec::new());
        }
        units.last_mut().unwrap().push(unit.to_vec());
    }
    units
}

fn pieces(descriptor: impl Fn(bool, bool) -> Vec<u8>, frame: &[u8]) -> Vec<Vec<u8>> {
    let count = frame.chunks(PIECE).count();
    let piece = |(at, piece): (usize, &[u8])| [descriptor(at == 0, at + 1 == count), piece.to_vec()].concat();
    frame.chunks(PIECE).enumerate().map(piece).collect()
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Without its size, as RTP has it.
fn obus(unit: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = unit;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (mut at, mut size, mut shift) = (1, 0, 0);
        loop {
            size |= usize::from(rest[at] & 0x7f) << shift;
            shift += 7;
            at += 1;
            if rest[at - 1] & 0x80 == 0 {
                break;
            }
        }
        found.push([&[rest[0] & !2][..], &rest[at..at + size]].concat());
        rest = &rest[at + size..];
    }
    found.retain(|obu| obu[0] >> 3 != 2);
    found
}

/// The payloads of each frame, as a browser would send them.
pub(crate) fn payloads(format: Format) -> Vec<Vec<Vec<u8>>> {
    match format {
        Format::Opus => (0..FRAMES).map(|at| vec![opus_packet(at as u8)]).collect(),
        Format::Vp8 => {
            ivf("vp8.ivf").iter().map(|frame| pieces(|first, _| vec![u8::from(first) << 4], frame)).collect()
        }
        Format::Vp9 => ivf("vp9.ivf")
            .iter()
            .map(|frame| {
                // Bit 2 of a shown frame of profile 0 says that it is none.
                let inter = frame[0] & 4 != 0;
                let flags =
                    |first, last| 0x80 | u8::from(inter) << 6 | u8::from(first) << 3 | u8::from(last) << 2;
                pieces(|first, last| vec![flags(first, last), 7], frame)
            })
            .collect(),
        Format::H264 => access_units()
            .iter()
            .map(|units| {
                let mut payloads = Vec::new();
                let mut together = vec![0x78];
                for unit in units.iter().filter(|unit| unit.len() <= PIECE) {
                    together.extend_from_slice(&(unit.len() as u16).to_be_bytes());
                    together.extend_from_slice(unit);
                }
                if together.len() > 1 {
                    payloads.push(together);
                }
                for unit in units.iter().filter(|unit| unit.len() > PIECE) {
                    let head = |first, last| {
                        vec![unit[0] & 0xe0 | 28, u8::from(first) << 7 | u8::from(last) << 6 | unit[0] & 31]
                    };
                    payloads.extend(pieces(head, &unit[1..]));
                }
                payloads
            })
            .collect(),
        Format::Av1 => ivf("av1.ivf")
            .iter()
            .map(|unit| {
                let obus = obus(unit);
                let all: Vec<u8> =
                    obus.iter().flat_map(|obu| [leb128(obu.len()), obu.clone()].concat()).collect();
                let is_new = u8::from(obus.iter().any(|obu| obu[0] >> 3 == 1)) << 3;
                if all.len() <= PIECE {
                    return vec![[vec![is_new], all].concat()];
                }
                // All but the last whole in the first packet, then the last in pieces.
                let (last, others) = obus.split_last().unwrap();
                let whole: Vec<u8> =
                    others.iter().flat_map(|obu| [leb128(obu.len()), obu.clone()].concat()).collect();
                let first = [leb128(PIECE.min(last.len())), last[..PIECE.min(last.len())].to_vec()].concat();
                let mut payloads = vec![[vec![is_new | 0x40], whole, first].concat()];
                let rest: Vec<_> = last[PIECE.min(last.len())..].chunks(PIECE).collect();
                for (at, piece) in rest.iter().enumerate() {
                    let goes_on = u8::from(at + 1 < rest.len()) << 6;
                    payloads.push([&[0x90 | goes_on][..], piece].concat());
                }
                payloads
            })
            .collect(),
    }
}

/// 20 ms of CELT in mono that nobody can decode, which containers do not want to.
pub(crate) fn opus_packet(at: u8) -> Vec<u8> {
    vec![0xf8, at, at, at]
}

/// Everything in its order, at 10 frames a second.
pub(crate) fn packets(format: Format) -> Vec<(u16, u32, bool, Vec<u8>)> {
    let mut sequence = 65_530_u16;
    let mut all = Vec::new();
    for (at, payloads) in payloads(format).into_iter().enumerate() {
        let count = payloads.len();
        for (piece, payload) in payloads.into_iter().enumerate() {
            let timestamp = 4_294_960_000_u32.wrapping_add(at as u32 * 9_000);
            all.push((sequence, timestamp, piece + 1 == count, payload));
            sequence = sequence.wrapping_add(1);
        }
    }
    all
}

pub(crate) fn assemble(
    assembler: &mut Assembler,
    packets: &[(u16, u32, bool, Vec<u8>)],
    now: Instant,
) -> Vec<Assembled> {
    let mut out = Vec::new();
    for (sequence, timestamp, marker, payload) in packets {
        let packet = Packet { sequence: *sequence, timestamp: *timestamp, marker: *marker, payload };
        assembler.handle(packet, now);
        out.extend(std::iter::from_fn(|| assembler.poll(now)));
    }
    out
}

pub(crate) fn frames(format: Format) -> Vec<Frame> {
    let mut assembler = Assembler::new(format, Duration::from_millis(100));
    let out = assemble(&mut assembler, &packets(format), Instant::now());
    out.into_iter()
        .map(|out| match out {
            Assembled::Frame(frame) => frame,
            Assembled::Lost { packets } => panic!("{packets} lost"),
        })
        .collect()
}

pub(crate) fn number(number: u8) -> TrackNumber {
    TrackNumber::new(number).unwrap()
}

pub(crate) fn track(format: Format, at: u8, first: &Frame) -> Track {
    let size = first.size.unwrap_or_default();
    let config = first.config.clone().unwrap_or_default();
    let codec = match format {
        Format::Opus => Codec::Opus(OpusHead::of(1)),
        Format::Vp8 => Codec::Vp8 { size },
        Format::Vp9 => Codec::Vp9 { size },
        Format::H264 => Codec::H264 { size, config },
        Format::Av1 => Codec::Av1 { size, config },
    };
    Track { number: number(at), name: format!("Ann — {format:?}"), codec }
}

/// A file of one picture track at 10 frames a second, and where in it each block ends.
pub(crate) fn recorded(format: Format) -> (Vec<u8>, Vec<usize>) {
    let frames = frames(format);
    let mut file = Vec::new();
    let mut writer = Writer::begin(&Info::default(), &[track(format, 1, &frames[0])], &mut file);
    let mut ends = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let at = Duration::from_millis(at as u64 * if format == Format::Opus { 20 } else { 100 });
        let block = Block { track: number(1), at, is_key: frame.is_key, payload: &frame.payload };
        writer.write(&block, &mut file).unwrap();
        ends.push(file.len());
    }
    (file, ends)
}

/// A file for strangers to read, gone afterwards.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("voxlink-container-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

/// What a program prints; `None`, saying so, where it is not installed. It must not complain.
pub(crate) fn asked(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        eprintln!("{program} is not installed (apt-get install ffmpeg mkvtoolnix): left out");
        return None;
    };
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{program} {arguments:?}: {complaints}");
    Some(output.stdout)
}

/// Codec, width, height and frames that could be decoded, as ffprobe sees the first track.
pub(crate) fn probed(file: &[u8], name: &str) -> Option<String> {
    let scratch = Scratch::new(name, file);
    let entries = "stream=codec_name,width,height,nb_read_frames";
    let path = scratch.0.to_str().unwrap();
    let told = asked(
        "ffprobe",
        &["-v", "error", "-count_frames", "-show_entries", entries, "-of", "csv=p=0", path],
    )?;
    Some(String::from_utf8(told).unwrap().trim().to_owned())
}
