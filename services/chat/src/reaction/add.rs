//! Puts an emoji under a message.

use voxlink_protocol::{
    ChannelId, Emoji, EmojiId, Member, MessageId, Permissions, ReactionEmoji, User, UserId,
    event::{ChannelChange, ReactionChange},
};

use super::MOST_EMOJIS;
use crate::{
    Chat, Refusal,
    state::{World, place::PlaceView},
    store::{messages, reactions},
};

impl Chat {
    /// Puts an emoji under a message; nothing happens when it is there already. An emoji that others put there needs no
    /// more than reading; a new one needs ADD_REACTIONS, and must be one that this person may use here.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::UnknownMessage`], [`Refusal::Forbidden`],
    /// [`Refusal::UnknownEmoji`], [`Refusal::TooManyReactions`], [`Refusal::CannotMessage`], [`Refusal::Call`] or
    /// [`Refusal::Db`].
    pub async fn add_reaction(
        &self,
        user: &User,
        channel: ChannelId,
        message: MessageId,
        emoji: ReactionEmoji,
    ) -> Result<(), Refusal> {
        self.may_write(user.id, channel).await?;
        let (place, member, usable) = {
            let world = self.world();
            let view = world.view_place(channel, user.id, self.inner.env.now())?;
            view.require_messages()?;
            view.require(Permissions::READ_MESSAGE_HISTORY)?;
            let usable = view.require(Permissions::ADD_REACTIONS);
            let usable = usable.and_then(|()| usable_emoji(&world, &view, user.id, &emoji));
            let member = view.member().map(|member| Member { user: Some(user.clone()), ..member.clone() });
            (view.place(), member, usable)
        };
        let (chat, user) = (self.clone(), user.id);
        self.commit_in(place, None, move |change| {
            let stored = messages::find(change.sql, channel, message)?.ok_or(Refusal::UnknownMessage)?;
            let emoji = match reactions::find(change.sql, channel, message, &reactions::key(&emoji))? {
                Some(there) => there,
                None => {
                    let emoji = usable?;
                    if reactions::count_emojis(change.sql, channel, message)? >= MOST_EMOJIS {
                        return Err(Refusal::TooManyReactions);
                    }
                    emoji
                }
            };
            let place = chat.inner.ids.next(chat.inner.env.now());
            if !reactions::add(change.sql, channel, message, &emoji, user, place)? {
                return Ok(());
            }
            change.record_in_channel(ChannelChange::ReactionAdd(Box::new(ReactionChange {
                user_id: user,
                channel_id: channel,
                message_id: message,
                emoji,
                member,
                message_author_id: Some(stored.author),
                burst: false,
                kind: 0,
            })))
        })
        .await
    }
}

/// The emoji as its guild has it. One that this person cannot know of is unknown.
fn usable_emoji(
    world: &World,
    view: &PlaceView<'_>,
    user: UserId,
    emoji: &ReactionEmoji,
) -> Result<ReactionEmoji, Refusal> {
    let Some(id) = emoji.id else { return Ok(emoji.clone()) };
    let here = view.place().guild();
    let mut guilds: Vec<_> = world.guilds_of(user).collect();
    guilds.sort_by_key(|state| Some(state.guild.id) != here);
    for state in guilds {
        let Some(found) = find(&state.guild.emojis, id) else { continue };
        if Some(state.guild.id) != here {
            view.require(Permissions::USE_EXTERNAL_EMOJIS)?;
        }
        let roles = state.members.get(&user).map(|member| &member.roles);
        let held = |role| roles.is_some_and(|roles| roles.contains(role));
        if !found.available || !(found.roles.is_empty() || found.roles.iter().any(held)) {
            return Err(Refusal::Forbidden);
        }
        return Ok(ReactionEmoji { id: Some(id), name: Some(found.name.clone()), animated: found.animated });
    }
    Err(Refusal::UnknownEmoji)
}

fn find(emojis: &[Emoji], id: EmojiId) -> Option<&Emoji> {
    emojis.iter().find(|emoji| emoji.id == id)
}
