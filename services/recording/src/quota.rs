//! How much the recordings of a guild may take, or of a conversation. Asked before one begins, and while it goes on.

use std::{collections::HashMap, path::PathBuf};

use voxlink_protocol::{ChannelId, GuildId, RecordingId, recording::RecordingTrouble};
use voxlink_service_kit::DbError;

use crate::{Recordings, live::Effect, store::recordings};

impl Recordings {
    /// What is kept already, in bytes.
    pub(crate) async fn kept_bytes(
        &self,
        guild: Option<GuildId>,
        channel: ChannelId,
    ) -> Result<u64, DbError> {
        self.inner.db.read(move |sql| recordings::bytes_of(sql, guild, channel)).await
    }

    /// Ends recordings that have outgrown their place: people hear why first.
    pub(crate) async fn end_what_is_too_much(&self) -> Vec<Effect> {
        let going = self.inner.live().places();
        if going.is_empty() {
            return Vec::new();
        }
        let folders: Vec<(RecordingId, PathBuf)> =
            going.iter().map(|(id, ..)| (*id, self.raw_folder(*id))).collect();
        let sized = tokio::task::spawn_blocking(move || {
            folders.into_iter().map(|(id, folder)| (id, bytes_in(&folder))).collect::<HashMap<_, _>>()
        });
        let sizes = sized.await.unwrap_or_default();
        // Several of one guild grow together.
        let mut growing: HashMap<(Option<GuildId>, Option<ChannelId>), u64> = HashMap::new();
        let place = |guild: Option<GuildId>, channel| (guild, guild.is_none().then_some(channel));
        for (id, guild, channel) in &going {
            *growing.entry(place(*guild, *channel)).or_default() +=
                sizes.get(id).copied().unwrap_or_default();
        }
        let mut effects = Vec::new();
        for (id, guild, channel) in going {
            let kept = match self.kept_bytes(guild, channel).await {
                Ok(kept) => kept,
                Err(error) => {
                    tracing::warn!(%error, "how much recordings take is not known");
                    continue;
                }
            };
            let grown = growing.get(&place(guild, channel)).copied().unwrap_or_default();
            if kept.saturating_add(grown) >= self.inner.config.quota {
                let now = self.inner.env.clock.monotonic();
                let mut live = self.inner.live();
                effects.extend(live.trouble(id, Some(RecordingTrouble::Quota), now));
                effects.extend(live.end(channel, now));
            }
        }
        effects
    }
}

fn bytes_in(folder: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|known| known.len()).sum()
}
