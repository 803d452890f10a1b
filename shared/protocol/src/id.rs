//! Snowflakes: 64-bit ids that sort by time, strings on the wire.
//!
//! Layout (v10 API): 42 bits of milliseconds since [`EPOCH_MS`], 10 bits of node, 12 bits of counter.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The first millisecond of 2015 (UTC), the epoch of v10 snowflakes: bot libraries compute dates from it.
pub const EPOCH_MS: u64 = 1_420_070_400_000;

/// A raw 64-bit id. Domain code uses the typed ids below.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Snowflake(pub u64);

impl Snowflake {
    /// Composes an id. `node` uses its low 10 bits, `counter` its low 12.
    #[must_use]
    pub const fn compose(unix_ms: u64, node: u16, counter: u16) -> Self {
        Self(
            (unix_ms.saturating_sub(EPOCH_MS) << 22)
                | ((node as u64 & 0x3FF) << 12)
                | (counter as u64 & 0xFFF),
        )
    }

    /// Milliseconds since the Unix epoch at which the id was made.
    #[must_use]
    pub const fn unix_ms(self) -> u64 {
        (self.0 >> 22) + EPOCH_MS
    }
}

impl fmt::Display for Snowflake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Snowflake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Snowflake {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Serialize for Snowflake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Snowflake {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Snowflake;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a snowflake as a string or a number")
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Snowflake, E> {
                Ok(Snowflake(value))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Snowflake, E> {
                u64::try_from(value).map(Snowflake).map_err(|_| E::custom("a snowflake is not negative"))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Snowflake, E> {
                value.parse().map_err(|_| E::custom("a snowflake is a decimal number below 2^64"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Snowflake);

        impl $name {
            /// The id with this raw value.
            #[must_use]
            pub const fn new(raw: u64) -> Self { Self(Snowflake(raw)) }
            /// The raw value.
            #[must_use]
            pub const fn get(self) -> u64 { self.0.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, concat!(stringify!($name), "({})"), self.0) }
        }
        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Self) }
        }
        impl From<Snowflake> for $name {
            fn from(raw: Snowflake) -> Self { Self(raw) }
        }
    )+};
}

ids! {
    /// An account, a person's or a bot's.
    UserId,
    /// A community.
    GuildId,
    /// A text or voice channel, or a category.
    ChannelId,
    /// A message; within a channel ids follow commit order.
    MessageId,
    /// A role; the id of `@everyone` equals its guild's id.
    RoleId,
    /// One login of one person (a token is its secret).
    LoginId,
    /// An application (a bot's program).
    ApplicationId,
    /// A custom emoji.
    EmojiId,
    /// A file that belongs to a message, or will.
    AttachmentId,
    /// An entry of a guild's audit log.
    AuditLogEntryId,
    /// A key with which a program streams into one channel as one person.
    StreamKeyId,
    /// A recording of a call.
    RecordingId,
    /// A sound of a guild's soundboard.
    SoundId,
}

impl GuildId {
    /// The id of this guild's `@everyone` role.
    #[must_use]
    pub const fn everyone(self) -> RoleId {
        RoleId(self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_leave_as_strings_and_arrive_as_strings_or_numbers() {
        assert_eq!(serde_json::to_string(&UserId::new(5)).unwrap(), "\"5\"");
        assert_eq!(serde_json::from_str::<UserId>("\"5\"").unwrap(), UserId::new(5));
        assert_eq!(serde_json::from_str::<UserId>("5").unwrap(), UserId::new(5));
        assert!(serde_json::from_str::<UserId>("\"x\"").is_err());
        assert!(serde_json::from_str::<UserId>("-1").is_err());
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        assert_eq!(Snowflake::compose(1_795_000_000_123, 1023, 4095).unix_ms(), 1_795_000_000_123);
    }
}
