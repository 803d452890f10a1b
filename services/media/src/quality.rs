//! `GET /api/v1/channels/{channel}/quality`: who in a call hears and is heard how well, for those who may join it.

use axum::{Json, extract::State};
use serde::Serialize;
use voxlink_protocol::{
    ChannelId, ErrorCode, Timestamp, UserId,
    bus::{IssueCallPass, PassRefused},
};
use voxlink_service_kit::{ApiError, ApiPath, Person};
use voxlink_sfu::Source;

use crate::{
    MediaState,
    calls::quality::{Direction, INTERVAL, Sample, Shown},
};

/// A call's timeline.
#[derive(Serialize)]
pub(crate) struct Answer {
    /// Milliseconds between two samples.
    interval: u128,
    participants: Vec<Participant>,
}

#[derive(Serialize)]
struct Participant {
    user_id: UserId,
    /// Oldest first, ten minutes at most.
    samples: Vec<Dated>,
}

#[derive(Serialize)]
struct Dated {
    /// Milliseconds since 1970.
    at: u64,
    up: Way,
    down: Way,
    round_trip_ms: Option<u128>,
    /// Share of what was played that had to be made up, 0 to 1.
    concealed: Option<f32>,
    /// How long pictures stood still, in the client's last report.
    frozen_ms: Option<u128>,
}

#[derive(Serialize)]
struct Way {
    kbps: u32,
    loss: Option<f32>,
    jitter_ms: Option<u128>,
    /// Up: what the client lets its microphone take. Down: what the way is held to take of video.
    target_kbps: Option<u32>,
    /// How long packets wait on the way down.
    queue_ms: Option<u128>,
    /// The largest that goes this way; `null` while there is none.
    picture: Option<Picture>,
}

/// A video, and the layer of it.
#[derive(Serialize)]
struct Picture {
    /// Whose it is.
    user_id: UserId,
    /// `camera` or `screen`.
    source: &'static str,
    /// The simulcast encoding; `null` for the only one.
    rid: Option<String>,
    /// In pixels.
    width: u16,
    height: u16,
}

pub(crate) async fn show(
    State(state): State<MediaState>,
    Person(who): Person,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<Answer>, ApiError> {
    let unknown = || ApiError::unknown(ErrorCode::UnknownChannel);
    let call = state.control.quality_of(channel).await.ok_or_else(unknown)?;
    // Chat says who may be in the call; the pass itself is not used.
    let asked = IssueCallPass { user: who.user.id, guild: call.guild, channel, session_id: String::new() };
    match state.bus.call(asked).await.map_err(|error| {
        tracing::error!(%error, "chat does not say who may see a call");
        ApiError::internal()
    })? {
        Ok(_pass) => {}
        Err(PassRefused::Unknown | PassRefused::NotVoice) => return Err(unknown()),
        Err(PassRefused::Forbidden) => return Err(ApiError::forbidden()),
    }
    let participants = call
        .people
        .into_iter()
        .map(|(user_id, samples)| Participant { user_id, samples: samples.into_iter().map(dated).collect() });
    Ok(Json(Answer { interval: INTERVAL.as_millis(), participants: participants.collect() }))
}

fn dated((at, sample): (Timestamp, Sample)) -> Dated {
    Dated {
        at: at.0,
        up: way(sample.up),
        down: way(sample.down),
        round_trip_ms: sample.round_trip.map(|round_trip| round_trip.as_millis()),
        concealed: sample.experience.map(|experience| experience.concealed),
        frozen_ms: sample.experience.map(|experience| experience.frozen.as_millis()),
    }
}

fn way(direction: Direction) -> Way {
    Way {
        kbps: direction.kbps,
        loss: direction.loss,
        jitter_ms: direction.jitter.map(|jitter| jitter.as_millis()),
        target_kbps: direction.target_kbps,
        queue_ms: direction.queue.map(|queue| queue.as_millis()),
        picture: direction.picture.map(picture),
    }
}

fn picture(Shown { user, picture }: Shown) -> Picture {
    Picture {
        user_id: user,
        source: match picture.source {
            Source::Camera => "camera",
            Source::Screen => "screen",
            Source::Microphone => "microphone",
            Source::ScreenAudio => "screen_audio",
            Source::Sound => "sound",
            Source::Mixed => "mixed",
        },
        rid: picture.rid.map(|rid| rid.to_string()),
        width: picture.width,
        height: picture.height,
    }
}
