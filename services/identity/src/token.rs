//! The secret of a login, and codes that let people in.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use voxlink_protocol::{Secret, UserId};
use voxlink_service_kit::Env;

/// What is stored of a secret: enough to recognise it, not to use it. The secret has so much chance in it that a
/// plain SHA-256 cannot be reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecretHash(pub(crate) [u8; 32]);

impl SecretHash {
    pub(crate) fn of(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }
}

/// A login token: 256 unguessable bits, 43 characters.
pub(crate) fn new_token(env: &Env) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(env.bytes::<32>()))
}

/// A registration invite: 120 unguessable bits, 20 characters.
pub(crate) fn new_code(env: &Env) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(env.bytes::<15>()))
}

/// A bot's token: its id, the second it was made in, and 256 unguessable bits. Bot libraries read the id.
pub(crate) fn new_bot_token(env: &Env, bot: UserId) -> Secret {
    let id = URL_SAFE_NO_PAD.encode(bot.to_string());
    let seconds = (env.now().0 / 1000).to_be_bytes();
    let made = URL_SAFE_NO_PAD.encode(&seconds[3..]);
    Secret::new(format!("{id}.{made}.{}", URL_SAFE_NO_PAD.encode(env.bytes::<32>())))
}
