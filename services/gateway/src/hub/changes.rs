//! What each change does to a view, and who hears of it.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde::Serialize;
use serde_json::json;
use voxlink_protocol::{
    Channel, ChannelId, GuildId, Invite, Member, Permissions, UserId, VoiceState,
    event::{ChannelChange, GuildChange},
};

use super::{
    Hub, channel,
    guilds::welcome,
    presence::{UserEntry, WithGuild},
    sessions::Sessions,
};
use crate::{
    dispatch::Kind,
    session::SessionKey,
    view::{GuildView, PresenceOf},
};

#[derive(Serialize)]
struct InviteCreated<'a> {
    channel_id: ChannelId,
    #[serde(flatten)]
    invite: &'a Invite,
}

impl Hub {
    /// Applies a change whose turn it is and tells those who may know.
    pub(super) fn change(&mut self, guild: GuildId, change: &GuildChange) {
        match change {
            GuildChange::GuildDelete => return self.guild_is_gone(guild),
            GuildChange::MemberAdd(member) => return self.member_added(guild, member),
            GuildChange::MemberRemove(user) => return self.member_removed(guild, *user),
            GuildChange::VoiceStateUpdate(state) => return self.voice_changed(guild, state),
            _ => {}
        }
        let Some(view) = self.guilds.get_mut(&guild).and_then(|entry| entry.view.as_mut()) else { return };
        let sessions = &mut self.sessions;
        match change {
            GuildChange::GuildUpdate(updated) => {
                sessions.send_all(&view.everyone(), Kind::GUILD_UPDATE, updated);
                resight(view, sessions, |view| view.guild = (**updated).clone());
            }
            GuildChange::RoleCreate(role) => {
                let told = json!({"guild_id": guild, "role": role});
                sessions.send_all(&view.everyone(), Kind::GUILD_ROLE_CREATE, &told);
                view.guild.roles.retain(|other| other.id != role.id);
                view.guild.roles.push(role.clone());
            }
            GuildChange::RoleUpdate(role) => {
                let told = json!({"guild_id": guild, "role": role});
                sessions.send_all(&view.everyone(), Kind::GUILD_ROLE_UPDATE, &told);
                resight(view, sessions, |view| {
                    view.guild.roles.retain(|other| other.id != role.id);
                    view.guild.roles.push(role.clone());
                });
            }
            GuildChange::RoleDelete(role) => {
                let told = json!({"guild_id": guild, "role_id": role});
                sessions.send_all(&view.everyone(), Kind::GUILD_ROLE_DELETE, &told);
                resight(view, sessions, |view| {
                    view.guild.roles.retain(|other| other.id != *role);
                    view.members.values_mut().for_each(|member| member.roles.retain(|other| other != role));
                    view.forget_crowd();
                });
            }
            GuildChange::MemberUpdate(member) => {
                let told = WithGuild { guild_id: guild, inner: &**member };
                sessions.send_all(&view.everyone(), Kind::GUILD_MEMBER_UPDATE, &told);
                resight(view, sessions, |view| {
                    if let Some(user) = &member.user {
                        view.members.insert(user.id, (**member).clone());
                    }
                    view.forget_crowd();
                });
            }
            GuildChange::ChannelCreate(channel) => {
                view.channels.retain(|other| other.id != channel.id);
                view.channels.push((**channel).clone());
                view.forget_audiences();
                sessions.send_all(&view.audience(channel.id), Kind::CHANNEL_CREATE, channel);
            }
            GuildChange::ChannelUpdate(channel) => channel_updated(view, sessions, channel),
            GuildChange::ChannelDelete(channel) => {
                sessions.send_all(&view.audience(channel.id), Kind::CHANNEL_DELETE, channel);
                view.channels.retain(|other| other.id != channel.id);
                view.forget_audiences();
            }
            GuildChange::Channel(change) => {
                if let ChannelChange::MessageCreate(message) = change
                    && let Some(channel) = view.channel_mut(message.channel_id)
                {
                    channel.last_message_id = channel.last_message_id.max(Some(message.id));
                }
                let audience = view.audience(change.channel());
                channel::send(sessions, &audience, Some(guild), change);
            }
            GuildChange::BanAdd(user) => {
                let told = json!({"guild_id": guild, "user": user});
                sessions.send_all(&view.who_may(Permissions::BAN_MEMBERS), Kind::GUILD_BAN_ADD, &told);
            }
            GuildChange::BanRemove(user) => {
                let told = json!({"guild_id": guild, "user": user});
                sessions.send_all(&view.who_may(Permissions::BAN_MEMBERS), Kind::GUILD_BAN_REMOVE, &told);
            }
            GuildChange::EmojisUpdate(emojis) => {
                view.guild.emojis.clone_from(emojis);
                let told = json!({"guild_id": guild, "emojis": emojis});
                sessions.send_all(&view.everyone(), Kind::GUILD_EMOJIS_UPDATE, &told);
            }
            GuildChange::SoundCreate(sound) => {
                view.guild.soundboard_sounds.push((**sound).clone());
                sessions.send_all(&view.everyone(), Kind::GUILD_SOUNDBOARD_SOUND_CREATE, sound);
            }
            GuildChange::SoundUpdate(sound) => {
                let known = view.guild.soundboard_sounds.iter_mut();
                known.filter(|one| one.sound_id == sound.sound_id).for_each(|one| one.clone_from(sound));
                sessions.send_all(&view.everyone(), Kind::GUILD_SOUNDBOARD_SOUND_UPDATE, sound);
            }
            GuildChange::SoundDelete(sound) => {
                view.guild.soundboard_sounds.retain(|one| one.sound_id != *sound);
                let told = json!({"guild_id": guild, "sound_id": sound});
                sessions.send_all(&view.everyone(), Kind::GUILD_SOUNDBOARD_SOUND_DELETE, &told);
            }
            GuildChange::VoiceEffect(effect) => {
                let listeners = view.in_call(effect.channel_id);
                sessions.send_all(&listeners, Kind::VOICE_CHANNEL_EFFECT_SEND, effect);
            }
            GuildChange::AuditLogEntryCreate(entry) => {
                let told = WithGuild { guild_id: guild, inner: &**entry };
                let readers = view.who_may(Permissions::VIEW_AUDIT_LOG);
                sessions.send_all(&readers, Kind::GUILD_AUDIT_LOG_ENTRY_CREATE, &told);
            }
            GuildChange::InviteCreate(invite) => {
                let told = InviteCreated { channel_id: invite.channel.id, invite };
                sessions.send_all(&view.managers(invite.channel.id), Kind::INVITE_CREATE, &told);
            }
            GuildChange::CallRecordingUpdate(recording) => {
                let audience = view.audience(recording.channel_id);
                sessions.send_all(&audience, Kind::CALL_RECORDING_UPDATE, recording);
            }
            GuildChange::RecordingUpdate(news) => {
                sessions.send_all(&view.audience(news.channel_id), Kind::RECORDING_UPDATE, news);
            }
            GuildChange::CallBroadcastUpdate(broadcast) => {
                let audience = view.audience(broadcast.channel_id);
                sessions.send_all(&audience, Kind::CALL_BROADCAST_UPDATE, broadcast);
            }
            GuildChange::CallPlaybackUpdate(playback) => {
                let audience = view.audience(playback.channel_id);
                sessions.send_all(&audience, Kind::CALL_PLAYBACK_UPDATE, playback);
            }
            GuildChange::InviteDelete { code, channel_id } => {
                let told = json!({"code": code, "channel_id": channel_id, "guild_id": guild});
                sessions.send_all(&view.managers(*channel_id), Kind::INVITE_DELETE, &told);
            }
            // A guild that is known here was made before; the others were dealt with above.
            GuildChange::GuildCreate(_)
            | GuildChange::GuildDelete
            | GuildChange::MemberAdd(_)
            | GuildChange::MemberRemove(_)
            | GuildChange::VoiceStateUpdate(_) => {}
        }
    }

