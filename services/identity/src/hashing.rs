//! Argon2id on a few threads of its own with a short queue.
//!
//! One hash takes some 20 ms of a core and 19 MiB. Cores − 1 threads (one to four) keep the rest of the server alive
//! through a storm of logins; what does not fit into the queue is refused and may be tried again. Each thread keeps
//! its 19 MiB from its first hash on: handed back and forth, the allocator held six times as much.

use std::sync::{
    Arc, Mutex, PoisonError,
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use tokio::sync::oneshot;
use voxlink_protocol::Secret;

use crate::password::Password;

/// OWASP's floor for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How a PHC string of these costs begins (19 is the version, 1.3); salt and hash follow.
const PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
/// About 200 logins a second, and no more than 76 MiB.
const MOST_THREADS: usize = 4;
/// Waiting hashes: about a second and a half of work for one thread.
const QUEUE: usize = 64;
/// Four bytes for each of 256 characters; nothing longer was ever accepted as a password.
const MOST_BYTES: usize = 1024;
/// Hashed into for names that do not exist, so that they take as long as those that do.
const NOBODYS_SALT: &[u8; 16] = b"salt-for-no-name";

/// A password's hash as a PHC string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PasswordHash(pub(crate) String);

/// The queue is full: try again in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub(crate) struct Busy;

enum Job {
    Hash { password: Password, salt: [u8; 16], reply: oneshot::Sender<Option<PasswordHash>> },
    Verify { password: Secret, hash: Option<PasswordHash>, reply: oneshot::Sender<bool> },
}

#[derive(Debug)]
pub(crate) struct HashingPool {
    jobs: SyncSender<Job>,
}

impl HashingPool {
    /// Starts the threads; they end when the pool is dropped.
    pub(crate) fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(cores.saturating_sub(1).clamp(1, MOST_THREADS))
    }

    fn with_threads(threads: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new().name("passwords".to_owned()).spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs })
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<PasswordHash, Busy> {
        let (reply, answer) = oneshot::channel();
        self.put(Job::Hash { password, salt, reply })?;
        answer.await.ok().flatten().ok_or(Busy)
    }

    /// Whether the password is the hashed one. `None` for an account that does not exist: takes as long, never fits.
    pub(crate) async fn verify(&self, password: Secret, hash: Option<PasswordHash>) -> Result<bool, Busy> {
        let (reply, answer) = oneshot::channel();
        self.put(Job::Verify { password, hash, reply })?;
        answer.await.map_err(|_| Busy)
    }

    fn put(&self, job: Job) -> Result<(), Busy> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                tracing::warn!("a login was refused: the password queue is full");
                Busy
            }
            TrySendError::Disconnected(_) => {
                tracing::error!("the password threads are gone");
                Busy
            }
        })
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    let mut hasher = Hasher::default();
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            // Who gave up waiting costs nothing more.
            Ok(Job::Hash { reply, .. }) if reply.is_closed() => {}
            Ok(Job::Verify { reply, .. }) if reply.is_closed() => {}
            Ok(Job::Hash { password, salt, reply }) => {
                let _gone = reply.send(hasher.hash(password.as_bytes(), &salt));
            }
            Ok(Job::Verify { password, hash, reply }) => {
                let _gone = reply.send(hasher.verify(password.expose().as_bytes(), hash.as_ref()));
            }
            Err(_) => return,
        }
    }
}

/// One thread's Argon2 and its working memory, empty until the first hash.
#[derive(Default)]
struct Hasher {
    memory: Vec<Block>,
}

impl Hasher {
    fn hash(&mut self, password: &[u8], salt: &[u8; 16]) -> Option<PasswordHash> {
        let hash = self.derive(password, salt)?;
        Some(PasswordHash(format!(
            "{PREFIX}{}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(hash)
        )))
    }

    fn verify(&mut self, password: &[u8], stored: Option<&PasswordHash>) -> bool {
        let password = &password[..password.len().min(MOST_BYTES + 1)];
        let Some(stored) = stored else {
            let _nobody = self.derive(password, NOBODYS_SALT);
            return false;
        };
        let Some((salt, hash)) = parse(&stored.0) else {
            tracing::error!("a stored password hash cannot be read");
            return false;
        };
        self.derive(password, &salt).is_some_and(|derived| verify_slices_are_equal(&derived, &hash).is_ok())
    }

    fn derive(&mut self, password: &[u8], salt: &[u8]) -> Option<[u8; 32]> {
        let mut hash = [0; 32];
        let derived = Params::new(MEMORY_KIB, PASSES, LANES, Some(hash.len())).and_then(|params| {
            self.memory.resize(params.block_count(), Block::default());
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into_with_memory(password, salt, &mut hash, &mut self.memory)
        });
        match derived {
            Ok(()) => Some(hash),
            Err(error) => {
                tracing::error!(%error, "a password could not be hashed");
                None
            }
        }
    }
}

/// Salt and hash of a PHC string of ours.
fn parse(phc: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (salt, hash) = phc.strip_prefix(PREFIX)?.split_once('$')?;
    Some((STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Instant;

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_hash_names_its_costs_and_fits_only_its_password() {
        let pool = HashingPool::with_threads(1).unwrap();
        let hash = pool.hash(password("correct horse"), [7; 16]).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert_eq!(pool.verify(Secret::new("correct horse"), Some(hash.clone())).await, Ok(true));
        assert_eq!(pool.verify(Secret::new("Correct horse"), Some(hash.clone())).await, Ok(false));
        assert_eq!(pool.verify(Secret::new("x".repeat(100_000)), Some(hash)).await, Ok(false));
        assert_eq!(pool.verify(Secret::new("correct horse"), None).await, Ok(false));
    }

    #[test]
    fn a_hash_is_a_phc_string_that_others_read() {
        use argon2::{PasswordVerifier as _, password_hash::phc};
        let ours = Hasher::default().hash(b"correct horse", b"somesaltsomesalt").unwrap();
        let parsed = phc::PasswordHash::new(&ours.0).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
    }

    #[tokio::test]
    async fn an_unknown_name_takes_as_long_as_a_known_one() {
        let pool = HashingPool::with_threads(1).unwrap();
        let hash = pool.hash(password("correct horse"), [7; 16]).await.unwrap();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            let start = Instant::now();
            pool.verify(Secret::new("wrong"), Some(hash.clone())).await.unwrap();
            known.push(start.elapsed());
            let start = Instant::now();
            pool.verify(Secret::new("wrong"), None).await.unwrap();
            unknown.push(start.elapsed());
        }
        let (known, unknown) = (known.iter().min().unwrap(), unknown.iter().min().unwrap());
        assert!(*known < *unknown * 2 && *unknown < *known * 2, "{known:?} {unknown:?}");
    }

    #[tokio::test]
    async fn past_the_queue_hashes_are_refused_at_once() {
        let pool = Arc::new(HashingPool::with_threads(1).unwrap());
        let storm: Vec<_> = (0..QUEUE + 20)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.verify(Secret::new("guess"), None).await })
            })
            .collect();
        let mut refused = 0;
        for attempt in storm {
            refused += usize::from(attempt.await.unwrap() == Err(Busy));
        }
        assert!((10..=20).contains(&refused), "{refused}");
    }
}
