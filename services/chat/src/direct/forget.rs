//! What is left of a person in conversations when their account is gone.

use voxlink_protocol::{ChannelId, DirectKind, UserId};
use voxlink_service_kit::Sql;

use crate::{Chat, Refusal, store};

impl Chat {
    /// Takes someone out of all groups and forgets what they have read and set. What they wrote stays.
    ///
    /// # Errors
    /// [`Refusal::Db`] or [`Refusal::Call`]; to be tried again then.
    pub async fn forget_in_directs(&self, user: UserId) -> Result<(), Refusal> {
        let groups: Vec<ChannelId> = {
            let world = self.world();
            let groups = world.directs.of(user).filter(|state| state.kind == DirectKind::Group);
            groups.map(|state| state.id).collect()
        };
        for group in groups {
            match self.remove_from_group(user, user, group).await {
                // Taken out by someone else meanwhile.
                Ok(()) | Err(Refusal::UnknownChannel) => {}
                Err(other) => return Err(other),
            }
        }
        let forget = move |sql: &Sql<'_>| {
            store::notify::forget_user(sql, user)?;
            store::read_states::forget_user(sql, user)
        };
        Ok(self.inner.db.write(forget).await?)
    }
}