    fn member_added(&mut self, guild: GuildId, member: &Member) {
        let Some(view) = self.guilds.get_mut(&guild).and_then(|entry| entry.view.as_mut()) else { return };
        let Some(user) = member.user.as_ref().map(|user| user.id) else { return };
        view.members.insert(user, member.clone());
        view.forget_crowd();
        let told = WithGuild { guild_id: guild, inner: member };
        self.sessions.send_all(&view.everyone(), Kind::GUILD_MEMBER_ADD, &told);
        let entry = self.users.get(&user);
        let own = entry.map(|entry| entry.sessions.clone()).unwrap_or_default();
        // Who was here before looks no different from one who is away until they change: those inside are told.
        if let Some(seen) = entry.and_then(UserEntry::seen) {
            let hearers: Vec<SessionKey> =
                view.presence_hearers().iter().copied().filter(|session| !own.contains(session)).collect();
            let presence = PresenceOf::new(user, Some(seen), Some(guild));
            self.sessions.send_all(&hearers, Kind::PRESENCE_UPDATE, &presence);
        }
        for session in own {
            // One without READY is still asking for its guilds and will find this one.
            if self.sessions.get(session).is_some_and(|session| session.last_seq() > 0) {
                welcome(view, &mut self.sessions, &self.users, session, user);
            }
        }
    }

