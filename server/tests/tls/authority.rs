//! An ACME authority of a test's own (RFC 8555): it checks signatures, nonces and, by really connecting, that a name
//! belongs to the server (TLS-ALPN-01, RFC 8737).

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use axum::{
    Router,
    body::Bytes,
    extract::{Path as Segments, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SignatureAlgorithm,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::aws_lc_rs as provider,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    },
};
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer as _, X509Certificate},
};

const DAY: Duration = Duration::from_hours(24);

/// Cloning shares it.
#[derive(Clone)]
pub struct Authority(Arc<Inside>);

struct Inside {
    url: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Where every name leads to.
    server: String,
    /// Where names are asked for by HTTP, when they are.
    plain: Mutex<Option<String>>,
    told: Mutex<Told>,
    orders: Mutex<Vec<Order>>,
    nonces: Mutex<HashSet<String>>,
    account: Mutex<Option<Value>>,
}

/// What a test decides.
struct Told {
    since: Duration,
    left: Duration,
    refuses: bool,
}

struct Order {
    names: Vec<String>,
    proved: Vec<Result<(), Option<String>>>,
    chain: Option<String>,
}

impl Authority {
    /// Listens on loopback and writes its root beside the data; every name is looked for at `server`.
    pub async fn start(root: &Path, server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(root, issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let authority = Self(Arc::new(Inside {
            url: format!("https://localhost:{port}"),
            issuer,
            server: server.to_owned(),
            plain: Mutex::default(),
            told: Mutex::new(Told { since: Duration::ZERO, left: 90 * DAY, refuses: false }),
            orders: Mutex::default(),
            nonces: Mutex::default(),
            account: Mutex::default(),
        }));
        let router = Router::new()
            .route("/directory", get(directory))
            .route(
                "/nonce",
                any(async |State(it): State<Authority>| it.answer(StatusCode::OK, None, json!({}))),
            )
            .route("/account", post(account))
            .route("/order", post(new_order))
            .route("/order/{order}", post(show_order))
            .route("/authorization/{order}/{name}", post(authorization))
            .route("/challenge/{order}/{name}", post(challenge))
            .route("/finalize/{order}", post(finalize))
            .route("/certificate/{order}", post(certificate))
            .with_state(authority.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = TowerToHyperService::new(router);
                    let served = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    let _over = served.await;
                });
            }
        });
        authority
    }

    pub fn directory(&self) -> String {
        format!("{}/directory", self.0.url)
    }

    /// What it signs with, for those who trust it.
    pub fn root(&self) -> CertificateDer<'static> {
        self.0.issuer.der().clone()
    }

    /// Certificates from now on were given so many days ago and end in so many.
    pub fn gives_for(&self, days_ago: u32, days_left: u32) {
        let mut told = self.0.told.lock().unwrap();
        (told.since, told.left) = (days_ago * DAY, days_left * DAY);
    }

    /// Orders from now on are refused.
    pub fn refuses(&self) {
        self.0.told.lock().unwrap().refuses = true;
    }

    /// Names from now on are checked by HTTP only, at this address.
    pub fn checks_by_http(&self, plain: &str) {
        *self.0.plain.lock().unwrap() = Some(plain.to_owned());
    }

    /// How many orders there were.
    pub fn orders(&self) -> usize {
        self.0.orders.lock().unwrap().len()
    }

    fn answer(&self, status: StatusCode, location: Option<String>, body: Value) -> Response {
        let mut nonces = self.0.nonces.lock().unwrap();
        let nonce = format!("nonce{}", nonces.len());
        nonces.insert(nonce.clone());
        let mut response = (status, body.to_string()).into_response();
        response.headers_mut().insert("replay-nonce", nonce.parse().unwrap());
        if let Some(location) = location {
            response.headers_mut().insert("location", location.parse().unwrap());
        }
        response
    }

    fn problem(&self, kind: &str, detail: &str) -> Response {
        let body = json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail});
        self.answer(StatusCode::FORBIDDEN, None, body)
    }

    /// The payload of a request that its account signed (RFC 8555 §6.2), under a nonce that was never used.
    fn payload(&self, path: &str, body: &[u8]) -> Value {
        let jws: Value = serde_json::from_slice(body).unwrap();
        let part = |name: &str| jws[name].as_str().unwrap();
        let plain = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let head: Value = serde_json::from_slice(&plain(part("protected"))).unwrap();
        assert_eq!(head["alg"], "ES256");
        assert_eq!(head["url"], format!("{}{path}", self.0.url));
        assert!(self.0.nonces.lock().unwrap().remove(head["nonce"].as_str().unwrap()), "a used nonce");
        let mut account = self.0.account.lock().unwrap();
        if path == "/account" {
            *account = Some(head["jwk"].clone());
        } else {
            assert_eq!(head["kid"], format!("{}/account/1", self.0.url));
        }
        let jwk = account.clone().unwrap();
        let point = |name: &str| plain(jwk[name].as_str().unwrap());
        let public = [vec![4], point("x"), point("y")].concat();
        let signed = format!("{}.{}", part("protected"), part("payload"));
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
            .verify(signed.as_bytes(), &plain(part("signature")))
            .expect("the account's signature");
        serde_json::from_slice(&plain(part("payload"))).unwrap_or(Value::Null)
    }

    /// RFC 8555 §8.3: asks the plain listener under the name.
    async fn check_by_http(&self, plain: &str, name: &str, token: &str) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(plain).await.map_err(said)?;
        let request = format!(
            "GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.map_err(said)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(said)?;
        match answer.ends_with(&format!("\r\n\r\n{}", self.key_authorization(token))) {
            true => Ok(()),
            false => Err(format!("another answer: {answer}")),
        }
    }

    /// RFC 8555 §8.1 over RFC 7638.
    fn key_authorization(&self, token: &str) -> String {
        let jwk = self.0.account.lock().unwrap().clone().unwrap();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        let thumb = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        format!("{token}.{thumb}")
    }

    fn order_body(&self, id: usize) -> Value {
        let orders = self.0.orders.lock().unwrap();
        let order = &orders[id];
        let url = &self.0.url;
        let status = if order.chain.is_some() {
            "valid"
        } else if order.proved.iter().all(Result::is_ok) {
            "ready"
        } else if order.proved.iter().any(|proved| matches!(proved, Err(Some(_)))) {
            "invalid"
        } else {
            "pending"
        };
        let names: Vec<Value> =
            order.names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
        let proofs: Vec<String> =
            (0..order.names.len()).map(|name| format!("{url}/authorization/{id}/{name}")).collect();
        let mut body = json!({"status": status, "identifiers": names, "authorizations": proofs,
            "finalize": format!("{url}/finalize/{id}")});
        if order.chain.is_some() {
            body["certificate"] = json!(format!("{url}/certificate/{id}"));
        }
        body
    }

    fn challenge_body(&self, order: usize, name: usize) -> Value {
        let orders = self.0.orders.lock().unwrap();
        let (status, error) = match &orders[order].proved[name] {
            Ok(()) => ("valid", Value::Null),
            Err(None) => ("pending", Value::Null),
            Err(Some(why)) => {
                ("invalid", json!({"type": "urn:ietf:params:acme:error:connection", "detail": why}))
            }
        };
        let kind = if self.0.plain.lock().unwrap().is_some() { "http-01" } else { "tls-alpn-01" };
        json!({"type": kind, "url": format!("{}/challenge/{order}/{name}", self.0.url),
            "token": format!("token-{order}-{name}"), "status": status, "error": error})
    }

    /// RFC 8737 §3: connects as the name with its ALPN and reads the digest out of the certificate that is shown.
    async fn check(&self, name: &str, digest: &[u8]) -> Result<(), String> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let said = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect(&self.0.server).await.map_err(said)?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream =
            connector.connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await.map_err(said)?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(b"acme-tls/1") {
            return Err("another protocol".to_owned());
        }
        let chain = session.peer_certificates().unwrap();
        let (_, shown) = X509Certificate::from_der(&chain[0]).unwrap();
        let names = shown.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names, [GeneralName::DNSName(name)]);
        let extension = shown.extensions().iter().find(|one| one.oid.to_id_string() == "1.3.6.1.5.5.7.1.31");
        let extension = extension.ok_or("no proof in the certificate")?;
        assert!(extension.critical);
        // An OCTET STRING of 32 bytes.
        match extension.value == [&[4, 32], digest].concat() {
            true => Ok(()),
            false => Err("another proof".to_owned()),
        }
    }
}

