//! What people want to hear of: mutes and levels, by guild and by channel, the same on all devices.

pub mod read;
pub mod update;

use voxlink_protocol::{
    Timestamp,
    read_state::{ChannelOverride, NotificationLevel, UserGuildSettings},
};

/// Overrides of one guild: more than it can have channels. In direct conversations it bounds what a session begins with.
pub const MAX_OVERRIDES: usize = 1000;

/// What someone gets who has set nothing.
fn untouched(guild_id: Option<voxlink_protocol::GuildId>) -> UserGuildSettings {
    UserGuildSettings {
        guild_id,
        muted: false,
        mute_until: None,
        message_notifications: NotificationLevel::All,
        suppress_everyone: false,
        suppress_roles: false,
        channel_overrides: Vec::new(),
    }
}

/// Mutes that are over are none.
fn at(mut settings: UserGuildSettings, now: Timestamp) -> UserGuildSettings {
    let end = |muted: &mut bool, until: &mut Option<Timestamp>| {
        if !*muted || until.is_some_and(|until| until <= now) {
            (*muted, *until) = (false, None);
        }
    };
    end(&mut settings.muted, &mut settings.mute_until);
    settings.channel_overrides.iter_mut().for_each(|set| end(&mut set.muted, &mut set.mute_until));
    settings.channel_overrides.retain(|set| !says_nothing(set));
    settings
}

fn says_nothing(set: &ChannelOverride) -> bool {
    !set.muted && set.message_notifications == NotificationLevel::Inherit
}
