//! A person, or one of their tracks, is taken out of a recording: files and rows are gone, with everything that was made of
//! them, and the rest is made anew. Whoever is in a recording may take themselves out of it.

use std::{fs, io, path::Path};

use axum::{extract::State, http::StatusCode};
use voxlink_protocol::{
    ErrorCode, Permissions, RecordingId, UserId,
    bus::{Granted, RecordingDeed},
    recording::RecordingState,
};
use voxlink_service_kit::{ApiError, ApiPath, Authenticated, Routes};

use crate::{
    Recordings,
    finish::products,
    http::seen,
    make,
    start::Refusal,
    store::{
        outputs,
        recordings::{self, Recording, State as Stored},
        tracks::{self, Track},
    },
};

pub(crate) fn routes(recordings: Recordings) -> Routes {
    Routes::under("/api/v1")
        .delete("/recordings/{recording}/tracks/{track}", one_track)
        .delete("/recordings/{recording}/people/{user}", one_person)
        .with_state(recordings)
}

/// Whether this person may take out what somebody said: themselves, and in guilds whoever may record.
pub(crate) fn may_take_out(
    recording: &Recording,
    whose: UserId,
    user: UserId,
    Granted { permissions, .. }: Granted,
) -> bool {
    whose == user || (recording.guild.is_some() && permissions.contains(Permissions::RECORD_CALLS))
}

async fn one_track(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath((id, track)): ApiPath<(RecordingId, String)>,
) -> Result<StatusCode, ApiError> {
    let file = format!("{track}.mkv");
    this.take_out(who.user.id, id, move |one| one.file == file).await
}

async fn one_person(
    State(this): State<Recordings>,
    Authenticated(who): Authenticated,
    ApiPath((id, person)): ApiPath<(RecordingId, UserId)>,
) -> Result<StatusCode, ApiError> {
    this.take_out(who.user.id, id, move |one| one.user == person).await
}

impl Recordings {
    /// Takes out those of the tracks that `fits`. The order matters: nobody hears the rest while it is made anew, and what a
    /// crash leaves is made ready at the next start, with the track if it was still there.
    async fn take_out(
        &self,
        user: UserId,
        id: RecordingId,
        fits: impl Fn(&Track) -> bool,
    ) -> Result<StatusCode, ApiError> {
        let (recording, granted) = seen(self, user, id).await?;
        let all = self.inner.db.read(move |sql| tracks::list(sql, id)).await?;
        let out: Vec<Track> = all.into_iter().filter(fits).collect();
        if out.is_empty() {
            return Err(ApiError::unknown(ErrorCode::UnknownRecording));
        }
        if !out.iter().all(|track| may_take_out(&recording, track.user, user, granted)) {
            return Err(ApiError::forbidden());
        }
        let begun = self.inner.db.write(move |sql| {
            let found = recordings::find(sql, id)?;
            match found.map(|one| one.state) {
                Some(Stored::Ready | Stored::Failed) => {
                    recordings::set_state(sql, id, Stored::Processing, None)
                }
                Some(Stored::Going | Stored::Processing | Stored::Doomed) | None => Ok(false),
            }
        });
        if !begun.await? {
            return Err(Refusal::Busy.into());
        }
        self.tell(&recording, RecordingState::Processing, 0.0);
        self.inner.makers.end_of(id).await;
        let (folder, raw) = (self.folder(id), self.raw_folder(id));
        let is_other = out.iter().any(|track| track.user != user);
        let files: Vec<String> = out.into_iter().map(|track| track.file).collect();
        let rows = files.clone();
        let gone = tokio::task::spawn_blocking(move || remove(&folder, &raw, &files)).await;
        let gone = gone.unwrap_or_else(|_| Err(io::Error::other("the thread is gone")));
        if let Err(error) = gone {
            tracing::error!(%error, recording = %id, "the files of a track are not deleted");
            // It becomes what it was.
            self.queue(id);
            return Err(ApiError::internal());
        }
        let stored = self.inner.db.write(move |sql| {
            outputs::clear(sql, id)?;
            rows.iter().try_for_each(|file| tracks::remove(sql, id, file))
        });
        stored.await?;
        self.queue(id);
        if is_other {
            self.log(recording.guild, user, RecordingDeed::TakeOut(recording.channel)).await;
        }
        Ok(StatusCode::NO_CONTENT)
    }
}

/// Removes tracks, and everything that holds something of them.
fn remove(folder: &Path, raw: &Path, tracks: &[String]) -> io::Result<()> {
    let made = [products::MIX, products::CAPTIONS, make::THUMBNAIL, "video.mp4", "video.webm"];
    let made = made.into_iter().chain(products::KNOWN).map(|name| folder.join(name));
    let of_tracks = tracks.iter().flat_map(|file| {
        let stem = file.trim_end_matches(".mkv");
        let made = ["flac", "wav"].map(|format| folder.join(format!("{stem}.{format}")));
        [folder.join(file), raw.join(file)].into_iter().chain(made)
    });
    for path in made.chain(of_tracks) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
