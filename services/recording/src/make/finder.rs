//! What this machine may have or not.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use super::Cause;

/// Whoever installs a program need not start the server again: what is not there is looked for again so often at most.
const AGAIN: Duration = Duration::from_secs(60);

/// Something that is kept once it is found, and looked for again when somebody asks.
pub(crate) struct Finder<T> {
    found: OnceLock<T>,
    /// When it was looked for last, and why it was not found; one looks at a time.
    missed: Mutex<Option<(Instant, Cause)>>,
    looking: tokio::sync::Mutex<()>,
}

impl<T> Default for Finder<T> {
    fn default() -> Self {
        let (found, missed, looking) = (OnceLock::new(), Mutex::default(), tokio::sync::Mutex::default());
        Self { found, missed, looking }
    }
}

impl<T: Clone> Finder<T> {
    fn missed(&self) -> MutexGuard<'_, Option<(Instant, Cause)>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If it was found before.
    pub(crate) fn found(&self) -> Option<&T> {
        self.found.get()
    }

    /// It, or why there is none. `look` is called when it is time to; others have the answer of before meanwhile.
    ///
    /// # Errors
    /// What `look` said last.
    pub(crate) async fn get<Look: Future<Output = Result<T, Cause>>>(
        &self,
        now: Instant,
        look: impl FnOnce() -> Look,
    ) -> Result<T, Cause> {
        if let Some(known) = self.known(now, self.looking.try_lock().is_err()) {
            return known;
        }
        let _one = self.looking.lock().await;
        // Somebody else may just have looked.
        if let Some(known) = self.known(now, false) {
            return known;
        }
        let looked = look().await;
        match &looked {
            // Nobody else looks.
            Ok(found) => _ = self.found.set(found.clone()),
            Err(cause) => *self.missed() = Some((now, *cause)),
        }
        looked
    }

    /// The answer of before, if it still holds. It does while somebody looks.
    fn known(&self, now: Instant, is_looked_for: bool) -> Option<Result<T, Cause>> {
        if let Some(found) = self.found.get() {
            return Some(Ok(found.clone()));
        }
        let (at, cause) = (*self.missed())?;
        let holds = is_looked_for || now.saturating_duration_since(at) < AGAIN;
        holds.then_some(Err(cause))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_is_missing_is_looked_for_again_after_a_minute_and_what_is_found_never() {
        let (finder, looked) = (Finder::default(), Cell::new(0));
        let start = Instant::now();
        let ask = |seconds: u64, is_there: bool| {
            let (finder, looked) = (&finder, &looked);
            finder.get(start + Duration::from_secs(seconds), async move || {
                looked.set(looked.get() + 1);
                if is_there { Ok(7) } else { Err(Cause::NoFfmpeg) }
            })
        };
        assert_eq!(ask(0, false).await, Err(Cause::NoFfmpeg));
        assert_eq!((ask(59, true).await, looked.get()), (Err(Cause::NoFfmpeg), 1), "not so soon");
        assert_eq!((ask(60, false).await, looked.get()), (Err(Cause::NoFfmpeg), 2));
        assert_eq!((ask(120, true).await, finder.found()), (Ok(7), Some(&7)));
        assert_eq!((ask(500, false).await, looked.get()), (Ok(7), 3));
    }
}
