//! Pieces of request bodies: what is absent, what is null, and what is empty.

use serde::{Deserialize, Deserializer};

/// Absent: unchanged (by `#[serde(default)]`). Null: taken away.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// As [`nullable`], where a text of nothing but space means null too.
pub(super) fn clearable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let text: Option<String> = Option::deserialize(deserializer)?;
    match text.filter(|text| !text.trim().is_empty()) {
        None => Ok(Some(None)),
        Some(text) => {
            let value = serde::de::value::StringDeserializer::<D::Error>::new(text);
            T::deserialize(value).map(|parsed| Some(Some(parsed)))
        }
    }
}