async fn directory(State(it): State<Authority>) -> Response {
    let url = &it.0.url;
    let body = json!({"newNonce": format!("{url}/nonce"), "newAccount": format!("{url}/account"),
        "newOrder": format!("{url}/order"), "revokeCert": format!("{url}/revoke"), "keyChange": format!("{url}/key")});
    it.answer(StatusCode::OK, None, body)
}

async fn account(State(it): State<Authority>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["content-type"], "application/jose+json");
    let payload = it.payload("/account", &body);
    assert_eq!(payload["termsOfServiceAgreed"], true);
    assert_eq!(payload["contact"], json!(["mailto:ops@example.org"]));
    it.answer(StatusCode::CREATED, Some(format!("{}/account/1", it.0.url)), json!({"status": "valid"}))
}

async fn new_order(State(it): State<Authority>, body: Bytes) -> Response {
    let payload = it.payload("/order", &body);
    if it.0.told.lock().unwrap().refuses {
        return it.problem("rateLimited", "too many certificates already issued.");
    }
    let names: Vec<String> = payload["identifiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["value"].as_str().unwrap().to_owned())
        .collect();
    let id = {
        let mut orders = it.0.orders.lock().unwrap();
        orders.push(Order { proved: vec![Err(None); names.len()], names, chain: None });
        orders.len() - 1
    };
    it.answer(StatusCode::CREATED, Some(format!("{}/order/{id}", it.0.url)), it.order_body(id))
}

async fn show_order(State(it): State<Authority>, Segments(id): Segments<usize>, body: Bytes) -> Response {
    it.payload(&format!("/order/{id}"), &body);
    it.answer(StatusCode::OK, None, it.order_body(id))
}

async fn authorization(
    State(it): State<Authority>,
    Segments((order, name)): Segments<(usize, usize)>,
    body: Bytes,
) -> Response {
    it.payload(&format!("/authorization/{order}/{name}"), &body);
    let challenge = it.challenge_body(order, name);
    let value = it.0.orders.lock().unwrap()[order].names[name].clone();
    let body = json!({"status": challenge["status"], "identifier": {"type": "dns", "value": value},
        "challenges": [{"type": "dns-01", "url": "https://localhost/no", "token": "t", "status": "pending"}, challenge]});
    it.answer(StatusCode::OK, None, body)
}

async fn challenge(
    State(it): State<Authority>,
    Segments((order, name)): Segments<(usize, usize)>,
    body: Bytes,
) -> Response {
    assert_eq!(it.payload(&format!("/challenge/{order}/{name}"), &body), json!({}));
    let value = it.0.orders.lock().unwrap()[order].names[name].clone();
    let (checking, token) = (it.clone(), format!("token-{order}-{name}"));
    let plain = it.0.plain.lock().unwrap().clone();
    tokio::spawn(async move {
        let checked = match plain {
            Some(plain) => checking.check_by_http(&plain, &value, &token).await,
            None => {
                let answer = checking.key_authorization(&token);
                let digest = digest::digest(&digest::SHA256, answer.as_bytes());
                checking.check(&value, digest.as_ref()).await
            }
        };
        let proved = checked.map_err(Some);
        checking.0.orders.lock().unwrap()[order].proved[name] = proved;
    });
    it.answer(StatusCode::OK, None, it.challenge_body(order, name))
}

/// The key that somebody asks a certificate for.
struct Theirs(Vec<u8>);

impl PublicKeyData for Theirs {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

async fn finalize(State(it): State<Authority>, Segments(id): Segments<usize>, body: Bytes) -> Response {
    let payload = it.payload(&format!("/finalize/{id}"), &body);
    assert_eq!(it.order_body(id)["status"], "ready");
    let request = URL_SAFE_NO_PAD.decode(payload["csr"].as_str().unwrap()).unwrap();
    let (_, request) = X509CertificationRequest::from_der(&request).unwrap();
    let mut names = Vec::new();
    for extension in request.requested_extensions().unwrap() {
        if let ParsedExtension::SubjectAlternativeName(alternatives) = extension {
            names.extend(alternatives.general_names.iter().map(|name| match name {
                GeneralName::DNSName(name) => (*name).to_owned(),
                other => panic!("{other:?}"),
            }));
        }
    }
    let key = Theirs(request.certification_request_info.subject_pki.subject_public_key.data.to_vec());
    let mut orders = it.0.orders.lock().unwrap();
    assert_eq!(orders[id].names, names);
    let mut params = CertificateParams::new(names).unwrap();
    let (now, told) = (SystemTime::now(), it.0.told.lock().unwrap());
    (params.not_before, params.not_after) = ((now - told.since).into(), (now + told.left).into());
    let certificate = params.signed_by(&key, &it.0.issuer).unwrap();
    orders[id].chain = Some(certificate.pem() + &it.0.issuer.pem());
    drop((orders, told));
    it.answer(StatusCode::OK, None, it.order_body(id))
}

async fn certificate(State(it): State<Authority>, Segments(id): Segments<usize>, body: Bytes) -> Response {
    it.payload(&format!("/certificate/{id}"), &body);
    let chain = it.0.orders.lock().unwrap()[id].chain.clone().unwrap();
    let mut response = it.answer(StatusCode::OK, None, json!({}));
    *response.body_mut() = chain.into();
    response.headers_mut().remove("content-length");
    response
}

/// RFC 8737 §3: such a certificate is self-signed, and believed for its digest only.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
