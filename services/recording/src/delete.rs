//! Deleted means gone: rows, tracks, what was made of them, and the message.

use std::{io, path::PathBuf, time::Duration};

use voxlink_protocol::{RecordingId, Snowflake, bus::WithdrawEmbed, recording::RecordingState};
use voxlink_service_kit::{DbError, Sql};

use crate::{
    Recordings,
    store::{
        recordings::{self, Recording, State},
        rules,
    },
};

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Recordings {
    /// Where everything of a recording is.
    pub(crate) fn folder(&self, id: RecordingId) -> PathBuf {
        self.inner.config.folder.join(id.to_string())
    }

    /// Where its tracks are while it goes on, and until they are finished.
    pub(crate) fn raw_folder(&self, id: RecordingId) -> PathBuf {
        self.folder(id).join("raw")
    }

    /// Deletes one. Nobody sees it any more from the first step on; what a crash leaves is deleted at the next start.
    pub(crate) async fn delete(&self, id: RecordingId) -> Result<(), DbError> {
        let doomed = self.inner.db.write(move |sql| {
            let found = recordings::find(sql, id)?;
            recordings::set_state(sql, id, State::Doomed, None)?;
            Ok::<_, DbError>(found)
        });
        let Some(recording) = doomed.await? else { return Ok(()) };
        self.tell(&recording, RecordingState::Deleted, 0.0);
        self.erase(&recording).await
    }

    /// Takes away what is left of one that nobody sees any more.
    pub(crate) async fn erase(&self, recording: &Recording) -> Result<(), DbError> {
        let id = recording.id;
        self.inner.makers.end_of(id).await;
        match tokio::fs::remove_dir_all(self.folder(id)).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(%error, recording = %id, "the files of a recording are not deleted yet");
                return Ok(());
            }
        }
        if let Some(message) = recording.message {
            let withdraw = WithdrawEmbed { channel: recording.channel, message };
            if let Err(error) = self.inner.bus.call(withdraw).await {
                tracing::warn!(%error, recording = %id, "the message of a deleted recording stays");
            }
        }
        self.inner.db.write(move |sql| recordings::delete(sql, id)).await
    }

    /// Deletes all of these.
    pub(crate) async fn forget(
        &self,
        which: impl FnOnce(&Sql<'_>) -> Result<Vec<RecordingId>, DbError> + Send + 'static,
    ) {
        let deleted = async {
            for id in self.inner.db.read(which).await? {
                self.delete(id).await?;
            }
            Ok::<_, DbError>(())
        };
        if let Err(error) = deleted.await {
            tracing::error!(%error, "recordings that should be gone are not");
        }
    }

    /// Deletes what guilds wanted to keep for a shorter time.
    pub(crate) async fn forget_the_old(&self) {
        let now = self.inner.env.now();
        self.forget(move |sql| {
            let mut old = Vec::new();
            for guild in rules::guilds(sql)? {
                let Some(days) = rules::of(sql, guild)?.keep_days else { continue };
                let before = Snowflake::compose(now.minus(DAY * days).0, 0, 0);
                old.extend(recordings::older_than(sql, guild, RecordingId(before))?);
            }
            Ok(old)
        })
        .await;
    }
}
