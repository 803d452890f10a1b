//! Makes an emoji.

use voxlink_protocol::{
    Emoji, EmojiId, GuildId, Permissions, RoleId, User, event::GuildChange, files::ImagePurpose,
    text::EmojiName,
};

use super::{LOGGED, MAX_OF_A_KIND, check_roles};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    state::GuildView,
    store::emojis,
};

/// An emoji to be.
#[derive(Clone, Debug)]
pub struct NewEmoji {
    /// Its name.
    pub name: EmojiName,
    /// A data URI.
    pub image: String,
    /// Who may use it; empty for everyone.
    pub roles: Vec<RoleId>,
}

impl Chat {
    /// Makes an emoji; needs CREATE_GUILD_EXPRESSIONS or MANAGE_GUILD_EXPRESSIONS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::TooManyEmojis`], [`Refusal::UnknownRole`],
    /// [`Refusal::Form`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn create_emoji(
        &self,
        actor: impl Into<Actor>,
        maker: &User,
        guild: GuildId,
        new: NewEmoji,
    ) -> Result<Emoji, Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let turn = self.turn(guild).await?;
        let (mut all, roles) = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            may_create(&view)?;
            (view.state.guild.emojis.clone(), check_roles(&view, new.roles)?)
        };
        // Whether it moves only its bytes tell; twice a kind is full in any case.
        let of_kind = |all: &[Emoji], animated| all.iter().filter(|one| one.animated == animated).count();
        if of_kind(&all, false) >= MAX_OF_A_KIND && of_kind(&all, true) >= MAX_OF_A_KIND {
            return Err(Refusal::TooManyEmojis);
        }
        let id = EmojiId(self.inner.ids.next(now));
        let purpose = ImagePurpose::Emoji(id);
        let image = self.store_image(purpose, "image", new.image).await?;
        let is_full = of_kind(&all, image.animated) >= MAX_OF_A_KIND;
        let emoji = Emoji {
            id,
            name: new.name.into_string(),
            roles,
            user: None,
            require_colons: true,
            managed: false,
            animated: image.animated,
            available: true,
        };
        all.push(emoji.clone());
        let (hash, by) = (image.hash.clone(), maker.id);
        let maker = maker.clone();
        let done = self
            .commit(guild, Some(turn), move |change| {
                if is_full {
                    return Err(Refusal::TooManyEmojis);
                }
                emojis::insert(change.sql, guild, &emoji, &hash, by)?;
                change.record(GuildChange::EmojisUpdate(all))?;
                let entry = Entry::new(Action::EmojiCreate, &actor, id.0);
                change.audit(entry.fields(None, Some(&emoji), LOGGED))?;
                Ok(Emoji { user: Some(maker), ..emoji })
            })
            .await;
        self.release_unless_stored(purpose, Some(image.hash), done).await
    }
}

fn may_create(view: &GuildView<'_>) -> Result<(), Refusal> {
    let may =
        view.may(Permissions::CREATE_GUILD_EXPRESSIONS) || view.may(Permissions::MANAGE_GUILD_EXPRESSIONS);
    if may { Ok(()) } else { Err(Refusal::Forbidden) }
}
