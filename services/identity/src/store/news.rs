//! What others hear once it is durable. What must not be lost waits in the outbox meanwhile.

use voxlink_protocol::{
    User, UserId,
    bus::{SessionRevoked, UserUpdated},
    event::{UserChange, UserEvent},
    people::{AccountDeleted, SettingsUpdated},
};
use voxlink_service_kit::{Bus, DbError, Sql, outbox, outbox::EntryId};

use super::Store;

/// One announcement that a write causes.
#[derive(Debug)]
pub(super) enum News {
    Revoked(EntryId, SessionRevoked),
    /// Told again at the next start: the row that the account leaves is the record of it.
    Deleted(AccountDeleted),
    Updated(User),
    Settings(SettingsUpdated),
    Event(UserEvent),
}

impl News {
    /// A login is over; stored in the running transaction.
    pub(super) fn revoked(sql: &Sql<'_>, revoked: SessionRevoked) -> Result<Self, DbError> {
        Ok(Self::Revoked(outbox::put(sql, &revoked)?, revoked))
    }

    /// Something for the devices of one person.
    pub(super) fn to_person(user: UserId, change: UserChange) -> Self {
        Self::Event(UserEvent { to: vec![user], change })
    }

    fn publish(&self, bus: &Bus) {
        match self {
            Self::Revoked(_, revoked) => bus.publish(revoked.clone()),
            Self::Deleted(deleted) => bus.publish(*deleted),
            Self::Updated(user) => bus.publish(UserUpdated(user.clone())),
            Self::Settings(updated) => bus.publish(updated.clone()),
            Self::Event(event) => bus.publish(event.clone()),
        }
    }

    const fn entry(&self) -> Option<EntryId> {
        match self {
            Self::Revoked(entry, _) => Some(*entry),
            Self::Deleted(_) | Self::Updated(_) | Self::Settings(_) | Self::Event(_) => None,
        }
    }
}

impl Store {
    /// Runs a write, and tells its news once it is durable: on the writer's thread, in commit order, so that who
    /// stops waiting for the answer does not stop the announcement.
    pub(super) async fn telling<T, E>(
        &self,
        operation: impl FnOnce(&Sql<'_>) -> Result<(T, Vec<News>), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let bus = self.bus.clone();
        let tell = move |(_, news): &(T, Vec<News>)| news.iter().for_each(|one| one.publish(&bus));
        let (done, news) = self.db.write_then(operation, tell).await?;
        let told: Vec<EntryId> = news.iter().filter_map(News::entry).collect();
        if !told.is_empty()
            && let Err(error) = outbox::forget(&self.db, told).await
        {
            tracing::warn!(%error, "what was told stays in the outbox and is told again at the next start");
        }
        Ok(done)
    }
}
