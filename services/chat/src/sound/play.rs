//! Says whether somebody may play a sound in a call; that they sit there, media knows.

use voxlink_protocol::{
    ChannelKind, Permissions, ReactionEmoji,
    soundboard::{PlayableSound, SoundRefused, SoundToPlay},
};

use crate::Chat;

impl Chat {
    /// v10: SPEAK and USE_SOUNDBOARD in the channel, and USE_EXTERNAL_SOUNDS for what is another guild's, in which they
    /// must be.
    ///
    /// # Errors
    /// See [`SoundRefused`].
    pub fn sound_to_play(&self, asked: &SoundToPlay) -> Result<PlayableSound, SoundRefused> {
        let now = self.inner.env.now();
        let world = self.world();
        let unknown = |_| SoundRefused::UnknownChannel;
        let view = world.view_channel(asked.channel, asked.user, now).map_err(unknown)?;
        if view.channel.kind != ChannelKind::Voice {
            return Err(SoundRefused::NotVoice);
        }
        let guild = view.state.guild.id;
        let source = asked.source_guild.unwrap_or(guild);
        let mut needed = Permissions::CONNECT | Permissions::SPEAK | Permissions::USE_SOUNDBOARD;
        needed.set(Permissions::USE_EXTERNAL_SOUNDS, source != guild);
        if !view.permissions.contains(needed) {
            return Err(SoundRefused::Forbidden);
        }
        let owner = world.view_guild(source, asked.user, now).map_err(|_| SoundRefused::UnknownSound)?;
        let owner = &owner.state.guild;
        let sound = owner.soundboard_sounds.iter().find(|one| one.sound_id == asked.sound);
        let sound = sound.ok_or(SoundRefused::UnknownSound)?.clone();
        let custom = sound.emoji_id.and_then(|id| owner.emojis.iter().find(|emoji| emoji.id == id));
        let emoji = match (custom, &sound.emoji_name) {
            (Some(emoji), _) => Some(ReactionEmoji {
                id: Some(emoji.id),
                name: Some(emoji.name.clone()),
                animated: emoji.animated,
            }),
            (None, Some(name)) => Some(ReactionEmoji { id: None, name: Some(name.clone()), animated: false }),
            (None, None) => None,
        };
        Ok(PlayableSound { guild, sound, emoji })
    }
}
