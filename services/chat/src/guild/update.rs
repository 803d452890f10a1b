//! Changes how a guild looks, where joins are told, and whose it is.

use voxlink_protocol::{
    ChannelId, ChannelKind, Guild, GuildId, Permissions, UserId,
    event::GuildChange,
    files::ImagePurpose,
    text::{GuildDescription, GuildName},
};

use super::LOGGED;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    state::GuildView,
    store,
};

/// v10's `AvailableLocalesEnum`.
const LOCALES: &[&str] = &[
    "ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he", "hi", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk",
    "vi", "zh-CN", "zh-TW",
];

/// The fields to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct GuildFields {
    pub name: Option<GuildName>,
    /// A data URI; `Some(None)`: no picture.
    pub icon: Option<Option<String>>,
    /// `Some(None)` removes it.
    pub description: Option<Option<GuildDescription>>,
    /// Gives the guild away; only its owner may.
    pub owner_id: Option<UserId>,
    /// Where joins are told; `Some(None)`: nowhere.
    pub system_channel_id: Option<Option<ChannelId>>,
    pub preferred_locale: Option<String>,
}

impl Chat {
    /// Changes a guild; needs MANAGE_GUILD, and to give it away one must own it. What changes nothing is told to
    /// nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::UnknownMember`] for a new owner who is no member,
    /// [`Refusal::Form`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn update_guild(
        &self,
        actor: impl Into<Actor>,
        id: GuildId,
        fields: GuildFields,
    ) -> Result<Guild, Refusal> {
        let actor = actor.into();
        let turn = self.turn(id).await?;
        let icon = fields.icon.clone();
        let (before, mut guild) = {
            let world = self.world();
            let view = world.view_guild(id, actor.id, self.inner.env.now())?;
            let mut guild = view.state.guild.clone();
            fields.apply(&view, &mut guild)?;
            (view.state.guild.clone(), guild)
        };
        let purpose = ImagePurpose::GuildIcon(id);
        let mut stored = None;
        match icon {
            None => {}
            Some(None) => guild.icon = None,
            Some(Some(data_uri)) => {
                let image = self.store_image(purpose, "icon", data_uri).await?;
                guild.icon = Some(image.hash.clone());
                stored = Some(image.hash);
            }
        }
        if guild == before {
            return Ok(guild);
        }
        let done = self
            .commit(id, Some(turn), move |change| {
                store::guilds::update(change.sql, &guild)?;
                change.record(GuildChange::GuildUpdate(Box::new(guild.clone())))?;
                let entry = Entry::new(Action::GuildUpdate, &actor, id.0);
                change.audit(entry.fields(Some(&before), Some(&guild), LOGGED))?;
                let is_other = guild.icon != before.icon;
                if let Some(hash) = before.icon.filter(|_| is_other) {
                    change.release_image(purpose, hash)?;
                }
                Ok(guild)
            })
            .await;
        self.release_unless_stored(purpose, stored, done).await
    }
}

impl GuildFields {
    fn apply(self, view: &GuildView<'_>, guild: &mut Guild) -> Result<(), Refusal> {
        let Self { name, icon: _, description, owner_id, system_channel_id, preferred_locale } = self;
        if let Some(owner) = owner_id.filter(|owner| *owner != guild.owner_id) {
            if view.user != guild.owner_id {
                return Err(Refusal::Forbidden);
            }
            view.other(owner)?;
            guild.owner_id = owner;
        }
        view.require(Permissions::MANAGE_GUILD)?;
        if let Some(name) = name {
            guild.name = name.into_string();
        }
        if let Some(description) = description {
            guild.description = description.map(GuildDescription::into_string);
        }
        if let Some(channel) = system_channel_id {
            let is_text = |id: ChannelId| {
                view.state.channels.get(&id).is_some_and(|channel| channel.kind == ChannelKind::Text)
            };
            if !channel.is_none_or(is_text) {
                let message = "Must be a text channel of this server.";
                return Err(Refusal::field("system_channel_id", "CHANNEL_INVALID", message));
            }
            guild.system_channel_id = channel;
        }
        if let Some(locale) = preferred_locale {
            if !LOCALES.contains(&locale.as_str()) {
                let message = "Must be a locale such as en-US or ru.";
                return Err(Refusal::field("preferred_locale", "BASE_TYPE_CHOICES", message));
            }
            guild.preferred_locale = locale;
        }
        Ok(())
    }
}
