//! Programs that act here as bots.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ApplicationId, UserId},
    user::User,
};

/// What other services need to know of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its id: the bot's user id is the same number.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// The account it acts as.
    pub bot: User,
    /// Who made it.
    pub owner: UserId,
    /// v10 application flags: which privileged intents it may ask for.
    pub flags: u32,
}
