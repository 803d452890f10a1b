//! Sounds of a guild that people play in calls, and what is told when somebody does.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    bus::Request,
    emoji::ReactionEmoji,
    id::{ChannelId, EmojiId, GuildId, SoundId, UserId},
    user::User,
};

/// How loud a sound is played, a number from 0 to 1 on the wire; kept to the thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Volume(u16);

impl Volume {
    /// As loud as it was made.
    pub const FULL: Self = Self(1_000);

    /// `None` unless it lies between 0 and 1.
    #[must_use]
    pub fn new(volume: f64) -> Option<Self> {
        (0.0..=1.0).contains(&volume).then(|| Self((volume * 1_000.0).round() as u16))
    }

    /// From what was stored; more than 1,000 is 1,000.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Self {
        if thousandths > 1_000 { Self::FULL } else { Self(thousandths as u16) }
    }

    /// 0 to 1,000.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0 as u32
    }

    /// 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f32 {
        f32::from(self.0) / 1_000.0
    }
}

impl Serialize for Volume {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1_000.0)
    }
}

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let volume = f64::deserialize(deserializer)?;
        Self::new(volume).ok_or_else(|| de::Error::custom("Must be between 0 and 1."))
    }
}

/// A guild's own sound in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundboardSound {
    /// Its name: 2 to 32 characters.
    pub name: String,
    /// Its id.
    pub sound_id: SoundId,
    /// How loud it is played.
    pub volume: Volume,
    /// A custom emoji beside it.
    pub emoji_id: Option<EmojiId>,
    /// A Unicode emoji beside it.
    pub emoji_name: Option<String>,
    /// Whose it is.
    pub guild_id: GuildId,
    /// It can be played now.
    pub available: bool,
    /// Who made it, for those who may manage sounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// VOICE_CHANNEL_EFFECT_SEND: somebody played a sound in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceEffect {
    /// In which.
    pub channel_id: ChannelId,
    /// Of which guild.
    pub guild_id: GuildId,
    /// Who.
    pub user_id: UserId,
    /// The emoji of the sound.
    pub emoji: Option<ReactionEmoji>,
    /// v10: how an emoji moves; nothing here does.
    pub animation_type: Option<u8>,
    /// v10: as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animation_id: Option<u32>,
    /// Which sound.
    pub sound_id: SoundId,
    /// How loud it is played.
    pub sound_volume: Volume,
    /// Ours: what it is called, for those in other guilds than its own.
    pub sound_name: String,
}

/// To chat: may this person play this sound in this call? Whether they sit there is for media to say.
#[derive(Debug, Serialize, Deserialize)]
pub struct SoundToPlay {
    /// Who.
    pub user: UserId,
    /// In which call.
    pub channel: ChannelId,
    /// Which sound.
    pub sound: SoundId,
    /// Whose it is; `None` for the guild of the call.
    pub source_guild: Option<GuildId>,
}

/// They may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayableSound {
    /// The guild of the call.
    pub guild: GuildId,
    /// The sound.
    pub sound: SoundboardSound,
    /// Its emoji, as it is told.
    pub emoji: Option<ReactionEmoji>,
}

/// Why they may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoundRefused {
    /// No such channel, or they do not see it: 404.
    UnknownChannel,
    /// No such sound in that guild, or they are not in it: 404.
    UnknownSound,
    /// They lack SPEAK, USE_SOUNDBOARD, or for another guild's sound USE_EXTERNAL_SOUNDS: 403.
    Forbidden,
    /// Nobody can call there: 400.
    NotVoice,
}

/// To files: takes a sound file as a data URI (`data:audio/mpeg;base64,…`) and keeps it as Ogg Opus. It is let go of as a
/// picture is, by [`crate::files::FilesNews::ImageReleased`].
#[derive(Debug, Serialize, Deserialize)]
pub struct StoreSound {
    /// Whose it will be: the owner makes the id before.
    pub sound: SoundId,
    /// The file.
    pub data_uri: String,
}

/// Why a sound file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoundNotTaken {
    /// Not a base64 data URI.
    NotADataUri,
    /// More bytes than it may have.
    TooLarge {
        /// Bytes.
        most: u64,
    },
    /// No sound by its bytes, or broken.
    NotASound,
    /// It sounds longer than it may.
    TooLong {
        /// Milliseconds.
        most: u64,
    },
    /// Nothing in it can be heard.
    Silent,
}

impl SoundNotTaken {
    /// A sentence about it.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::NotADataUri => "Must be a data URI: data:audio/mpeg;base64,…".to_owned(),
            Self::TooLarge { most } => format!("File cannot be larger than {} KiB.", most / 1024),
            Self::NotASound => {
                "Invalid Asset: not an MP3, Ogg, WAV, FLAC or M4A file that can be played.".to_owned()
            }
            Self::TooLong { most } => {
                format!(
                    "Invalid Asset: the sound is longer than {}.{} seconds.",
                    most / 1000,
                    most % 1000 / 100
                )
            }
            Self::Silent => "Invalid Asset: nothing can be heard in it.".to_owned(),
        }
    }
}

/// To files: the Ogg Opus of a sound, `None` when there is none.
#[derive(Debug, Serialize, Deserialize)]
pub struct FetchSound {
    /// Which.
    pub sound: SoundId,
}

impl Request for SoundToPlay {
    const NAME: &'static str = "chat.sound_to_play";
    type Reply = Result<PlayableSound, SoundRefused>;
    fn routing_key(&self) -> u64 {
        self.channel.get()
    }
}

impl Request for StoreSound {
    const NAME: &'static str = "files.store_sound";
    /// The hash under which it is kept.
    type Reply = Result<String, SoundNotTaken>;
    fn routing_key(&self) -> u64 {
        0
    }
}

impl Request for FetchSound {
    const NAME: &'static str = "files.fetch_sound";
    type Reply = Option<Vec<u8>>;
    fn routing_key(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_volume_comes_back_as_it_was_said() {
        for said in ["0.0", "1.0", "0.35", "0.999"] {
            let volume: Volume = serde_json::from_str(said).unwrap();
            assert_eq!(serde_json::to_string(&volume).unwrap(), said);
            assert_eq!(Volume::from_thousandths(volume.thousandths()), volume);
        }
        for wrong in ["-0.1", "1.01", "null", "1e99"] {
            assert!(serde_json::from_str::<Volume>(wrong).is_err(), "{wrong}");
        }
    }
}
