//! Makes an invite.

use std::time::Duration;

use voxlink_protocol::{
    ChannelId, GuildId, Invite, InviteCode, Permissions, Timestamp, User, event::GuildChange,
};
use voxlink_service_kit::Env;

use super::{Audience, MAX_INVITES, log, present};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor},
    store::invites::{self, StoredInvite},
};

/// v10: the longest life of an invite in seconds, a week; 0 is for ever.
const MAX_AGE: u32 = 604_800;
/// v10: the most uses; 0 is no limit.
const MAX_USES: u32 = 100;
/// log2(62^11) = 65.5 bits: guessing one of a million living codes takes 2^45 tries on average.
const CODE_LENGTH: usize = 11;

/// How an invite may be used.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct NewInvite {
    /// Seconds, 0 for ever.
    pub max_age: u32,
    /// 0: no limit.
    pub max_uses: u32,
    /// Never an invite that exists already.
    pub unique: bool,
}

impl Chat {
    /// Makes an invite to a channel, or (unless `unique`) returns one that its maker made the same way; needs
    /// CREATE_INSTANT_INVITE.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Forbidden`], [`Refusal::Form`], [`Refusal::TooManyInvites`] or
    /// [`Refusal::Db`].
    pub async fn create_invite(
        &self,
        maker: &User,
        channel: ChannelId,
        new: NewInvite,
    ) -> Result<Invite, Refusal> {
        self.create_invite_as(maker.id.into(), maker, channel, new).await
    }

    /// As [`Chat::create_invite`], with a reason for the audit log.
    pub(crate) async fn create_invite_as(
        &self,
        actor: Actor,
        maker: &User,
        channel: ChannelId,
        new: NewInvite,
    ) -> Result<Invite, Refusal> {
        check(new)?;
        let now = self.inner.env.now();
        let (guild, turn) = self.turn_of_channel(channel).await?;
        {
            let world = self.world();
            let view = world.view_channel(channel, maker.id, now)?;
            view.require(Permissions::CREATE_INSTANT_INVITE)?;
        }
        let (chat, maker) = (self.clone(), maker.clone());
        self.commit(guild, Some(turn), move |change| {
            let living = invites::of_guild(change.sql, guild, now)?;
            let fresh = chat.fresh(guild, channel, &maker, new, now);
            let same = living.iter().find(|known| !new.unique && may_stand_for(known, &fresh, now));
            if let Some(known) = same {
                return present(&chat.world(), known, Audience::Manager(maker));
            }
            if living.len() >= MAX_INVITES {
                return Err(Refusal::TooManyInvites);
            }
            invites::insert(change.sql, &fresh)?;
            let invite = present(&chat.world(), &fresh, Audience::Manager(maker))?;
            let told = Invite { guild_id: Some(guild), ..invite.clone() };
            change.record(GuildChange::InviteCreate(Box::new(told)))?;
            // v10: an invite has no snowflake; its guild stands for it.
            change.audit(log(Action::InviteCreate, &actor, guild, None, Some(&fresh)))?;
            Ok(invite)
        })
        .await
    }

    fn fresh(
        &self,
        guild: GuildId,
        channel: ChannelId,
        maker: &User,
        new: NewInvite,
        now: Timestamp,
    ) -> StoredInvite {
        StoredInvite {
            code: new_code(&self.inner.env),
            guild,
            channel,
            inviter: maker.id,
            uses: 0,
            max_uses: new.max_uses,
            max_age: new.max_age,
            created_at: now,
            expires_at: (new.max_age > 0).then(|| now.plus(Duration::from_secs(new.max_age.into()))),
        }
    }
}

fn check(new: NewInvite) -> Result<(), Refusal> {
    let out_of_range = |field, message: &str| Err(Refusal::field(field, "NUMBER_TYPE_OUT_OF_RANGE", message));
    if new.max_age > MAX_AGE {
        return out_of_range("max_age", "int value should be between 0 and 604800.");
    }
    if new.max_uses > MAX_USES {
        return out_of_range("max_uses", "int value should be between 0 and 100.");
    }
    Ok(())
}

/// Made the same way by the same person, unused if uses are counted, and with most of its life ahead.
fn may_stand_for(known: &StoredInvite, fresh: &StoredInvite, now: Timestamp) -> bool {
    let half_life = Duration::from_secs(u64::from(fresh.max_age) / 2);
    known.channel == fresh.channel
        && known.inviter == fresh.inviter
        && known.max_age == fresh.max_age
        && known.max_uses == fresh.max_uses
        && (known.max_uses == 0 || known.uses == 0)
        && known.expires_at.is_none_or(|end| end >= now.plus(half_life))
}

fn new_code(env: &Env) -> InviteCode {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut code = String::with_capacity(CODE_LENGTH);
    while code.len() < CODE_LENGTH {
        // 248 = 4 × 62: greater bytes would make the first letters likelier.
        let fair = env.bytes::<16>().into_iter().filter(|byte| *byte < 248);
        let letters = fair.map(|byte| char::from(LETTERS[usize::from(byte % 62)]));
        code.extend(letters.take(CODE_LENGTH - code.len()));
    }
    InviteCode(code)
}
