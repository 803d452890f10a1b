//! What becomes of guilds when an account goes.

use voxlink_protocol::{GuildId, UserId};

use crate::{Chat, Refusal, member::end::MemberEnding};

impl Chat {
    /// How many guilds with other people in them someone owns; bots that only they could have brought do not count.
    #[must_use]
    pub fn owned_guilds(&self, user: UserId) -> u32 {
        let world = self.world();
        let owned =
            world.guilds_of(user).filter(|state| state.guild.owner_id == user && state.members.len() > 1);
        u32::try_from(owned.count()).unwrap_or(u32::MAX)
    }

    /// Ends all memberships of an account that is gone; guilds that it owned go with it.
    pub(crate) async fn forget_account(&self, user: UserId) -> Result<(), Refusal> {
        let guilds: Vec<GuildId> = self.guilds_of(user);
        for guild in guilds {
            match self.forget_member(guild, user).await {
                // It, or the membership, ended meanwhile.
                Ok(()) | Err(Refusal::UnknownGuild) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn forget_member(&self, guild: GuildId, user: UserId) -> Result<(), Refusal> {
        let turn = self.turn(guild).await?;
        let ending = {
            let world = self.world();
            let view = world.view_guild(guild, user, self.inner.env.now())?;
            (view.state.guild.owner_id != user).then(|| MemberEnding::of(view.state, user))
        };
        match ending {
            Some(ending) => self.commit(guild, Some(turn), move |change| ending.commit(change)).await,
            None => {
                drop(turn);
                // Identity asked before that nobody else is in it; whoever came since loses it with its owner.
                self.delete_guild(user, guild).await
            }
        }
    }
}
