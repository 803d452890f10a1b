//! Every type that crosses a wire, and the pure permission arithmetic. Serde and nothing else.

pub mod application;
pub mod attachment;
pub mod audit;
pub mod broadcast;
pub mod bus;
pub mod channel;
pub mod direct;
pub mod embed;
pub mod emoji;
pub mod error;
pub mod event;
pub mod files;
pub mod gateway;
pub mod guild;
pub mod hierarchy;
pub mod id;
pub mod invite;
pub mod message;
pub mod people;
pub mod permissions;
pub mod playback;
pub mod read_state;
pub mod recording;
pub mod relationship;
pub mod secret;
pub mod settings;
pub mod soundboard;
pub mod text;
pub mod timestamp;
pub mod user;
pub mod voice;

pub use application::Application;
pub use attachment::Attachment;
pub use audit::{AuditLogChange, AuditLogEntry};
pub use broadcast::CallBroadcast;
pub use channel::{Channel, ChannelKind, Overwrite, OverwriteKind};
pub use direct::{DirectChannel, DirectKind};
pub use embed::Embed;
pub use emoji::{Emoji, ReactionEmoji};
pub use error::{ErrorCode, FieldErrors, Problem};
pub use guild::{Guild, GuildSnapshot, Member, Role};
pub use id::{
    ApplicationId, AttachmentId, AuditLogEntryId, ChannelId, EmojiId, GuildId, LoginId, MessageId,
    RecordingId, RoleId, Snowflake, SoundId, StreamKeyId, UserId,
};
pub use invite::{Invite, InviteCode};
pub use message::{Message, MessageCall, MessageFlags, MessageKind, MessageReference, Nonce, Reaction};
pub use permissions::Permissions;
pub use read_state::{ReadState, UserGuildSettings};
pub use recording::{CallRecording, RecordingPolicy};
pub use relationship::{Relationship, RelationshipKind};
pub use secret::Secret;
pub use settings::UserSettings;
pub use soundboard::SoundboardSound;
pub use timestamp::Timestamp;
pub use user::User;
pub use voice::VoiceState;
