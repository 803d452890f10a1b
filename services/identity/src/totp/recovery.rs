//! Codes on paper, for the day the authenticator is lost. Each works once.

use voxlink_protocol::{Secret, UserId};
use voxlink_service_kit::{DbError, Env};

use super::base32;
use crate::{Identity, confirm::ConfirmError, token::SecretHash};

/// How many there are.
const CODES: usize = 10;
/// ASVS 5.0 §6.5.2: with at least 112 bits a plain hash is enough.
const CODE_BYTES: usize = 15;
/// Letters between two dashes.
const GROUP: usize = 6;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RenewCodesError {
    #[error("two-factor is off")]
    Off,
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Identity {
    /// Ten new codes in place of all former ones.
    pub(crate) async fn renew_recovery_codes(
        &self,
        user: UserId,
        password: Secret,
        totp: Option<Secret>,
    ) -> Result<Vec<Secret>, RenewCodesError> {
        self.confirm(user, password, totp.as_ref()).await?;
        let (codes, hashes) = new_codes(&self.inner.env);
        let replaced = self.inner.store.replace_recovery_codes(user, hashes).await?;
        if replaced { Ok(codes) } else { Err(RenewCodesError::Off) }
    }
}

/// Ten codes, and what is stored of them.
pub(super) fn new_codes(env: &Env) -> (Vec<Secret>, Vec<SecretHash>) {
    let codes: Vec<String> = (0..CODES).map(|_| written(&env.bytes())).collect();
    let hashes = codes.iter().map(|code| hash(code)).collect();
    (codes.into_iter().map(Secret::new).collect(), hashes)
}

/// `abcdef-ghijkl-mnopqr-stuvwx`.
fn written(code: &[u8; CODE_BYTES]) -> String {
    let letters = base32::encode(code).to_lowercase();
    let groups: Vec<&str> = (0..letters.len() / GROUP)
        .filter_map(|group| letters.get(group * GROUP..(group + 1) * GROUP))
        .collect();
    groups.join("-")
}

/// Case, dashes and spaces do not matter.
pub(super) fn hash(typed: &str) -> SecretHash {
    let bare = typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    SecretHash::of(&bare.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_may_be_typed_in_any_way() {
        let (codes, hashes) = new_codes(&Env::real());
        assert_eq!((codes.len(), hashes.len()), (10, 10));
        let code = codes[0].expose();
        assert_eq!(code.len(), 27);
        assert_eq!(hash(&code.to_uppercase().replace('-', " ")), hashes[0]);
        assert_ne!(hash(codes[1].expose()), hashes[0]);
    }
}
