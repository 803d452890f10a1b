//! Asking for something that is made of a recording.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{ErrorCode, FieldErrors, Problem, RecordingId, recording::OutputState as Told};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated, DbError, Routes};

use super::{Lane, ShownOutput, kind::Kind, shown::sounds};
use crate::{
    LEAST_FREE, Recordings,
    http::seen,
    start::Refusal,
    store::{outputs, recordings::State as Stored, tracks},
};

/// The routes of this, to be merged with the others'.
pub(crate) fn routes(recordings: Recordings) -> Routes {
    Routes::under("/api/v1").post("/recordings/{recording}/outputs", ask).with_state(recordings)
}

#[derive(Deserialize)]
struct Wanted {
    kind: String,
    track: Option<String>,
}

fn refused(status: StatusCode, words: &str) -> ApiError {
    ApiError::new(status, Problem::new(ErrorCode::OutputUnavailable, words))
}

/// Whoever sees the recording may ask; what was asked for before is not begun twice.
async fn ask(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath(id): ApiPath<RecordingId>,
    ApiJson(wanted): ApiJson<Wanted>,
) -> Result<(StatusCode, Json<ShownOutput>), ApiError> {
    let (recording, _) = seen(&this, who.user.id, id).await?;
    let unknown = || {
        let words = "Must be video, or flac or wav with the name of a track with sound.";
        ApiError::form(FieldErrors::one("kind", "BASE_TYPE_CHOICES", words))
    };
    let kind = Kind::asked(&wanted.kind, wanted.track.as_deref()).ok_or_else(unknown)?;
    if recording.state != Stored::Ready {
        return Err(refused(StatusCode::CONFLICT, "The recording is not ready."));
    }
    let known =
        this.inner.db.read(move |sql| Ok::<_, DbError>((tracks::list(sql, id)?, outputs::list(sql, id)?)));
    let (known, made) = known.await?;
    match kind {
        Kind::Sound(_, track) if sounds(&known).all(|one| one != track) => return Err(unknown()),
        Kind::Thumbnail => return Err(unknown()),
        Kind::Sound(..) => {}
        Kind::Video => {
            if let Some(cause) = this.why_no_video(&known).await {
                return Err(refused(StatusCode::CONFLICT, cause.words()));
            }
        }
    }
    let key = kind.to_string();
    let is_there =
        made.iter().any(|output| output.kind == key && output.state == outputs::OutputState::Ready);
    let is_full =
        (this.inner.config.free_bytes)(&this.inner.config.folder).is_some_and(|free| free < LEAST_FREE);
    if !is_there && is_full {
        return Err(Refusal::NoRoom.into());
    }
    let kept = this.kept_bytes(recording.guild, recording.channel).await?;
    if !is_there && kept >= this.inner.config.quota {
        return Err(Refusal::Quota.into());
    }
    let (file, now) = (this.file_of(kind), this.inner.env.now());
    let asked = this.inner.db.write(move |sql| {
        let is_new = outputs::ask(sql, id, &key, &file, now)?;
        Ok::<_, DbError>((is_new, outputs::list(sql, id)?))
    });
    let (is_new, made) = asked.await?;
    if is_new {
        this.tell_output(&recording, kind, Told::Waiting, 0.0);
        this.inner.makers.wake(Lane::of(kind)).notify_one();
    }
    let address = |file: &str| this.inner.seals.address(id, file, now);
    let shown = this.shown_outputs(&recording, &known, made, address).await;
    let found = shown.into_iter().find(|one| one.is(kind));
    let shown = found.ok_or_else(|| ApiError::unknown(ErrorCode::UnknownRecording))?;
    let status = if shown.state == Told::Ready { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(shown)))
}
