//! Asks someone to be friends, or says yes.

use voxlink_protocol::{Relationship, UserId, text::Username};

use super::{RelateError, Sides};
use crate::Identity;

impl Identity {
    /// Asks; when the other asked already, both are friends. Two who ask each other at the same moment are friends as
    /// well, since writes come one after another.
    pub(crate) async fn befriend(&self, me: UserId, other: UserId) -> Result<Relationship, RelateError> {
        self.relate(me, other, Sides::ask).await?.ok_or(RelateError::UnknownUser)
    }

    /// As [`Identity::befriend`], by name.
    pub(crate) async fn befriend_by_name(
        &self,
        me: UserId,
        name: Username,
    ) -> Result<Relationship, RelateError> {
        let found = self.inner.store.account_by_name(name.into_string()).await?;
        let (other, _) = found.ok_or(RelateError::UnknownUser)?;
        self.befriend(me, other.id).await
    }

    pub(super) async fn relate(
        &self,
        me: UserId,
        other: UserId,
        rule: fn(Sides) -> Sides,
    ) -> Result<Option<Relationship>, RelateError> {
        if me == other {
            return Err(RelateError::Oneself);
        }
        self.inner.store.relate(me, other, rule, self.inner.env.now()).await
    }
}
