//! Segments as players get them: read back by us and by somebody else.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod support;

use support::{FRAMES, SIZE, Scratch, asked, frames, opus_packet};
use voxlink_container::{
    OpusHead,
    aac::{AacConfig, Adts},
    fmp4::{
        Codec, ReadError, Run, Sample, SampleInfo, Table, Track, TrackId, Vp9Config, fragments, head, init,
        segment, tracks,
    },
    rtp::Format,
};

const PICTURES: [Format; 3] = [Format::Vp9, Format::H264, Format::Av1];
/// A thirtieth of a second.
const PICTURE: u32 = 3_000;
const SOUND: u32 = 960;

fn picture_track(format: Format) -> (Track, Vec<Sample>) {
    let frames = frames(format);
    let (size, config) = (frames[0].size.unwrap(), frames[0].config.clone());
    let codec = match format {
        Format::Vp9 => {
            let (size, config) = Vp9Config::parse(&frames[0].payload).unwrap();
            Codec::Vp9 { size, config }
        }
        Format::H264 => Codec::H264 { size, config: config.unwrap() },
        Format::Av1 => Codec::Av1 { size, config: config.unwrap() },
        Format::Opus | Format::Vp8 => panic!("MP4 has no {format:?} here"),
    };
    let sample = |frame: &voxlink_container::rtp::Frame| Sample {
        duration: PICTURE,
        is_key: frame.is_key,
        payload: frame.payload.clone(),
    };
    (Track { id: TrackId::TWO, codec }, frames.iter().map(sample).collect())
}

fn sound_track(count: usize) -> (Track, Vec<Sample>) {
    let sample = |at: usize| Sample { duration: SOUND, is_key: true, payload: opus_packet(at as u8) };
    (Track { id: TrackId::ONE, codec: Codec::Opus(OpusHead::of(2)) }, (0..count).map(sample).collect())
}

/// Pictures from `time` on in seconds, with the sound beside them.
fn both(sequence: u32, time: u64, pictures: &[Sample], sounds: &[Sample]) -> Vec<u8> {
    segment(
        sequence,
        &[
            Run { track: TrackId::TWO, time: time * 90_000, samples: pictures },
            Run { track: TrackId::ONE, time: time * 48_000, samples: sounds },
        ],
    )
}

#[test]
fn what_was_written_is_read_back_with_its_times() {
    for format in PICTURES {
        let (picture, pictures) = picture_track(format);
        let (sound, sounds) = sound_track(50);
        let head = init(&[sound.clone(), picture.clone()]);
        let named = tracks(&head).unwrap();
        assert_eq!(named.len(), 2);
        assert_eq!((named[0].id, &named[0].coded, named[0].timescale), (1, b"Opus", 48_000));
        assert_eq!(named[0].config, [0, 2, 1, 56, 0, 0, 0xbb, 0x80, 0, 0, 0], "big endian, unlike Ogg's");
        assert_eq!((named[1].id, named[1].timescale, named[1].size), (2, 90_000, Some(SIZE)), "{format:?}");
        let bytes = both(3, 70_000, &pictures, &sounds);
        let read = fragments(&bytes).unwrap();
        assert_eq!((read[0].track, read[0].time, &read[0].samples), (2, 6_300_000_000, &pictures));
        assert_eq!((read[1].track, read[1].time, &read[1].samples), (1, 3_360_000_000, &sounds));
        // Cut off anywhere it is none.
        assert!((1..head.len()).all(|end| tracks(&head[..end]) == Err(ReadError)));
        let inside = (1..bytes.len()).step_by(7);
        assert!(inside.map(|end| fragments(&bytes[..end])).all(|read| read == Err(ReadError)));
    }
}

#[test]
fn a_run_without_samples_is_left_out() {
    let (_, sounds) = sound_track(1);
    let read = fragments(&both(1, 0, &[], &sounds)).unwrap();
    assert_eq!(read.iter().map(|one| one.track).collect::<Vec<_>>(), [1]);
    assert_eq!(fragments(&segment(1, &[])), Err(ReadError), "nothing at all");
}

#[test]
fn somebody_else_decodes_every_picture() {
    for format in PICTURES {
        let (picture, pictures) = picture_track(format);
        let (sound, sounds) = sound_track(FRAMES);
        let mut stream = init(&[sound, picture]);
        // Two segments a second apart, as if the stream had been joined in the middle.
        let key = pictures.iter().rposition(|sample| sample.is_key).unwrap();
        stream.extend(both(1, 100, &pictures[..key], &sounds));
        stream.extend(both(2, 101, &pictures[key..], &[]));
        let file = Scratch::new(&format!("{format:?}.mp4"), &stream);
        let path = file.0.to_str().unwrap();
        let counted = ["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries"];
        let shown = ["stream=nb_read_frames,width,height", "-of", "csv=p=0", path];
        let Some(found) = asked("ffprobe", &[&counted[..], &shown].concat()) else { return };
        let wanted = format!("{},{},{FRAMES}\n", SIZE.width, SIZE.height);
        assert_eq!(String::from_utf8(found).unwrap(), wanted, "{format:?}");
    }
}

/// A fifth of a second of AAC.
fn aac_track() -> (Track, Vec<Sample>) {
    let (mut adts, mut samples) = (Adts::default(), Vec::new());
    adts.push(include_bytes!("../../../fuzz/corpus/adts/stereo"));
    while let Some((config, payload)) = adts.poll().unwrap() {
        assert_eq!(config, AacConfig::STEREO);
        samples.push(Sample { duration: voxlink_container::aac::SAMPLES, is_key: true, payload });
    }
    (Track { id: TrackId::ONE, codec: Codec::Aac(AacConfig::STEREO) }, samples)
}

#[test]
fn aac_beside_pictures_is_read_back_and_decoded_by_somebody_else() {
    let (picture, pictures) = picture_track(Format::H264);
    let (sound, sounds) = aac_track();
    let mut stream = init(&[sound, picture]);
    let named = tracks(&stream).unwrap();
    assert_eq!((&named[0].coded, named[0].timescale), (b"mp4a", 48_000));
    let bytes = both(1, 100, &pictures, &sounds);
    assert_eq!(fragments(&bytes).unwrap()[1].samples, sounds);
    stream.extend(bytes);
    let file = Scratch::new("aac.mp4", &stream);
    let path = file.0.to_str().unwrap();
    let counted = ["-v", "error", "-count_frames", "-select_streams", "a", "-show_entries"];
    let shown = ["stream=codec_name,profile,sample_rate,channels,nb_read_frames", "-of", "csv=p=0", path];
    let Some(found) = asked("ffprobe", &[&counted[..], &shown].concat()) else { return };
    assert_eq!(String::from_utf8(found).unwrap(), format!("aac,LC,48000,2,{}\n", sounds.len()));
}

#[test]
fn a_head_and_payloads_that_lie_elsewhere_are_the_segment() {
    let (_, pictures) = picture_track(Format::Vp9);
    let (_, sounds) = aac_track();
    let infos = |samples: &[Sample]| samples.iter().map(Sample::info).collect::<Vec<SampleInfo>>();
    let (shown, heard) = (infos(&pictures), infos(&sounds));
    let mut bytes = head(
        7,
        &[
            Table { track: TrackId::TWO, time: 9 * 90_000, samples: &shown },
            Table { track: TrackId::ONE, time: 9 * 48_000, samples: &heard },
        ],
    );
    pictures.iter().chain(&sounds).for_each(|sample| bytes.extend_from_slice(&sample.payload));
    assert_eq!(bytes, both(7, 9, &pictures, &sounds));
}
