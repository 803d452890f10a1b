//! Errors in the v10 shape: `{code, message, errors}`.

use std::collections::BTreeMap;

use serde::Serialize;

/// v10 JSON error codes that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u32)]
pub enum ErrorCode {
    General = 0,
    UnknownAccount = 10001,
    UnknownApplication = 10002,
    UnknownChannel = 10003,
    UnknownGuild = 10004,
    UnknownInvite = 10006,
    UnknownMember = 10007,
    UnknownMessage = 10008,
    UnknownOverwrite = 10009,
    UnknownRole = 10011,
    UnknownUser = 10013,
    UnknownEmoji = 10014,
    UnknownBan = 10026,
    UnknownVoiceState = 10065,
    UnknownSound = 10097,
    /// Our own.
    UnknownRecording = 10127,
    /// Our own.
    UnknownBroadcast = 10128,
    BotsNotAllowed = 20001,
    OnlyBots = 20002,
    SlowMode = 20016,
    MaximumGuilds = 30001,
    MaximumFriends = 30002,
    MaximumPins = 30003,
    MaximumRecipients = 30004,
    MaximumRoles = 30005,
    MaximumEmojis = 30008,
    MaximumReactions = 30010,
    MaximumChannels = 30013,
    MaximumInvites = 30016,
    MaximumSounds = 30045,
    MaximumOverwrites = 30060,
    Unauthorized = 40001,
    RequestTooLarge = 40005,
    UserBanned = 40007,
    NotInCall = 40032,
    /// Our own: nobody records in this guild.
    RecordingIsOff = 40180,
    /// Our own: this cannot be made of a recording.
    OutputUnavailable = 40185,
    /// Our own: a recording is being made ready.
    RecordingBusy = 40186,
    MissingAccess = 50001,
    CannotExecuteOnDirect = 50003,
    CannotEditOthersMessage = 50005,
    CannotSendEmptyMessage = 50006,
    CannotMessageUser = 50007,
    MissingPermissions = 50013,
    TooFewOrManyToDelete = 50016,
    CannotPinElsewhere = 50019,
    CannotExecuteOnSystemMessage = 50021,
    WrongChannelType = 50024,
    InvalidRole = 50028,
    InvalidRecipients = 50033,
    MessageTooOld = 50034,
    InvalidFormBody = 50035,
    InviteToOtherGuild = 50036,
    FileTooLarge = 50045,
    InvalidAsset = 50046,
    OwnerCannotLeave = 50055,
    InvalidJson = 50109,
    TotpEnabled = 60001,
    TotpOff = 60002,
    TotpRequired = 60003,
    WrongTotp = 60008,
    NoIncomingRequest = 80000,
    FriendRequestBlocked = 80001,
    CannotFriendSelf = 80003,
    NoSuchPerson = 80004,
    ReactionBlocked = 90001,
    NobodyBanned = 500_000,
    /// Ours: the server's disk is full, nothing was stored.
    StorageFull = 150_001,
    /// Ours: the server's storage fails, nothing was stored.
    StorageFailed = 150_002,
    /// Ours: this server lets nobody register, or only with an invite.
    RegistrationClosed = 150_003,
    /// Ours: the name and password do not fit together (the same words for an unknown name).
    WrongCredentials = 150_004,
    /// Ours: someone has this username.
    UsernameTaken = 150_005,
    /// Ours: who owns a server with other people in it gives it away or deletes it first.
    OwnsGuilds = 150_006,
    /// Ours: this person's files take up all the room they have.
    QuotaExceeded = 150_007,
    /// Ours: not a picture that can be used.
    BadImage = 150_008,
    /// Ours: as many applications as one person may have.
    MaximumApplications = 150_009,
    /// Ours: as many stream keys as one person may have for one channel.
    MaximumStreamKeys = 150_010,
    /// Ours: as many calls as one server broadcasts, or as many viewers as it has room for.
    MaximumBroadcasts = 150_011,
}

/// One complaint about one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Machine word, e.g. `BASE_TYPE_BAD_LENGTH`.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// Complaints by field path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<String, Vec<FieldError>>);

impl FieldErrors {
    /// One complaint about one field.
    #[must_use]
    pub fn one(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, code, message);
        errors
    }

    /// Adds a complaint. `field` is a dotted path such as `embeds.0.title`.
    pub fn add(&mut self, field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) {
        self.0
            .entry(field.into())
            .or_default()
            .push(FieldError { code: code.into(), message: message.into() });
    }

    /// True when nobody complained.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for FieldErrors {
    /// Dotted paths become nested objects that end in `_errors`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut root = serde_json::Map::new();
        for (path, errors) in &self.0 {
            let mut node = &mut root;
            for part in path.split('.') {
                let entry = node
                    .entry(part.to_owned())
                    .or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()));
                match entry {
                    serde_json::Value::Object(inner) => node = inner,
                    _ => return Err(serde::ser::Error::custom("a field path collides with its errors")),
                }
            }
            node.insert(
                "_errors".to_owned(),
                serde_json::to_value(errors).map_err(serde::ser::Error::custom)?,
            );
        }
        root.serialize(serializer)
    }
}

/// An error body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The v10 code.
    pub code: u32,
    /// A sentence that says what to do next.
    pub message: String,
    /// Complaints by field.
    #[serde(skip_serializing_if = "FieldErrors::is_empty")]
    pub errors: FieldErrors,
}

impl Problem {
    /// An error without field complaints.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: code as u32, message: message.into(), errors: FieldErrors::default() }
    }

    /// Code 50035 with field complaints.
    #[must_use]
    pub fn form(errors: FieldErrors) -> Self {
        Self { code: ErrorCode::InvalidFormBody as u32, message: "Invalid Form Body".to_owned(), errors }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn field_errors_nest_by_their_path() {
        let problem =
            Problem::form(FieldErrors::one("embeds.0.title", "BASE_TYPE_BAD_LENGTH", "Must be shorter."));
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"code":50035,"message":"Invalid Form Body","errors":{"embeds":{"0":{"title":{"_errors":[{"code":"BASE_TYPE_BAD_LENGTH","message":"Must be shorter."}]}}}}}"#
        );
    }
}
