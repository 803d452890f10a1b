//! Time and randomness, handed in from the first day: simulation cannot be added later.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use voxlink_protocol::Timestamp;

/// Reads the time.
pub trait Clock: Send + Sync {
    /// Wall time: for what is stored or shown.
    fn wall(&self) -> SystemTime;
    /// Monotonic time: for deadlines.
    fn monotonic(&self) -> Instant;
}

/// Makes unguessable bytes.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// The world a service runs in.
#[derive(Clone)]
pub struct Env {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

impl Env {
    /// The real clock and the operating system's randomness.
    #[must_use]
    pub fn real() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy(SystemRandom::new())) }
    }

    /// Wall time in milliseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.wall().into()
    }

    /// `N` unguessable bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    /// Without randomness no secret is safe: the process ends rather than go on with a guessable one.
    fn fill(&self, buffer: &mut [u8]) {
        if self.0.fill(buffer).is_err() {
            std::process::abort();
        }
    }
}

/// A clock that only moves when told to.
#[derive(Debug)]
pub struct ManualClock {
    start: Instant,
    wall_start: SystemTime,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// Starts at this wall time.
    #[must_use]
    pub fn at(wall_start: SystemTime) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), wall_start, elapsed: Mutex::new(Duration::ZERO) })
    }

    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += by;
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> SystemTime {
        self.wall_start + self.elapsed()
    }
    fn monotonic(&self) -> Instant {
        self.start + self.elapsed()
    }
}
