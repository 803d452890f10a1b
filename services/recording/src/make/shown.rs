//! What is made of a recording, and what could be, as the API tells it.

use serde::Serialize;
use voxlink_protocol::{RecordingId, recording::OutputState as Told};

use super::{
    Cause,
    kind::{Format, Kind},
};
use crate::{
    Recordings,
    capture::names::TrackName,
    store::{
        outputs::{Output, OutputState},
        recordings::{Recording, State},
        tracks::Track,
    },
};

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShownOutput {
    pub(crate) kind: String,
    /// Which track it is of.
    track: Option<String>,
    pub(crate) state: Told,
    progress: f32,
    reason: Option<String>,
    /// The reason as a program reads it.
    cause: Option<&'static str>,
    bytes: u64,
    url: Option<String>,
}

impl ShownOutput {
    fn new(kind: Kind, state: Told, cause: Option<Cause>) -> Self {
        Self {
            kind: kind.name().to_owned(),
            track: kind.track(),
            state,
            progress: 0.0,
            reason: cause.map(|cause| cause.words().to_owned()),
            cause: cause.map(Cause::code),
            bytes: 0,
            url: None,
        }
    }

    /// Whether it is this.
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.kind == kind.name() && self.track == kind.track()
    }
}

/// Sound that can be had without loss.
pub(super) fn sounds(tracks: &[Track]) -> impl Iterator<Item = TrackName> {
    tracks.iter().filter(|track| track.codec == "opus").filter_map(|track| TrackName::parse(&track.file))
}

/// Tracks with pictures.
pub(crate) fn has_pictures(tracks: &[Track]) -> bool {
    tracks.iter().any(|track| track.codec != "opus")
}

impl Recordings {
    /// What is made of it, then what could be. `address` gives a file's.
    pub(crate) async fn shown_outputs(
        &self,
        recording: &Recording,
        tracks: &[Track],
        made: Vec<Output>,
        address: impl Fn(&str) -> String,
    ) -> Vec<ShownOutput> {
        let id = recording.id;
        let of_the_mix = self.progress_of(id);
        let mut shown: Vec<ShownOutput> =
            made.into_iter().map(|output| self.shown(id, output, of_the_mix, &address)).collect();
        if recording.state != State::Ready {
            return shown;
        }
        let is_asked = |shown: &[ShownOutput], kind: Kind| shown.iter().any(|one| one.is(kind));
        if !is_asked(&shown, Kind::Video) {
            shown.push(match self.why_no_video(tracks).await {
                Some(cause) => ShownOutput::new(Kind::Video, Told::Unavailable, Some(cause)),
                None => ShownOutput::new(Kind::Video, Told::Offered, None),
            });
        }
        for track in sounds(tracks) {
            for format in Format::BOTH {
                let kind = Kind::Sound(format, track);
                if !is_asked(&shown, kind) {
                    shown.push(ShownOutput::new(kind, Told::Offered, None));
                }
            }
        }
        shown
    }

    /// `None` when one can be made.
    pub(super) async fn why_no_video(&self, tracks: &[Track]) -> Option<Cause> {
        if !has_pictures(tracks) {
            return Some(Cause::NoPictures);
        }
        self.ffmpeg().await.err()
    }

    fn shown(
        &self,
        id: RecordingId,
        output: Output,
        of_the_mix: f32,
        address: &impl Fn(&str) -> String,
    ) -> ShownOutput {
        let kind = Kind::parse(&output.kind);
        let progress = match kind {
            Some(kind) => self.inner.makers.progress(id, kind),
            None => Some(of_the_mix).filter(|progress| *progress > 0.0),
        };
        let is_ready = output.state == OutputState::Ready;
        let cause = output.reason.as_deref().and_then(Cause::of);
        ShownOutput {
            state: match output.state {
                OutputState::Waiting if progress.is_some() => Told::Running,
                OutputState::Waiting => Told::Waiting,
                OutputState::Ready => Told::Ready,
                OutputState::Failed => Told::Failed,
            },
            progress: if is_ready { 1.0 } else { progress.unwrap_or_default() },
            reason: cause.map(|cause| cause.words().to_owned()).or(output.reason),
            cause: cause.map(Cause::code),
            bytes: output.bytes,
            url: is_ready.then(|| address(&output.file)),
            kind: kind.map_or(output.kind, |kind| kind.name().to_owned()),
            track: kind.and_then(Kind::track),
        }
    }
}
