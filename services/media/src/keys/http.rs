//! `/api/v1/channels/{channel}/stream-keys`.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{
    ChannelId, ErrorCode, Problem, Secret, StreamKeyId, Timestamp, UserId, bus::PassRefused,
    text::StreamKeyName,
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::{generate, hash};
use crate::{
    MediaState,
    store::stream_keys::{self, StreamKey},
    strangers::{Credential, pass},
};

/// Keys of one person for one channel.
const MOST_KEYS: usize = 25;

#[derive(Deserialize)]
pub(crate) struct NewKey {
    name: StreamKeyName,
    #[serde(default)]
    may_view: bool,
}

#[derive(Serialize)]
pub(crate) struct ShownKey {
    id: StreamKeyId,
    channel_id: ChannelId,
    name: String,
    may_view: bool,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    /// Only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Secret>,
}

impl From<StreamKey> for ShownKey {
    fn from(key: StreamKey) -> Self {
        Self {
            id: key.id,
            channel_id: key.channel,
            name: key.name,
            may_view: key.may_view,
            created_at: Timestamp(key.id.0.unix_ms()),
            last_used_at: key.last_used_at,
            key: None,
        }
    }
}

/// Makes a key for oneself.
pub(crate) async fn create(
    State(state): State<MediaState>,
    Authenticated(owner): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(new): ApiJson<NewKey>,
) -> Result<(StatusCode, Json<ShownKey>), ApiError> {
    let user = owner.user.id;
    let pass = pass::read(&state, &pass::ask(&state, user, channel).await?)?;
    let guild = pass.guild_id.ok_or_else(|| pass::refusal(PassRefused::NotVoice))?;
    let key = StreamKey {
        id: StreamKeyId(state.ids.next(state.env.now())),
        user,
        guild,
        channel,
        name: new.name.into_string(),
        may_view: new.may_view,
        last_used_at: None,
    };
    let secret = generate(&state.env);
    let (row, sha256) = (key.clone(), hash(secret.expose()));
    if !state.db.write(move |sql| stream_keys::insert(sql, &row, &sha256, MOST_KEYS)).await? {
        let words =
            format!("Nobody has more than {MOST_KEYS} stream keys for one channel. Revoke one first.");
        let problem = Problem::new(ErrorCode::MaximumStreamKeys, words);
        return Err(ApiError::new(StatusCode::BAD_REQUEST, problem));
    }
    Ok((StatusCode::CREATED, Json(ShownKey { key: Some(secret), ..key.into() })))
}

/// One's own keys for a channel.
pub(crate) async fn list(
    State(state): State<MediaState>,
    Authenticated(owner): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<Vec<ShownKey>>, ApiError> {
    let user = owner.user.id;
    sees(&state, user, channel).await?;
    let keys = state.db.read(move |sql| stream_keys::list(sql, user, channel)).await?;
    Ok(Json(keys.into_iter().map(ShownKey::from).collect()))
}

/// Ends a key and what is streamed with it.
pub(crate) async fn revoke(
    State(state): State<MediaState>,
    Authenticated(owner): Authenticated,
    ApiPath((channel, key)): ApiPath<(ChannelId, StreamKeyId)>,
) -> Result<StatusCode, ApiError> {
    let user = owner.user.id;
    sees(&state, user, channel).await?;
    if !state.db.write(move |sql| stream_keys::delete(sql, user, channel, key)).await? {
        return Err(ApiError::unknown(ErrorCode::General));
    }
    state.control.credential_gone(Credential::Key(key)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Keys may be looked at and revoked by whoever still sees the channel, whatever else they may do there.
async fn sees(state: &MediaState, user: UserId, channel: ChannelId) -> Result<(), ApiError> {
    match pass::issue(state, user, channel).await? {
        Err(refused @ PassRefused::Unknown) => Err(pass::refusal(refused)),
        Ok(_) | Err(PassRefused::NotVoice | PassRefused::Forbidden) => Ok(()),
    }
}
