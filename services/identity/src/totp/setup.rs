//! Hands out a secret for an authenticator. It counts once its first code was typed back.

use voxlink_protocol::{Secret, User};
use voxlink_service_kit::DbError;

use super::{SECRET_BYTES, base32};
use crate::{Identity, confirm::ConfirmError, vault::Purpose};

/// What the authenticator needs: the secret to type, and the same as a link to draw as a QR code.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) secret: Secret,
    pub(crate) uri: Secret,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SetUpTotpError {
    #[error("two-factor is on already")]
    Enabled,
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error("the secret could not be sealed")]
    Vault,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Makes a new secret in place of one that was never enabled.
    pub(crate) async fn set_up_totp(
        &self,
        user: &User,
        password: Secret,
    ) -> Result<Prepared, SetUpTotpError> {
        self.confirm_password(user.id, password).await?;
        let raw: [u8; SECRET_BYTES] = self.inner.env.bytes();
        let purpose = Purpose::Authenticator(user.id.get());
        let sealed = self.inner.vault.seal(&self.inner.env, purpose, &raw).ok_or(SetUpTotpError::Vault)?;
        if !self.inner.store.prepare_totp(user.id, sealed).await? {
            return Err(SetUpTotpError::Enabled);
        }
        let secret = base32::encode(&raw);
        let server = percent_encoded(&self.inner.config.server_name);
        let uri = format!("otpauth://totp/{server}:{}?secret={secret}&issuer={server}", user.username);
        Ok(Prepared { secret: Secret::new(secret), uri: Secret::new(uri) })
    }
}

/// RFC 3986 §2.1: everything but unreserved characters.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
