//! One thing that is being made, seen by the thread that makes it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::cause::Cause;

/// Why it did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// Nobody wants it any more, or the server stops.
    Stopped,
    /// It cannot be made.
    Failed(Cause),
}

impl From<Cause> for Interrupted {
    fn from(cause: Cause) -> Self {
        Self::Failed(cause)
    }
}

/// Whether to go on, and whom to tell how far it is.
pub(crate) struct Watch<'a> {
    pub(super) is_stopped: &'a AtomicBool,
    pub(super) heard: &'a (dyn Fn(f32) + Sync),
}

impl Watch<'_> {
    /// How much is done, 0 to 1.
    ///
    /// # Errors
    /// [`Interrupted::Stopped`] when the work is to end here.
    pub(crate) fn tell(&self, done: f32) -> Result<(), Interrupted> {
        self.check()?;
        (self.heard)(done.clamp(0.0, 1.0));
        Ok(())
    }

    /// # Errors
    /// [`Interrupted::Stopped`] when the work is to end here.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.is_stopped.load(Ordering::Relaxed) { Err(Interrupted::Stopped) } else { Ok(()) }
    }
}
