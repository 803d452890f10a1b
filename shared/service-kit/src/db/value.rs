//! What is bound to `$1`.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use voxlink_protocol::{
    ApplicationId, AttachmentId, AuditLogEntryId, ChannelId, EmojiId, GuildId, LoginId, MessageId,
    Permissions, RecordingId, RoleId, Snowflake, SoundId, StreamKeyId, Timestamp, UserId,
};

/// A bound value; ids and times are 64-bit integers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Value<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}
impl From<u64> for Value<'_> {
    /// Bit for bit: ids and permission sets stay below 2^63.
    fn from(number: u64) -> Self {
        Self::Integer(number.cast_signed())
    }
}
impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}
impl From<u8> for Value<'_> {
    fn from(number: u8) -> Self {
        Self::Integer(number.into())
    }
}
impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}
impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}
impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}
impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        time.0.into()
    }
}
impl From<Permissions> for Value<'_> {
    fn from(permissions: Permissions) -> Self {
        permissions.bits().into()
    }
}
impl From<Snowflake> for Value<'_> {
    fn from(id: Snowflake) -> Self {
        id.0.into()
    }
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl From<$id> for Value<'_> {
            fn from(id: $id) -> Self { id.get().into() }
        }
    )+};
}
ids!(
    UserId,
    GuildId,
    ChannelId,
    MessageId,
    RoleId,
    LoginId,
    ApplicationId,
    EmojiId,
    AttachmentId,
    AuditLogEntryId,
    StreamKeyId,
    RecordingId,
    SoundId
);

/// `params![id, name]` for [`super::Sql`].
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Value::from($value)),*][..] };
}
