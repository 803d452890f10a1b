//! What a query brings back.

use voxlink_protocol::{
    ApplicationId, AttachmentId, AuditLogEntryId, ChannelId, EmojiId, GuildId, LoginId, MessageId,
    Permissions, RoleId, Snowflake, Timestamp, UserId,
};

use super::DbError;

/// One row; columns count from 0.
#[derive(Debug)]
pub struct Row<'a>(pub(super) &'a rusqlite::Row<'a>);

impl Row<'_> {
    /// The value of a column.
    ///
    /// # Errors
    /// When it has another type or is null where null is not expected.
    pub fn get<T: FromColumn>(&self, column: usize) -> Result<T, DbError> {
        T::from_column(self, column)
    }
}

/// A type that a column can become.
pub trait FromColumn: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the column holds something else.
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError>;
}

macro_rules! direct {
    ($($kind:ty),+) => {$(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> { Ok(row.0.get(column)?) }
        }
        impl FromColumn for Option<$kind> {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> { Ok(row.0.get(column)?) }
        }
    )+};
}
direct!(i64, u32, u8, bool, String, Vec<u8>);

impl FromColumn for u64 {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        Ok(row.0.get::<_, i64>(column)?.cast_unsigned())
    }
}
impl FromColumn for Option<u64> {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        Ok(row.0.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
    }
}

macro_rules! wrapped {
    ($($kind:ty => $wrap:expr),+ $(,)?) => {$(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> { u64::from_column(row, column).map($wrap) }
        }
        impl FromColumn for Option<$kind> {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
                Ok(Option::<u64>::from_column(row, column)?.map($wrap))
            }
        }
    )+};
}
wrapped! {
    UserId => UserId::new, GuildId => GuildId::new, ChannelId => ChannelId::new, MessageId => MessageId::new,
    RoleId => RoleId::new, LoginId => LoginId::new, ApplicationId => ApplicationId::new,
    EmojiId => EmojiId::new, AttachmentId => AttachmentId::new, AuditLogEntryId => AuditLogEntryId::new, Snowflake => Snowflake,
    Timestamp => Timestamp, Permissions => Permissions::from_bits_retain,
}
