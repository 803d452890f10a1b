//! Stream keys: made and revoked by a person, shown once, used by programs that cannot sign in (OBS).
//!
//! A key is bound to one person and one channel and is worth no more than what its person may do there: chat is asked
//! each time. It ends with the membership, the channel, the guild and the account.

mod forget;
mod http;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use voxlink_protocol::Secret;
use voxlink_service_kit::Env;

use crate::store::stream_keys::KeyHash;

pub(crate) use forget::forget_the_gone;
pub(crate) use http::{create, list, revoke};

/// Tells keys from login tokens, for us and for whoever finds one in a file.
pub(crate) const PREFIX: &str = "vlk_";
/// 192 bits: never guessed.
const KEY_BYTES: usize = 24;

/// A new key.
fn generate(env: &Env) -> Secret {
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(env.bytes::<KEY_BYTES>())))
}

/// What is stored of a key. A plain hash is enough: nobody chooses keys, so there is nothing to guess them from.
pub(crate) fn hash(key: &str) -> KeyHash {
    let mut hash = KeyHash::default();
    hash.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    hash
}
