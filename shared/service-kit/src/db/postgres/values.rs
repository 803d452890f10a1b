//! Values on their way into PostgreSQL and out of it.

use std::{error::Error, fmt};

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::db::{DbError, Value};

type Refusal = Box<dyn Error + Sync + Send>;

/// A value to be bound. PostgreSQL says which type it expects; an integer may become a boolean.
pub(super) struct Bound<'a>(pub(super) Value<'a>);

impl fmt::Debug for Bound<'_> {
    /// The driver logs what it binds; what people write does not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => integer(number, kind, out),
            Value::Text(text) if is_text(kind) => {
                if text.contains('\0') {
                    // PostgreSQL knows no such character; what people write has none, what they search for may.
                    return text.replace('\0', "\u{FFFD}").to_sql(kind, out);
                }
                text.to_sql(kind, out)
            }
            Value::Bytes(bytes) if *kind == Type::BYTEA => bytes.to_sql(kind, out),
            Value::Text(_) => Err(format!("text is bound where {kind} is expected").into()),
            Value::Bytes(_) => Err(format!("bytes are bound where {kind} is expected").into()),
        }
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn integer(number: i64, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
    match *kind {
        Type::INT8 => number.to_sql(kind, out),
        Type::BOOL => (number != 0).to_sql(kind, out),
        Type::INT4 => i32::try_from(number)?.to_sql(kind, out),
        Type::INT2 => i16::try_from(number)?.to_sql(kind, out),
        _ => Err(format!("an integer is bound where {kind} is expected").into()),
    }
}

fn is_text(kind: &Type) -> bool {
    matches!(*kind, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN)
}

/// A column of a row.
pub(in crate::db) fn value(row: &tokio_postgres::Row, column: usize) -> Result<Value<'_>, DbError> {
    Ok(row.try_get::<_, Column<'_>>(column)?.0)
}

struct Column<'a>(Value<'a>);

impl<'a> FromSql<'a> for Column<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Refusal> {
        let value = match *kind {
            Type::INT8 => Value::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT2 => Value::Integer(i16::from_sql(kind, raw)?.into()),
            Type::BOOL => Value::Integer(bool::from_sql(kind, raw)?.into()),
            // What sum() of BIGINT is.
            Type::NUMERIC => Value::Integer(whole(raw).ok_or("a number is no 64-bit integer")?),
            Type::BYTEA => Value::Bytes(raw),
            _ if is_text(kind) => Value::Text(std::str::from_utf8(raw)?),
            _ => return Err(format!("a column is of type {kind}").into()),
        };
        Ok(Self(value))
    }

    fn from_sql_null(_kind: &Type) -> Result<Self, Refusal> {
        Ok(Self(Value::Null))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}

/// NUMERIC on the wire: count, weight, sign, scale, then digits to the base of 10,000, all 16 bits wide.
fn whole(raw: &[u8]) -> Option<i64> {
    let (words, []) = raw.as_chunks::<2>() else { return None };
    let mut words = words.iter().map(|word| i16::from_be_bytes(*word));
    let (count, weight, sign, _scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if i64::from(count) > i64::from(weight) + 1 {
        return None;
    }
    let mut number: i64 = 0;
    for _ in 0..=weight {
        number = number.checked_mul(10_000)?.checked_sub(words.next().unwrap_or(0).into())?;
    }
    match sign {
        0 => number.checked_neg(),
        0x4000 => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_whole() {
        let numeric = |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(whole(&numeric(&[0, 0, 0, 0])), Some(0));
        assert_eq!(whole(&numeric(&[2, 1, 0, 0, 12, 345])), Some(120_345));
        assert_eq!(whole(&numeric(&[1, 1, 0x4000, 0, 7])), Some(-70_000));
        assert_eq!(whole(&numeric(&[1, -1, 0, 1, 5000])), None);
        assert_eq!(whole(&numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807])), Some(i64::MAX));
        assert_eq!(whole(&numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808])), None);
    }

    #[test]
    fn what_is_bound_is_not_told_to_logs() {
        assert_eq!(format!("{:?}", Bound(Value::Text("hush"))), "…");
    }
}
