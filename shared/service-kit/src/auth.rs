//! Who is asking: a token is resolved once by identity and remembered for at most 30 s.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use axum::{
    extract::{FromRef, FromRequestParts},
    http::{StatusCode, header, request::Parts},
};
use voxlink_protocol::{
    ErrorCode, Problem, Secret,
    bus::{ResolveToken, SessionRevoked, TokenOwner, UserUpdated},
};

use crate::{ApiError, Bus, CallError, Env};

/// Design §2: a cached login lives at most this long; a revocation drops it at once.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Past this many the memory starts anew: about 3 MiB.
const MOST_REMEMBERED: usize = 16_384;

type TokenHash = [u8; 32];

/// Resolves tokens. Cloning shares the memory.
#[derive(Clone, Debug)]
pub struct Auth {
    bus: Bus,
    env: Env,
    known: Arc<Mutex<HashMap<TokenHash, (TokenOwner, Instant)>>>,
    /// Counts revocations, so that an answer that was on its way during one is not remembered.
    revocations: Arc<AtomicU64>,
}

impl Auth {
    /// Listens for revocations from now on.
    #[must_use]
    pub fn new(bus: Bus, env: Env) -> Self {
        let known: Arc<Mutex<HashMap<TokenHash, (TokenOwner, Instant)>>> = Arc::default();
        let revocations: Arc<AtomicU64> = Arc::default();
        let (revoked, count) = (known.clone(), revocations.clone());
        bus.subscribe(move |event: &Arc<SessionRevoked>| {
            let mut known = revoked.lock().unwrap_or_else(PoisonError::into_inner);
            count.fetch_add(1, Ordering::Relaxed);
            known.retain(|_, (owner, _)| owner.login != event.login);
        });
        let updated = known.clone();
        bus.subscribe(move |event: &Arc<UserUpdated>| {
            let mut known = updated.lock().unwrap_or_else(PoisonError::into_inner);
            for (owner, _) in known.values_mut().filter(|(owner, _)| owner.user.id == event.0.id) {
                owner.user = event.0.clone();
            }
        });
        Self { bus, env, known, revocations }
    }

    /// Whose token this is, with or without `Bearer `/`Bot ` before it.
    ///
    /// # Errors
    /// When identity does not answer.
    pub async fn resolve(&self, token: &str) -> Result<Option<TokenOwner>, CallError> {
        let token = token.strip_prefix("Bearer ").or_else(|| token.strip_prefix("Bot ")).unwrap_or(token);
        let mut hash = TokenHash::default();
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let now = self.env.clock.monotonic();
        if let Some((owner, until)) = self.lock().get(&hash)
            && *until > now
        {
            return Ok(Some(owner.clone()));
        }
        let revocations = self.revocations.load(Ordering::Relaxed);
        let owner = self.bus.call(ResolveToken { token: Secret::new(token) }).await?;
        if let Some(owner) = &owner {
            let mut known = self.lock();
            if self.revocations.load(Ordering::Relaxed) != revocations {
                return Ok(Some(owner.clone()));
            }
            if known.len() >= MOST_REMEMBERED {
                known.clear();
            }
            known.insert(hash, (owner.clone(), now + REMEMBERED));
        }
        Ok(owner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, (TokenOwner, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose token a request brings, when that was found out before its handler: it is not asked twice.
#[derive(Clone, Debug)]
pub struct Resolved(pub Option<TokenOwner>);

/// The one who asks; 401 when the token is missing, wrong or revoked.
#[derive(Clone, Debug)]
pub struct Authenticated(pub TokenOwner);

impl<S> FromRequestParts<S> for Authenticated
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if let Some(Resolved(owner)) = parts.extensions.get() {
            return owner.clone().map(Self).ok_or_else(ApiError::unauthorized);
        }
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.ok_or_else(ApiError::unauthorized)?;
        let owner = Auth::from_ref(state).resolve(token).await?;
        owner.map(Self).ok_or_else(ApiError::unauthorized)
    }
}

/// As [`Authenticated`], for what only people do: a bot gets 403 with code 20001.
#[derive(Clone, Debug)]
pub struct Person(pub TokenOwner);

impl<S> FromRequestParts<S> for Person
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Authenticated(owner) = Authenticated::from_request_parts(parts, state).await?;
        if owner.user.bot { Err(not_for(ErrorCode::BotsNotAllowed)) } else { Ok(Self(owner)) }
    }
}

/// As [`Authenticated`], for what only bots do: a person gets 403 with code 20002.
#[derive(Clone, Debug)]
pub struct Robot(pub TokenOwner);

impl<S> FromRequestParts<S> for Robot
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Authenticated(owner) = Authenticated::from_request_parts(parts, state).await?;
        if owner.user.bot { Ok(Self(owner)) } else { Err(not_for(ErrorCode::OnlyBots)) }
    }
}

fn not_for(code: ErrorCode) -> ApiError {
    let words = if code == ErrorCode::OnlyBots {
        "Only bots can use this endpoint"
    } else {
        "Bots cannot use this endpoint"
    };
    ApiError::new(StatusCode::FORBIDDEN, Problem::new(code, words))
}
