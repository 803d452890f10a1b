//! Makes a guild.

use voxlink_protocol::{
    ChannelId, ChannelKind, Guild, GuildId, GuildSnapshot, Member, User,
    event::GuildChange,
    text::{ChannelName, GuildName},
};

use super::MAX_GUILDS;
use crate::{Chat, Refusal, channel::create::blank, state::new_member, store};

/// A guild to be.
#[derive(Clone, Debug)]
pub struct NewGuild {
    /// Its name.
    pub name: GuildName,
    /// The name of its first text channel.
    pub text_channel: ChannelName,
    /// The name of its first voice channel.
    pub voice_channel: ChannelName,
}

impl Chat {
    /// Makes a guild with a text and a voice channel, owned by `owner`, who is its first member.
    ///
    /// # Errors
    /// [`Refusal::TooManyGuilds`] or [`Refusal::Db`].
    pub async fn create_guild(&self, owner: &User, new: NewGuild) -> Result<GuildSnapshot, Refusal> {
        let now = self.inner.env.now();
        let id = || self.inner.ids.next(now);
        let guild = Guild::new(GuildId(id()), new.name.into_string(), owner.id);
        let text = blank(ChannelId(id()), guild.id, ChannelKind::Text, new.text_channel, 0);
        let voice = blank(ChannelId(id()), guild.id, ChannelKind::Voice, new.voice_channel, 0);
        let member = Member { user: Some(owner.clone()), ..new_member(now) };
        let owner = owner.id;
        let mut snapshot =
            GuildSnapshot { version: 0, guild, channels: vec![text, voice], members: vec![member] };
        self.commit(snapshot.guild.id, None, move |change| {
            if store::members::count_guilds_of(change.sql, owner)? >= MAX_GUILDS {
                return Err(Refusal::TooManyGuilds);
            }
            store::guilds::insert(change.sql, &snapshot.guild, now)?;
            snapshot.channels.iter().try_for_each(|channel| store::channels::insert(change.sql, channel))?;
            store::members::insert(change.sql, snapshot.guild.id, owner, now)?;
            snapshot.version = change.record(GuildChange::GuildCreate(Box::new(snapshot.clone())))?;
            Ok(snapshot)
        })
        .await
    }
}