    fn member_removed(&mut self, guild: GuildId, user: UserId) {
        let Some(view) = self.guilds.get_mut(&guild).and_then(|entry| entry.view.as_mut()) else { return };
        let told = view.user(user).map(|user| json!({"guild_id": guild, "user": user}));
        let own = view.leave_user(user);
        view.members.remove(&user);
        view.voice.remove(&user);
        view.forget_crowd();
        if let Some(told) = told {
            self.sessions.send_all(&view.everyone(), Kind::GUILD_MEMBER_REMOVE, &told);
        }
        self.sessions.send_all(&own, Kind::GUILD_DELETE, &json!({"id": guild}));
    }

    /// Tells those who see the new channel; those who only saw the old one hear that the person left.
    fn voice_changed(&mut self, guild: GuildId, state: &VoiceState) {
        let own = self.users.get(&state.user_id).map(|entry| entry.sessions.clone()).unwrap_or_default();
        for key in &own {
            if let Some(session) = self.sessions.get_mut(*key) {
                let seated_here = session.id == state.session_id;
                if seated_here || session.voice.seat.is_some_and(|(seat_guild, _)| seat_guild == Some(guild))
                {
                    let channel = state.channel_id.filter(|_| seated_here);
                    session.voice.seat = channel.map(|channel| (Some(guild), channel));
                }
            }
        }
        let Some(view) = self.guilds.get_mut(&guild).and_then(|entry| entry.view.as_mut()) else { return };
        let before = view.voice.remove(&state.user_id).and_then(|old| old.channel_id);
        if state.channel_id.is_some() {
            view.voice.insert(state.user_id, VoiceState { member: None, ..state.clone() });
        }
        let inside = |key: &SessionKey| view.sessions().iter().any(|(session, _)| session == key);
        let own: Vec<_> = own.into_iter().filter(inside).collect();
        let saw: Arc<[SessionKey]> = match before {
            Some(channel) => view.audience(channel),
            None if state.channel_id.is_none() => view.everyone(),
            None => Arc::default(),
        };
        let sees = state.channel_id.map(|channel| view.audience(channel)).unwrap_or_default();
        let hear: FxHashSet<_> = sees.iter().copied().chain(own).collect();
        let lose: Vec<_> = saw.iter().filter(|session| !hear.contains(session)).copied().collect();
        let hear: Vec<_> = hear.into_iter().collect();
        let told = view.with_member(state.clone());
        self.sessions.send_all(&hear, Kind::VOICE_STATE_UPDATE, &told);
        let left = VoiceState { channel_id: None, ..told };
        self.sessions.send_all(&lose, Kind::VOICE_STATE_UPDATE, &left);
    }
}

fn channel_updated(view: &mut GuildView, sessions: &mut Sessions, channel: &Channel) {
    let saw = view.audience(channel.id);
    let old = view.channel(channel.id).cloned();
    let mut new = channel.clone();
    new.last_message_id = new.last_message_id.max(old.as_ref().and_then(|old| old.last_message_id));
    match view.channel_mut(channel.id) {
        Some(place) => *place = new.clone(),
        None => view.channels.push(new.clone()),
    }
    view.forget_audiences();
    let sees = view.audience(channel.id);
    let both: Vec<_> = sees.iter().filter(|session| saw.contains(session)).copied().collect();
    sessions.send_all(&both, Kind::CHANNEL_UPDATE, &new);
    tell_difference(sessions, &saw, &sees, &old.unwrap_or_else(|| new.clone()), &new);
}

/// Makes a change that may let people see more or fewer channels, and tells them which.
fn resight(view: &mut GuildView, sessions: &mut Sessions, change: impl FnOnce(&mut GuildView)) {
    let before = view.sights();
    change(view);
    view.forget_audiences();
    for channel in view.channels.clone() {
        let sees = view.audience(channel.id);
        if let Some(saw) = before.get(&channel.id) {
            tell_difference(sessions, saw, &sees, &channel, &channel);
        }
    }
}

/// CHANNEL_DELETE to those who see it no more, CHANNEL_CREATE to those who did not see it before.
fn tell_difference(
    sessions: &mut Sessions,
    saw: &[SessionKey],
    sees: &[SessionKey],
    old: &Channel,
    new: &Channel,
) {
    if saw == sees {
        return;
    }
    let (before, after): (FxHashSet<_>, FxHashSet<_>) = (saw.iter().collect(), sees.iter().collect());
    let lost: Vec<_> = saw.iter().filter(|session| !after.contains(session)).copied().collect();
    let won: Vec<_> = sees.iter().filter(|session| !before.contains(session)).copied().collect();
    sessions.send_all(&lost, Kind::CHANNEL_DELETE, old);
    sessions.send_all(&won, Kind::CHANNEL_CREATE, new);
}
