//! A certificate from an authority (RFC 8555), asked for and renewed by the server itself. That the name is ours is
//! proved on the very port that HTTPS is served on (TLS-ALPN-01, RFC 8737): nothing else has to be reachable. When that
//! fails, or is not offered, the next attempt is by the plain listener (HTTP-01).

mod http;
mod order;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::{Deserialize, Serialize};
use voxlink_service_kit::Env;

use self::{http::AcmeHttp, order::Proof};
use super::{AcmeSettings, Certificate, shown::Shown};
use crate::{Failure, data_dir};

/// Key and chain in one file, so that they are replaced together.
const CERTIFICATE: &str = "acme.pem";
const ACCOUNT: &str = "acme-account.json";
/// A failed attempt is repeated after this, then after twice as long each time. Let's Encrypt allows five failed proofs of
/// a name in an hour.
const FIRST_RETRY: Duration = Duration::from_mins(2);
const LAST_RETRY: Duration = Duration::from_hours(6);
/// A wrong clock or strange certificates must not make us ask without end.
const BETWEEN_SUCCESSES: Duration = Duration::from_hours(1);
/// Timers do not run while a machine sleeps: the calendar is looked at so often.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// Renewals of many servers must not come in the same second: up to this part of a certificate's life later.
const JITTER_PART: u32 = 48;

/// What is kept of our account with an authority.
#[derive(Serialize, Deserialize)]
struct KeptAccount {
    directory: String,
    credentials: AccountCredentials,
}

/// The certificate that is kept, when it is for these names; an expired one is better than none while a new one is on
/// its way.
///
/// # Errors
/// When the kept file is there and cannot be read.
pub(super) fn begin(folder: &Path, names: &[String], now: SystemTime) -> Result<Shown, Failure> {
    let path = folder.join(CERTIFICATE);
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Shown::nothing_yet()),
        Err(error) => return Err(Failure(format!("{} cannot be read: {error}.", path.display()))),
    };
    match Certificate::from_pem(&pem, &pem) {
        Ok(certificate) if names.iter().all(|name| certificate.names.contains(name)) => {
            let days = certificate.not_after.duration_since(now).unwrap_or_default().as_secs() / 86_400;
            tracing::info!(names = ?certificate.names, days, "HTTPS with the certificate that is kept");
            Ok(Shown::new(certificate))
        }
        Ok(_) => Ok(Shown::nothing_yet()),
        Err(error) => {
            tracing::warn!(file = %path.display(), "the kept certificate cannot be used, because {error}; a new one is asked for");
            Ok(Shown::nothing_yet())
        }
    }
}

/// Asks for a certificate when there is none or two thirds of its life are over; when that fails the old one stays.
pub(super) async fn keep_fresh(
    folder: PathBuf,
    names: Vec<String>,
    settings: AcmeSettings,
    shown: Arc<Shown>,
) {
    let env = Env::real();
    let (mut retry, mut proof) = (FIRST_RETRY, Proof::Tls);
    loop {
        wait_until(due(&shown, &env), &env).await;
        let asked = ask(&folder, &names, (&settings, proof), &shown).await;
        shown.checked();
        match asked {
            Ok(certificate) => {
                tracing::info!(names = ?certificate.names, fingerprint = certificate.fingerprint(), "the authority gave a certificate");
                shown.show(certificate);
                retry = FIRST_RETRY;
                tokio::time::sleep(BETWEEN_SUCCESSES).await;
            }
            Err(words) => {
                let old = shown.life_left(env.clock.wall());
                let meanwhile = match old {
                    None => "There is none yet: HTTPS does not work".to_owned(),
                    Some(left) => format!("The old one is shown, for {} days", left.as_secs() / 86_400),
                };
                tracing::warn!(
                    names = ?names,
                    again_in_minutes = retry.as_secs() / 60,
                    "the authority gave no certificate: {words}. {meanwhile}"
                );
                tokio::time::sleep(retry + part(retry / 4, &env)).await;
                retry = (retry * 2).min(LAST_RETRY);
                // One of the two ports may be somebody else's.
                proof = proof.other();
            }
        }
    }
}

/// When the next certificate is to be asked for.
fn due(shown: &Shown, env: &Env) -> SystemTime {
    match shown.renew_at() {
        None => env.clock.wall(),
        Some((at, life)) => at + part(life / JITTER_PART, env),
    }
}

async fn wait_until(at: SystemTime, env: &Env) {
    while let Ok(left) = at.duration_since(env.clock.wall()) {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_EVERY)).await;
    }
}

/// A random part of it.
fn part(of: Duration, env: &Env) -> Duration {
    of.mul_f64(f64::from(u32::from_le_bytes(env.bytes())) / f64::from(u32::MAX))
}

/// One attempt, from the account to the file; its error is a sentence's end.
async fn ask(
    folder: &Path,
    names: &[String],
    (settings, proof): (&AcmeSettings, Proof),
    shown: &Shown,
) -> Result<Certificate, String> {
    let account = account(folder, settings).await?;
    let pem = order::order(&account, names, shown, proof).await?;
    let certificate = Certificate::from_pem(pem.as_bytes(), pem.as_bytes())
        .map_err(|error| format!("what it gave cannot be used, because {error}"))?;
    data_dir::keep(&folder.join(CERTIFICATE), pem.as_bytes())
        .map_err(|error| format!("the certificate could not be kept: {error}"))?;
    Ok(certificate)
}

/// Ours from the last time, or a new one.
async fn account(folder: &Path, settings: &AcmeSettings) -> Result<Account, String> {
    let path = folder.join(ACCOUNT);
    let http =
        || AcmeHttp::new(settings.root.as_deref()).map(|http| Account::builder_with_http(Box::new(http)));
    let kept = std::fs::read(&path).ok();
    let kept = kept.and_then(|bytes| serde_json::from_slice::<KeptAccount>(&bytes).ok());
    if let Some(kept) = kept.filter(|kept| kept.directory == settings.directory) {
        return http()?.from_credentials(kept.credentials).await.map_err(|error| order::words(&error));
    }
    let contact = settings.contact.as_ref().map(|address| format!("mailto:{address}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    // The operator agrees by choosing --tls acme; its help says so.
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = http()?
        .create(&new, settings.directory.clone(), None)
        .await
        .map_err(|error| format!("no account was made: {}", order::words(&error)))?;
    let kept = KeptAccount { directory: settings.directory.clone(), credentials };
    let json = serde_json::to_vec(&kept).map_err(|error| error.to_string())?;
    data_dir::keep(&path, &json).map_err(|error| format!("the account could not be kept: {error}"))?;
    Ok(account)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn renewal_comes_at_two_thirds_of_the_life_and_a_little_later_at_random() {
        let key = rcgen::KeyPair::generate().unwrap();
        let now = SystemTime::now();
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (now.into(), (now + Duration::from_hours(24 * 90)).into());
        let pem = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        let shown = Shown::new(Certificate::from_pem(pem.as_bytes(), pem.as_bytes()).unwrap());
        let env = Env::real();
        let second = Duration::from_secs(1);
        let earliest = now + Duration::from_hours(24 * 60) - second;
        for _ in 0..100 {
            let due = due(&shown, &env);
            assert!(due >= earliest && due <= earliest + Duration::from_hours(45) + 2 * second);
        }
        assert!(super::due(&Shown::nothing_yet(), &env) <= SystemTime::now());
    }
}
