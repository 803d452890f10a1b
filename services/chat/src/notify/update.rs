//! Changes what someone wants to hear of.

use voxlink_protocol::{
    GuildId, Timestamp, User,
    event::UserChange,
    read_state::{ChannelOverride, NotificationLevel, UserGuildSettings},
};

use super::{MAX_OVERRIDES, at, says_nothing, untouched};
use crate::{Chat, Refusal, state::place::Place, store::notify};

/// The fields to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct NotifyFields {
    pub muted: Option<bool>,
    /// `Some(None)`: the mute has no end.
    pub mute_until: Option<Option<Timestamp>>,
    pub message_notifications: Option<NotificationLevel>,
    pub suppress_everyone: Option<bool>,
    pub suppress_roles: Option<bool>,
    /// These channels; the others stay as they are.
    pub channel_overrides: Vec<ChannelOverride>,
}

impl NotifyFields {
    fn apply(self, settings: &mut UserGuildSettings) {
        if let Some(muted) = self.muted {
            // A new mute has no end unless one is given with it.
            (settings.muted, settings.mute_until) = (muted, None);
        }
        settings.mute_until = self.mute_until.unwrap_or(settings.mute_until);
        settings.message_notifications = self.message_notifications.unwrap_or(settings.message_notifications);
        settings.suppress_everyone = self.suppress_everyone.unwrap_or(settings.suppress_everyone);
        settings.suppress_roles = self.suppress_roles.unwrap_or(settings.suppress_roles);
        for set in self.channel_overrides {
            settings.channel_overrides.retain(|known| known.channel_id != set.channel_id);
            if !says_nothing(&set) {
                settings.channel_overrides.push(set);
            }
        }
        settings.channel_overrides.sort_by_key(|set| set.channel_id);
    }
}

impl Chat {
    /// Sets what someone wants to hear of in a guild (`None`: in direct conversations) and tells all of their devices.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownChannel`], [`Refusal::Form`], [`Refusal::BotsNotAllowed`] or
    /// [`Refusal::Db`].
    pub async fn set_notify(
        &self,
        user: &User,
        guild: Option<GuildId>,
        fields: NotifyFields,
    ) -> Result<UserGuildSettings, Refusal> {
        if user.bot {
            return Err(Refusal::BotsNotAllowed);
        }
        let (user, now) = (user.id, self.inner.env.now());
        {
            let world = self.world();
            if let Some(guild) = guild {
                world.view_guild(guild, user, now)?;
            }
            for set in &fields.channel_overrides {
                if world.view_place(set.channel_id, user, now)?.place().guild() != guild {
                    return Err(Refusal::UnknownChannel);
                }
            }
        }
        if fields.message_notifications == Some(NotificationLevel::Inherit) {
            let words = "Must be 0, 1 or 2: only a channel can be as its server.";
            return Err(Refusal::field("message_notifications", "BASE_TYPE_CHOICES", words));
        }
        self.commit_in(Place::Direct, None, move |change| {
            let all = notify::of_user(change.sql, user)?;
            let known = all.into_iter().find(|settings| settings.guild_id == guild);
            let mut settings = at(known.unwrap_or_else(|| untouched(guild)), now);
            fields.apply(&mut settings);
            if settings.channel_overrides.len() > MAX_OVERRIDES {
                let words = "Must be 1000 or fewer.";
                return Err(Refusal::field("channel_overrides", "BASE_TYPE_MAX_LENGTH", words));
            }
            let settings = at(settings, now);
            notify::put(change.sql, user, &settings)?;
            change.tell(vec![user], UserChange::GuildSettings(Box::new(settings.clone())));
            Ok(settings)
        })
        .await
    }
}
