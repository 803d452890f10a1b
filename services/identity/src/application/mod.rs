//! Applications: programs that act here as bots.

mod create;
mod delete;
mod read;
mod reset_token;
mod update;

pub(crate) use create::{CreateApplicationError, Made};
pub(crate) use read::View;
pub(crate) use update::{ApplicationForm, UpdateApplicationError};

use voxlink_protocol::{ApplicationId, UserId};
use voxlink_service_kit::DbError;

use crate::store::StoredApplication;

/// v10: GATEWAY_PRESENCE_LIMITED, GATEWAY_GUILD_MEMBERS_LIMITED and GATEWAY_MESSAGE_CONTENT_LIMITED, the intents that a
/// bot of few guilds may ask for. Every bot here may.
pub(crate) const INTENT_FLAGS: u32 = 1 << 13 | 1 << 15 | 1 << 19;

/// Why one gets nothing of an application.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApplicationError {
    /// There is none, or it is someone else's: nobody learns which.
    #[error("no such application")]
    Unknown,
    #[error(transparent)]
    Store(#[from] DbError),
}

/// Its maker's and its bot's are the same rights.
fn belongs(application: &StoredApplication, to: UserId) -> bool {
    application.owner == to || application.bot.id == to
}

/// The account that an application acts as.
const fn bot_of(application: ApplicationId) -> UserId {
    UserId(application.0)
}
