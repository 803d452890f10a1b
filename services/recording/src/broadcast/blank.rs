//! A black picture in each codec, for when there is nothing to see: a player whose pictures end would wait for the next.

use voxlink_container::{
    Size,
    fmp4::{Codec, Vp9Config},
};

const SIZE: Size = Size { width: 320, height: 180 };
/// Made with libvpx, x264 and libaom: one black key frame each, four bytes of length before H.264's.
const VP9: &[u8] = include_bytes!("blank/vp9.bin");
const H264: &[u8] = include_bytes!("blank/h264.bin");
const H264_CONFIG: &[u8] = include_bytes!("blank/h264.config.bin");
const AV1: &[u8] = include_bytes!("blank/av1.bin");
const AV1_CONFIG: &[u8] = include_bytes!("blank/av1.config.bin");

/// Of the same codec as `like`, so that players need no other decoder. `None` for sound.
pub(super) fn picture(like: &Codec) -> Option<(Codec, &'static [u8])> {
    match like {
        Codec::Opus(_) | Codec::Aac(_) => None,
        Codec::Vp9 { .. } => Vp9Config::parse(VP9).map(|(size, config)| (Codec::Vp9 { size, config }, VP9)),
        Codec::H264 { .. } => Some((Codec::H264 { size: SIZE, config: H264_CONFIG.to_vec() }, H264)),
        Codec::Av1 { .. } => Some((Codec::Av1 { size: SIZE, config: AV1_CONFIG.to_vec() }, AV1)),
    }
}
