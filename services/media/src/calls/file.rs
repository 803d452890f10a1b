//! Files that people play in calls: one at a time in each, and everyone there is told.

use std::{collections::HashMap, time::Instant};

use voxlink_protocol::{
    ChannelId, UserId,
    event::{GuildChange, GuildEvent},
    playback::{CallPlayback, PlaybackState},
};
use voxlink_sfu::{PeerId, PersonId};

use super::{Calls, Output, play::PlayRefused, room};
use crate::sounds::{Feed, Order};

/// Files that are played at the same time on this server: each takes a hundredth of a processor and some megabytes.
const MOST_FILES: usize = 8;

/// Somebody plays a file.
#[derive(Debug)]
pub(crate) struct PlayFile {
    /// Who, where and what, as everybody is told.
    pub(crate) told: CallPlayback,
    pub(crate) feed: Feed,
}

/// Who asks for something to be done with a file that is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) user: UserId,
    /// They may stop what others play.
    pub(crate) moderates: bool,
}

/// What is to become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Pause,
    Resume,
    Stop,
}

/// Why that is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnRefused {
    /// Nothing is played there.
    NothingPlays,
    /// Somebody else plays it.
    Forbidden,
}

/// What is played, by call.
pub(super) type Files = HashMap<ChannelId, (PeerId, CallPlayback)>;

impl Calls {
    /// Whether this person may play a file now.
    ///
    /// # Errors
    /// See [`PlayRefused`].
    pub(crate) fn may_play_file(&self, user: UserId, channel: ChannelId) -> Result<(), PlayRefused> {
        self.is_heard_in(user, channel)?;
        match self.files.get(&channel) {
            Some((_, told)) if told.user_id != user => Err(PlayRefused::Taken),
            None if self.files.len() >= MOST_FILES => Err(PlayRefused::Full),
            Some(_) | None => Ok(()),
        }
    }

    /// Plays it, in place of what this person played before, and tells the guild.
    ///
    /// # Errors
    /// See [`PlayRefused`].
    pub(crate) fn play_file(&mut self, file: PlayFile, now: Instant) -> Result<(), PlayRefused> {
        let PlayFile { told, feed } = file;
        let (user, channel) = (told.user_id, told.channel_id);
        self.may_play_file(user, channel)?;
        let peer = self.source_of(user, channel, now);
        let person = PersonId(user.get());
        self.outputs.push_back(Output::Sounds(Order::File { room: room(channel), peer, person, feed }));
        self.files.insert(channel, (peer, told.clone()));
        self.tell_file(told);
        Ok(())
    }

    /// What is played in a call.
    pub(crate) fn file_in(&self, channel: ChannelId) -> Option<CallPlayback> {
        self.files.get(&channel).map(|(_, told)| told.clone())
    }

    /// Holds it, goes on with it, or ends it.
    ///
    /// # Errors
    /// See [`TurnRefused`].
    pub(crate) fn turn_file(
        &mut self,
        channel: ChannelId,
        asker: Asker,
        turn: Turn,
    ) -> Result<(), TurnRefused> {
        let (peer, told) = self.files.get_mut(&channel).ok_or(TurnRefused::NothingPlays)?;
        if told.user_id != asker.user && !asker.moderates {
            return Err(TurnRefused::Forbidden);
        }
        let peer = *peer;
        let state = match turn {
            Turn::Pause => PlaybackState::Paused,
            Turn::Resume => PlaybackState::Playing,
            Turn::Stop => {
                self.outputs.push_back(Output::Sounds(Order::EndFile { room: room(channel), peer }));
                self.file_over(peer);
                return Ok(());
            }
        };
        if std::mem::replace(&mut told.state, state) != state {
            let told = told.clone();
            let paused = turn == Turn::Pause;
            self.outputs.push_back(Output::Sounds(Order::Pause { room: room(channel), peer, paused }));
            self.tell_file(told);
        }
        Ok(())
    }

    /// The file of this source has ended, or its person has gone.
    pub(crate) fn file_over(&mut self, peer: PeerId) {
        let ended = self.files.extract_if(|_, (of, _)| *of == peer).map(|(_, (_, told))| told);
        for told in ended.collect::<Vec<_>>() {
            self.tell_file(CallPlayback { state: PlaybackState::Ended, ..told });
        }
    }

    fn tell_file(&mut self, told: CallPlayback) {
        let guild_id = told.guild_id;
        let change = GuildChange::CallPlaybackUpdate(Box::new(told));
        self.outputs.push_back(Output::Publish(Box::new(GuildEvent { guild_id, version: None, change })));
    }
}
