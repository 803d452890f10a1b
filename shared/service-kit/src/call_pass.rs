//! Call passes: chat signs, media verifies. `base64url(json).base64url(hmac-sha256)`.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use voxlink_protocol::{Secret, Timestamp, voice::CallPass};

/// The key that chat and media share; made anew at each start of a single-process server.
#[derive(Clone)]
pub struct PassKey(Arc<hmac::Key>);

impl std::fmt::Debug for PassKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassKey(…)")
    }
}

impl PassKey {
    /// From 32 unguessable bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// Signs a pass.
    #[must_use]
    pub fn sign(&self, pass: &CallPass) -> Secret {
        // A struct of strings, numbers and booleans always becomes JSON.
        let body = serde_json::to_vec(pass).unwrap_or_default();
        let tag = hmac::sign(&self.0, &body);
        Secret::new(format!("{}.{}", URL_SAFE_NO_PAD.encode(&body), URL_SAFE_NO_PAD.encode(tag)))
    }

    /// What a pass says, if we signed it and it has not expired. Compares in constant time.
    #[must_use]
    pub fn verify(&self, token: &Secret, now: Timestamp) -> Option<CallPass> {
        let (body, tag) = token.expose().split_once('.')?;
        let body = URL_SAFE_NO_PAD.decode(body).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, &body, &tag).ok()?;
        serde_json::from_slice::<CallPass>(&body).ok().filter(|pass| pass.expires >= now)
    }
}

#[cfg(test)]
mod tests {
    use voxlink_protocol::{ChannelId, GuildId, UserId};

    use super::*;

    #[test]
    fn a_pass_is_good_until_it_expires_and_only_from_our_hand() {
        let (ours, theirs) = (PassKey::new(&[1; 32]), PassKey::new(&[2; 32]));
        let pass = CallPass {
            user_id: UserId::new(1),
            guild_id: Some(GuildId::new(2)),
            channel_id: ChannelId::new(3),
            session_id: "s".to_owned(),
            may_speak: true,
            may_stream: false,
            e2ee: false,
            user_limit: 0,
            expires: Timestamp(1000),
        };
        let token = ours.sign(&pass);
        assert_eq!(ours.verify(&token, Timestamp(1000)), Some(pass));
        assert_eq!(ours.verify(&token, Timestamp(1001)), None);
        assert_eq!(theirs.verify(&token, Timestamp(1000)), None);
        assert_eq!(ours.verify(&Secret::new("nonsense"), Timestamp(0)), None);
    }
}
