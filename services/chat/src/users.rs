//! How members look: asked from identity, remembered, corrected when identity says so.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use voxlink_protocol::{
    User, UserId,
    bus::{GetUsers, UserUpdated},
};
use voxlink_service_kit::{Bus, CallError};

/// Accounts remembered at most, about 15 MiB; past it the memory starts anew.
const MOST_REMEMBERED: usize = 65_536;
/// The most that one [`GetUsers`] may ask for.
const ASKED_AT_ONCE: usize = 1000;

/// Accounts by id. Cloning shares the memory.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    bus: Bus,
    known: Arc<Mutex<HashMap<UserId, User>>>,
}

impl Users {
    /// Listens for changes from now on.
    pub(crate) fn new(bus: Bus) -> Self {
        let known: Arc<Mutex<HashMap<UserId, User>>> = Arc::default();
        let updated = known.clone();
        bus.subscribe(move |event: &Arc<UserUpdated>| {
            let mut known = updated.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(event.0.id, event.0.clone());
        });
        Self { bus, known }
    }

    /// These accounts; one that identity does not know stands there without a name of its own.
    pub(crate) async fn get(
        &self,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<HashMap<UserId, User>, CallError> {
        let mut found = HashMap::new();
        let mut missing = HashSet::new();
        {
            let known = self.lock();
            for id in ids {
                match known.get(&id) {
                    Some(user) => drop(found.insert(id, user.clone())),
                    None => drop(missing.insert(id)),
                }
            }
        }
        let missing: Vec<UserId> = missing.into_iter().collect();
        for ids in missing.chunks(ASKED_AT_ONCE) {
            let users = self.bus.call(GetUsers { ids: ids.to_vec() }).await?;
            let mut known = self.lock();
            if known.len() + users.len() > MOST_REMEMBERED {
                known.clear();
            }
            for user in users {
                // What an update told meanwhile is newer than this answer.
                let newest = known.entry(user.id).or_insert(user);
                found.insert(newest.id, newest.clone());
            }
        }
        for id in missing {
            found.entry(id).or_insert_with(|| User::new(id, format!("deleted.{id}")));
        }
        Ok(found)
    }

    /// One account, as [`Users::get`].
    pub(crate) async fn one(&self, id: UserId) -> Result<User, CallError> {
        let mut found = self.get([id]).await?;
        Ok(found.remove(&id).unwrap_or_else(|| User::new(id, format!("deleted.{id}"))))
    }

    /// As far as it is remembered: for where nothing can be waited for.
    pub(crate) fn remembered(&self, id: UserId) -> User {
        let known = self.lock().get(&id).cloned();
        known.unwrap_or_else(|| User::new(id, format!("deleted.{id}")))
    }

    /// One account; `None` when identity does not know it.
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<User>, CallError> {
        if let Some(known) = self.lock().get(&id) {
            return Ok(Some(known.clone()));
        }
        Ok(self.bus.call(GetUsers { ids: vec![id] }).await?.into_iter().find(|user| user.id == id))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, User>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
