//! What a query brings back.

use voxlink_protocol::{
    ApplicationId, AttachmentId, AuditLogEntryId, ChannelId, EmojiId, GuildId, LoginId, MessageId,
    Permissions, RecordingId, RoleId, Snowflake, SoundId, StreamKeyId, Timestamp, UserId,
};

use super::{DbError, Value, postgres};

/// One row; columns count from 0.
#[derive(Debug)]
pub struct Row<'a>(pub(super) Inner<'a>);

#[derive(Debug)]
pub(super) enum Inner<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl<'a> Row<'a> {
    /// The value of a column.
    ///
    /// # Errors
    /// When it has another type or is null where null is not expected.
    pub fn get<T: FromColumn>(&self, column: usize) -> Result<T, DbError> {
        T::from_column(self, column)
    }

    /// The value of a column as the database has it: integers for booleans too.
    ///
    /// # Errors
    /// When there is no such column, or it is of a type that we do not use.
    pub fn value(&self, column: usize) -> Result<Value<'a>, DbError> {
        use rusqlite::types::ValueRef;
        match &self.0 {
            Inner::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Null => Ok(Value::Null),
                ValueRef::Integer(number) => Ok(Value::Integer(number)),
                ValueRef::Text(text) => {
                    std::str::from_utf8(text).map(Value::Text).map_err(|_| wrong(column, "text"))
                }
                ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
                ValueRef::Real(_) => Err(wrong(column, "of a type that we use")),
            },
            Inner::Postgres(row) => postgres::value(row, column),
        }
    }
}

fn wrong(column: usize, wanted: &str) -> DbError {
    DbError::Other(format!("column {column} is not {wanted}"))
}

/// A type that a column can become.
pub trait FromColumn: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the column holds something else.
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError>;
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        match row.value(column)? {
            Value::Null => Ok(None),
            Value::Integer(_) | Value::Text(_) | Value::Bytes(_) => T::from_column(row, column).map(Some),
        }
    }
}

impl FromColumn for i64 {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        match row.value(column)? {
            Value::Integer(number) => Ok(number),
            Value::Null | Value::Text(_) | Value::Bytes(_) => Err(wrong(column, "a number")),
        }
    }
}

macro_rules! smaller {
    ($($kind:ty),+) => {$(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
                Self::try_from(i64::from_column(row, column)?).map_err(|_| wrong(column, stringify!($kind)))
            }
        }
    )+};
}
smaller!(u32, u16, u8, i32);

impl FromColumn for u64 {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        i64::from_column(row, column).map(i64::cast_unsigned)
    }
}

impl FromColumn for bool {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        i64::from_column(row, column).map(|number| number != 0)
    }
}

impl FromColumn for String {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        match row.value(column)? {
            Value::Text(text) => Ok(text.to_owned()),
            Value::Null | Value::Integer(_) | Value::Bytes(_) => Err(wrong(column, "text")),
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> {
        match row.value(column)? {
            Value::Bytes(bytes) => Ok(bytes.to_owned()),
            Value::Null | Value::Integer(_) | Value::Text(_) => Err(wrong(column, "bytes")),
        }
    }
}

macro_rules! wrapped {
    ($($kind:ty => $wrap:expr),+ $(,)?) => {$(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, column: usize) -> Result<Self, DbError> { u64::from_column(row, column).map($wrap) }
        }
    )+};
}
wrapped! {
    UserId => UserId::new, GuildId => GuildId::new, ChannelId => ChannelId::new, MessageId => MessageId::new,
    RoleId => RoleId::new, LoginId => LoginId::new, ApplicationId => ApplicationId::new,
    EmojiId => EmojiId::new, AttachmentId => AttachmentId::new, AuditLogEntryId => AuditLogEntryId::new,
    StreamKeyId => StreamKeyId::new, RecordingId => RecordingId::new, SoundId => SoundId::new, Snowflake => Snowflake,
    Timestamp => Timestamp, Permissions => Permissions::from_bits_retain,
}
