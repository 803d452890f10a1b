//! One order (RFC 8555 §7.4): names proved, a key made, a chain fetched.

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus, Problem,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use tokio_rustls::rustls::{
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};

use crate::tls::shown::Shown;

/// How a name is proved; the other one where the authority does not offer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// TLS-ALPN-01, on the port of HTTPS.
    Tls,
    /// HTTP-01, on port 80.
    Http,
}

impl Proof {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Tls => Self::Http,
            Self::Http => Self::Tls,
        }
    }

    fn challenge(self) -> ChallengeType {
        match self {
            Self::Tls => ChallengeType::TlsAlpn01,
            Self::Http => ChallengeType::Http01,
        }
    }
}

/// Key and chain as PEM.
///
/// # Errors
/// The end of a sentence that says what the authority did not like, in its own words.
pub(super) async fn order(
    account: &Account,
    names: &[String],
    shown: &Shown,
    proof: Proof,
) -> Result<String, String> {
    let identifiers: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await.map_err(|error| words(&error))?;
    prove(&mut order, shown, proof).await?;
    let ready = order.poll_ready(&RetryPolicy::default()).await;
    match ready {
        Ok(OrderStatus::Ready | OrderStatus::Valid) => {}
        Ok(_) => return Err(why_not(&mut order, proof).await),
        Err(error) => {
            let seen = why_not(&mut order, proof).await;
            return Err(format!("{}; {seen}", words(&error)));
        }
    }
    let made = |error: rcgen::Error| format!("the request could not be made: {error}");
    let key = KeyPair::generate().map_err(made)?;
    let mut params = CertificateParams::new(names).map_err(made)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(made)?;
    order.finalize_csr(request.der()).await.map_err(|error| words(&error))?;
    let chain = order.poll_certificate(&RetryPolicy::default()).await.map_err(|error| words(&error))?;
    Ok(key.serialize_pem() + &chain)
}

/// Gets ready for each check, then says so.
async fn prove(order: &mut Order, shown: &Shown, proof: Proof) -> Result<(), String> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|error| words(&error))?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = authorization.identifier().to_string();
        let offered =
            |proof: Proof| authorization.challenges.iter().any(|one| one.r#type == proof.challenge());
        let way = [proof, proof.other()].into_iter().find(|proof| offered(*proof));
        let nothing =
            || format!("it checks {name} neither by TLS-ALPN-01 nor by HTTP-01, the ways that VoxLink knows");
        let way = way.ok_or_else(nothing)?;
        let mut challenge = authorization.challenge(way.challenge()).ok_or_else(nothing)?;
        let answer = challenge.key_authorization();
        match way {
            Proof::Http => shown.prove_by_http(&challenge.token, answer.as_str()),
            Proof::Tls => {
                let key = certificate(&name, answer.digest().as_ref())
                    .map_err(|error| format!("no proof for {name}: {error}"))?;
                shown.prove(&name, key);
            }
        }
        challenge.set_ready().await.map_err(|error| words(&error))?;
    }
    Ok(())
}

/// RFC 8737 §3: a certificate of our own for that name, with the digest in a critical extension.
fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let signed = params.self_signed(&key)?;
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Not `from_der`: it reads the certificate and refuses critical extensions that it does not know.
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(der)?;
    Ok(CertifiedKey::new(vec![signed.der().clone()], key))
}

/// What the authority says of the names that it could not check.
async fn why_not(order: &mut Order, proof: Proof) -> String {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else { continue };
        let problems = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        said.extend(problems.map(|problem| format!("{name}: {}", problem_words(problem))));
    }
    match said.is_empty() {
        true => "it could not check the names, and does not say why".to_owned(),
        false => {
            let (port, listener) = match proof {
                Proof::Tls => (443, "--tls-listen"),
                Proof::Http => (80, "--listen"),
            };
            format!(
                "it could not check {}. It must reach port {port} of that name and arrive at {listener}",
                said.join(", ")
            )
        }
    }
}

/// An error of the authority in its own words, others in the library's.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::Api(problem) => problem_words(problem),
        other => other.to_string(),
    }
}

fn problem_words(problem: &Problem) -> String {
    let detail = problem.detail.clone().or_else(|| problem.r#type.clone()).unwrap_or_default();
    detail.trim_end_matches('.').to_owned()
}
