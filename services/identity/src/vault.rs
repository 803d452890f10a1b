//! Seals the few secrets that must stay readable (authenticators', applications' signing keys) with a key that is not
//! in the database: a copy of the database alone gives none of them away.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use voxlink_service_kit::Env;

/// Bytes of the key file.
const KEY_BYTES: usize = 32;

/// AES-256-GCM under the key of a file.
pub(crate) struct Vault {
    key: LessSafeKey,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// What a sealed value is and whose: it opens as nothing else and for nobody else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Authenticator(u64),
    SigningKey(u64),
}

impl Purpose {
    fn bytes(self) -> [u8; 9] {
        let (kind, whose) = match self {
            Self::Authenticator(whose) => (1, whose),
            Self::SigningKey(whose) => (2, whose),
        };
        let mut bytes = [kind; 9];
        bytes[1..].copy_from_slice(&whose.to_be_bytes());
        bytes
    }
}

impl Vault {
    /// Reads the key, or makes one (for this user's eyes only) when there is no file.
    pub(crate) fn open(path: &Path, env: &Env) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path, env)?,
            read => read?,
        };
        let refused = || {
            let name = path.display();
            io::Error::new(io::ErrorKind::InvalidData, format!("{name} is not a key of {KEY_BYTES} bytes"))
        };
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| refused())?;
        Ok(Self { key: LessSafeKey::new(key) })
    }

    /// Nonce, ciphertext, tag. The nonce is random: fewer than 2^32 values are ever sealed under one key.
    pub(crate) fn seal(&self, env: &Env, purpose: Purpose, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = env.bytes();
        let mut sealed = plain.to_vec();
        let aad = Aad::from(purpose.bytes());
        let nonce_once = Nonce::assume_unique_for_key(nonce);
        if self.key.seal_in_place_append_tag(nonce_once, aad, &mut sealed).is_err() {
            tracing::error!("a secret could not be sealed");
            return None;
        }
        Some([&nonce[..], &sealed].concat())
    }

    /// The value, if this vault sealed it for this purpose.
    pub(crate) fn unseal(&self, purpose: Purpose, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = rest.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::from(purpose.bytes()), &mut plain).ok()?;
        let length = opened.len();
        plain.truncate(length);
        Some(plain)
    }
}

/// Written whole or not at all, and on the disk before anything is sealed with it.
fn make(path: &Path, env: &Env) -> io::Result<Vec<u8>> {
    let key: [u8; KEY_BYTES] = env.bytes();
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(key.to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only_and_after_a_restart() {
        let folder = std::env::temp_dir().join(format!("voxlink-vault-{}", std::process::id()));
        let _old = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let (path, env) = (folder.join("identity.key"), Env::real());
        let vault = Vault::open(&path, &env).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = vault.seal(&env, Purpose::Authenticator(7), b"secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let again = Vault::open(&path, &env).unwrap();
        assert_eq!(again.unseal(Purpose::Authenticator(7), &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(again.unseal(Purpose::Authenticator(8), &sealed), None);
        assert_eq!(again.unseal(Purpose::SigningKey(7), &sealed), None);
        assert_eq!(again.unseal(Purpose::Authenticator(7), &sealed[..11]), None);
        fs::write(&path, b"short").unwrap();
        assert!(Vault::open(&path, &env).is_err());
    }
}
