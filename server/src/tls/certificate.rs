//! A chain of certificates with its key, read from PEM and understood as far as we must say something about it.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio_rustls::rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

/// One that can be shown.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    /// Names (perhaps `*.example.org`) and addresses that it is good for.
    pub(crate) names: Vec<String>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

/// Why it cannot be; each text goes behind "because ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("there is no certificate in it (it must be PEM, \"BEGIN CERTIFICATE\")")]
    NoCertificate,
    #[error("there is no private key in it (it must be PEM without a password, \"BEGIN PRIVATE KEY\")")]
    NoKey,
    #[error("the certificate in it cannot be read")]
    Unreadable,
    #[error("the key does not belong to the certificate")]
    OtherKey,
    #[error("the key cannot be used: {0}")]
    Key(String),
}

impl Certificate {
    /// Reads the chain, the server's own certificate first, and its key.
    ///
    /// # Errors
    /// When either is missing or broken, or they do not belong together.
    pub(crate) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain).filter_map(Result::ok).collect();
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (names, [not_before, not_after]) = describe(first).ok_or(CertificateError::Unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| {
            use tokio_rustls::rustls::Error;
            match error {
                Error::InconsistentKeys(_) => CertificateError::OtherKey,
                other => CertificateError::Key(other.to_string()),
            }
        })?;
        Ok(Self { key: Arc::new(key), names, not_before, not_after })
    }

    /// SHA-256 of the server's own certificate, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
        let digest =
            self.key.cert.first().map(|der| ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, der));
        let bytes = digest.iter().flat_map(|digest| digest.as_ref());
        bytes.map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }
}

/// What a certificate is good for, and from when until when.
pub(crate) fn describe(der: &[u8]) -> Option<(Vec<String>, [SystemTime; 2])> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let names = match parsed.subject_alternative_name().ok()? {
        None => Vec::new(),
        Some(names) => names.value.general_names.iter().filter_map(name).collect(),
    };
    let at = |seconds: i64| {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    };
    let validity = parsed.validity();
    Some((names, [at(validity.not_before.timestamp())?, at(validity.not_after.timestamp())?]))
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
