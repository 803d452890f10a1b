//! Messages that another service writes for a member: an embed and nothing else.

use voxlink_protocol::{
    ChannelId, ChannelKind, Message, MessageId, Nonce, Permissions,
    bus::{Granted, LogRecording, PermissionsIn, PermissionsOf, PostEmbed, RecordingDeed},
    event::ChannelChange,
};

use super::{Around, delete::erase};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    state::place::{Place, PlaceView},
    store::messages::{self, StoredMessage},
};

impl Chat {
    /// What someone may do in a channel of a guild or a conversation; `None` when they do not see it. Whoever is in a
    /// conversation may record its calls.
    pub(crate) fn permissions_in(&self, request: &PermissionsIn) -> Option<Granted> {
        let world = self.world();
        let view = world.view_place(request.channel, request.user, self.inner.env.now()).ok()?;
        let (own, is_voice) = match &view {
            PlaceView::Guild(view) => (Permissions::empty(), view.channel.kind == ChannelKind::Voice),
            PlaceView::Direct(_) => (Permissions::RECORD_CALLS, true),
        };
        Some(Granted { guild: view.place().guild(), permissions: view.permissions() | own, is_voice })
    }

    /// What someone may do in a guild; `None` when they are no member.
    pub(crate) fn permissions_of(&self, request: &PermissionsOf) -> Option<Permissions> {
        let world = self.world();
        let view = world.view_guild(request.guild, request.user, self.inner.env.now()).ok()?;
        Some(view.permissions)
    }

    /// Stores the message, or finds the one that was stored for this embed's address before. `None` when the channel is
    /// gone, or the member.
    ///
    /// # Errors
    /// When the database or identity fails.
    pub(crate) async fn post_embed(&self, request: PostEmbed) -> Result<Option<MessageId>, Refusal> {
        let PostEmbed { author, channel, embed } = request;
        let place = match self.world().view_place(channel, author, self.inner.env.now()) {
            Ok(view) => view.place(),
            Err(_) => return Ok(None),
        };
        let user = self.inner.users.one(author).await?;
        // The end of the address is what tells these apart, and is no longer than a nonce.
        let end = embed.url.as_deref().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        let nonce = Nonce::parse(end).ok().map(|nonce| nonce.as_str().to_owned());
        let chat = self.clone();
        let posted = self.commit_in(place, None, move |change| {
            let id = MessageId(chat.inner.ids.next(chat.inner.env.now()));
            if let Some(nonce) = &nonce
                && let Some(before) = messages::claim_nonce(change.sql, channel, author, nonce, id)?
            {
                return Ok(before);
            }
            let stored = StoredMessage { embeds: vec![embed], ..StoredMessage::new(id, author, "") };
            messages::insert(change.sql, channel, &stored)?;
            let member = chat.member_of(place, author);
            let mut around = Around::nothing(channel, place.guild());
            around.users = [(author, user)].into_iter().collect();
            change.record_message(id, channel, || {
                let told = Message { guild_id: place.guild(), member, ..around.present(stored) };
                ChannelChange::MessageCreate(Box::new(told))
            })?;
            Ok::<_, Refusal>(id)
        });
        posted.await.map(Some)
    }

    /// Takes such a message away; `false` when it is gone already.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn withdraw_embed(&self, channel: ChannelId, id: MessageId) -> Result<bool, Refusal> {
        let place = {
            let world = self.world();
            match world.guild_of_channel(channel) {
                Some(guild) => Place::Guild(guild),
                None if world.directs.get(channel).is_some() => Place::Direct,
                None => return Ok(false),
            }
        };
        self.commit_in(place, None, move |change| {
            let Some(stored) = messages::find(change.sql, channel, id)? else { return Ok(false) };
            change.record_in_channel(ChannelChange::MessageDelete { id, channel_id: channel })?;
            erase(change, channel, &[stored])?;
            Ok::<_, Refusal>(true)
        })
        .await
    }

    /// Puts what somebody did about recordings into the guild's audit log; `false` when the guild is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn log_recording(&self, request: LogRecording) -> Result<bool, Refusal> {
        let LogRecording { guild, actor, deed } = request;
        if self.world().guild(guild).is_none() {
            return Ok(false);
        }
        let actor = Actor::from(actor);
        let entry = match deed {
            RecordingDeed::Start(channel) => Entry::new(Action::RecordingStart, &actor, channel.0),
            RecordingDeed::Stop(channel) => Entry::new(Action::RecordingStop, &actor, channel.0),
            RecordingDeed::Delete(channel) => Entry::new(Action::RecordingDelete, &actor, channel.0),
            RecordingDeed::StartBroadcast(channel) => Entry::new(Action::BroadcastStart, &actor, channel.0),
            RecordingDeed::StopBroadcast(channel) => Entry::new(Action::BroadcastStop, &actor, channel.0),
            RecordingDeed::TakeOut(channel) => Entry::new(Action::RecordingTakeOut, &actor, channel.0),
            RecordingDeed::Rule { policy: [old, new], keep_days: [before, after] } => {
                Entry::new(Action::RecordingRule, &actor, guild.0)
                    .change("recording_policy", Some(old), Some(new))
                    .change("recording_keep_days", before, after)
            }
        };
        self.commit(guild, None, move |change| change.audit(entry)).await.map(|()| true)
    }
}
