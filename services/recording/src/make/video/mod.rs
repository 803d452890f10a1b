//! Everyone's pictures beside each other, with their names and the mix. What is to be seen when is decided first and is pure
//! ([`plan`], [`layout`]); then ffmpeg makes a file of each piece in which nothing comes or goes, and puts them together.
//! Pieces that were made outlive a crash.

mod clips;
mod compose;
mod draw;
mod layout;
mod plan;

use std::{collections::HashMap, path::Path, time::Duration};

use voxlink_protocol::UserId;
use voxlink_sfu::PersonId;

use super::{
    Made,
    cause::Cause,
    ffmpeg::Ffmpeg,
    job::{Interrupted, Watch},
};
use crate::{
    Recordings,
    capture::{names::TrackName, story::Story},
    store::{recordings::Recording, tracks},
};

/// What it takes to make one.
pub(crate) struct Order {
    pub(crate) ffmpeg: Ffmpeg,
    pub(crate) patience: Duration,
    /// Those with pictures.
    pub(crate) tracks: Vec<TrackName>,
    /// What people are called.
    pub(crate) names: HashMap<PersonId, String>,
}

impl Recordings {
    /// Finds out what is needed for the video of a recording.
    pub(super) async fn video_order(&self, recording: &Recording) -> Result<Order, Interrupted> {
        let (id, folder) = (recording.id, self.folder(recording.id));
        let found = self.inner.db.read(move |sql| tracks::list(sql, id)).await.map_err(|_| Cause::Broken)?;
        let shown = found.iter().filter(|track| track.codec != "opus");
        let tracks: Vec<TrackName> = shown.filter_map(|track| TrackName::parse(&track.file)).collect();
        if tracks.is_empty() {
            return Err(Cause::NoPictures.into());
        }
        let ffmpeg = self.ffmpeg().await?;
        let story = Story::read(&folder).map_err(Cause::from)?;
        let here = story.presence(Duration::MAX).into_iter().map(|(person, ..)| person);
        let mut people: Vec<PersonId> = here.chain(tracks.iter().map(|track| track.person)).collect();
        people.sort_unstable_by_key(|person| person.0);
        people.dedup();
        let ids = people.iter().map(|person| UserId::new(person.0));
        let names = self.names(recording.guild, ids).await.into_iter();
        let names = names.map(|(user, name)| (PersonId(user.get()), name)).collect();
        Ok(Order { ffmpeg, patience: self.inner.config.ffmpeg_patience, tracks, names })
    }
}

/// Makes `file` in the folder of a recording, which is so long.
///
/// # Errors
/// When it cannot be made, or is not wanted any more.
pub(crate) fn make(
    order: &Order,
    folder: &Path,
    file: &str,
    length: Duration,
    watch: &Watch<'_>,
) -> Result<Made, Interrupted> {
    let story = Story::read(folder).map_err(Cause::from)?;
    let clips = clips::find(order, folder, watch)?;
    if clips.is_empty() {
        return Err(Cause::NoPictures.into());
    }
    let scenes = plan::scenes(&clips, &story.presence(length), length);
    let made = compose::compose(order, folder, file, &clips, &scenes, watch);
    if matches!(made, Err(Interrupted::Failed(_))) {
        compose::clear(folder);
    }
    made
}
