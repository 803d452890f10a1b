//! Every type that crosses a wire, and the pure permission arithmetic. Serde and nothing else.

pub mod bus;
pub mod channel;
pub mod error;
pub mod event;
pub mod gateway;
pub mod guild;
pub mod id;
pub mod invite;
pub mod message;
pub mod permissions;
pub mod secret;
pub mod text;
pub mod timestamp;
pub mod user;
pub mod voice;

pub use channel::{Channel, ChannelKind, Overwrite, OverwriteKind};
pub use error::{ErrorCode, FieldErrors, Problem};
pub use guild::{Guild, GuildSnapshot, Member, Role};
pub use id::{ApplicationId, ChannelId, GuildId, LoginId, MessageId, RoleId, Snowflake, UserId};
pub use invite::{Invite, InviteCode};
pub use message::{Message, Nonce};
pub use permissions::Permissions;
pub use secret::Secret;
pub use timestamp::Timestamp;
pub use user::User;
pub use voice::VoiceState;
