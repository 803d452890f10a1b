//! `POST /api/v10/channels/{channel}/send-soundboard-sound`: plays a sound in the call that one sits in.

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{
    ChannelId, ErrorCode, GuildId, Problem, SoundId,
    soundboard::{SoundRefused, SoundToPlay, VoiceEffect},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use crate::{
    MediaState,
    calls::{Play, PlayRefused},
};

#[derive(Deserialize)]
pub(crate) struct Form {
    sound_id: SoundId,
    source_guild_id: Option<GuildId>,
}

pub(crate) async fn send(
    State(state): State<MediaState>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(form): ApiJson<Form>,
) -> Result<StatusCode, ApiError> {
    let user = me.user.id;
    let asked = SoundToPlay { user, channel, sound: form.sound_id, source_guild: form.source_guild_id };
    let playable = state.bus.call(asked).await?.map_err(refused_by_chat)?;
    let sound = playable.sound;
    // Who may not play does not make the server decode.
    state.control.may_play(user, channel).await.map_err(refused_by_call)?;
    let frames = state.sounds.take(&state.bus, sound.sound_id, sound.volume).await?;
    let frames = frames.ok_or_else(|| ApiError::unknown(ErrorCode::UnknownSound))?;
    let effect = VoiceEffect {
        channel_id: channel,
        guild_id: playable.guild,
        user_id: user,
        emoji: playable.emoji,
        animation_type: None,
        animation_id: None,
        sound_id: sound.sound_id,
        sound_volume: sound.volume,
        sound_name: sound.name,
    };
    state.control.play(Play { effect, frames }).await.map_err(refused_by_call)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused_by_chat(refused: SoundRefused) -> ApiError {
    match refused {
        SoundRefused::UnknownChannel => ApiError::unknown(ErrorCode::UnknownChannel),
        SoundRefused::UnknownSound => ApiError::unknown(ErrorCode::UnknownSound),
        SoundRefused::Forbidden => ApiError::forbidden(),
        SoundRefused::NotVoice => ApiError::new(
            StatusCode::BAD_REQUEST,
            Problem::new(ErrorCode::WrongChannelType, "Cannot execute action on this channel type"),
        ),
    }
}

pub(super) fn refused_by_call(refused: PlayRefused) -> ApiError {
    match refused {
        PlayRefused::NotSeated => ApiError::new(
            StatusCode::BAD_REQUEST,
            Problem::new(ErrorCode::NotInCall, "You are not connected to this voice channel."),
        ),
        PlayRefused::Silenced => ApiError::forbidden(),
        PlayRefused::TooSoon(wait) => ApiError::rate_limited(wait),
        PlayRefused::Taken => ApiError::new(
            StatusCode::CONFLICT,
            Problem::new(ErrorCode::General, "Somebody else plays a file in this call."),
        ),
        PlayRefused::Full => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Problem::new(
                ErrorCode::General,
                "Too many files are being played on this server. Try again later.",
            ),
        ),
    }
}
