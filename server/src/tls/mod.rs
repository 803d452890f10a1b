//! HTTPS: where the certificate comes from, which one is shown now, and how a connection is opened.
//!
//! One source runs for as long as the server does and hands each new certificate to [`Shown`]; connections that are
//! open keep the one they began with.

mod acme;
mod certificate;
mod door;
mod files;
mod half_open;
mod redirect;
mod self_signed;
mod settings;
mod shown;

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use tokio::sync::watch;

use crate::{Failure, data_dir::DataDir};

pub(crate) use certificate::{Certificate, describe};
pub(crate) use door::{Opened, TlsDoor};
pub(crate) use half_open::refused;
pub(crate) use redirect::Redirect;
pub(crate) use settings::{AcmeSettings, Source, TlsSettings};
use shown::Shown;

/// In the data folder.
const FOLDER: &str = "tls";

/// The certificate that connections are shown, and whatever renews it.
#[derive(Debug)]
pub(crate) struct Tls {
    shown: Arc<Shown>,
    /// Browsers may be told never to come back without TLS: not where they have to be talked into a certificate.
    strict: bool,
}

impl Tls {
    /// Gets the first certificate and keeps it fresh from then on. ACME's first one may come later: the authority has to
    /// reach our listener for it.
    ///
    /// # Errors
    /// When there is nothing to begin with: a file is missing or wrong, the data folder cannot be written.
    pub(crate) fn start(settings: &TlsSettings, data: &DataDir) -> Result<Self, Failure> {
        let folder = folder(data)?;
        let (shown, strict) = match &settings.source {
            Source::SelfSigned => {
                let certificate = self_signed::load_or_make(&folder, &settings.names, SystemTime::now())?;
                tracing::info!(
                    fingerprint = certificate.fingerprint(),
                    names = ?certificate.names,
                    "HTTPS with a certificate of our own: browsers ask before they trust it"
                );
                let shown = Arc::new(Shown::new(certificate));
                tokio::spawn(self_signed::keep_fresh(folder, settings.names.clone(), shown.clone()));
                (shown, false)
            }
            Source::Files { chain, key } => {
                let (first, seen) = files::load(chain, key).map_err(Failure)?;
                let shown = Arc::new(Shown::new(first));
                tokio::spawn(files::watch(chain.clone(), key.clone(), seen, shown.clone()));
                (shown, true)
            }
            Source::Acme(acme) => {
                let shown = Arc::new(acme::begin(&folder, &settings.names, SystemTime::now())?);
                tokio::spawn(acme::keep_fresh(folder, settings.names.clone(), acme.clone(), shown.clone()));
                (shown, true)
            }
        };
        Ok(Self { shown, strict })
    }

    /// What the certificate is good for, now and whenever it changes.
    pub(crate) fn names(&self) -> watch::Receiver<Vec<String>> {
        self.shown.names()
    }

    /// What an authority asks by HTTP while it checks a name (RFC 8555 §8.3).
    pub(crate) fn challenges(&self) -> Router {
        async fn answer(
            State(shown): State<Arc<Shown>>,
            Path(token): Path<String>,
        ) -> Result<String, StatusCode> {
            shown.answer_to(&token).ok_or(StatusCode::NOT_FOUND)
        }
        Router::new().route("/.well-known/acme-challenge/{token}", get(answer)).with_state(self.shown.clone())
    }

    /// Where connections come in. `turn` takes those that speak STUN.
    ///
    /// # Errors
    /// When the cryptography cannot be set up.
    pub(crate) fn door(&self, turn: Option<voxlink_media::TurnDoor>) -> Result<TlsDoor, Failure> {
        TlsDoor::new(self.shown.clone(), turn, self.strict)
            .map_err(|error| Failure(format!("TLS could not be set up: {error}.")))
    }
}

fn folder(data: &DataDir) -> Result<PathBuf, Failure> {
    let folder = data.file(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure(format!("The folder for certificates {} cannot be made: {error}.", folder.display()))
    })?;
    Ok(folder)
}
