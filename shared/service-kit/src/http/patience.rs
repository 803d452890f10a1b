//! How long the server waits for the answer to a request.

use std::time::Duration;

use axum::http::Extensions;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// One request's deadline. The server puts it into the request's extensions; whoever takes a long body within limits
/// of its own suspends it meanwhile.
#[derive(Clone, Debug)]
pub struct Patience {
    deadline: watch::Sender<Option<Instant>>,
}

impl Patience {
    /// Waits this long from now on.
    #[must_use]
    pub fn of(within: Duration) -> Self {
        Self { deadline: watch::Sender::new(Some(Instant::now() + within)) }
    }

    /// That of a request; one without end when there is no server around (tests).
    #[must_use]
    pub fn in_request(extensions: &Extensions) -> Self {
        let found = extensions.get::<Self>().cloned();
        found.unwrap_or_else(|| Self { deadline: watch::Sender::new(None) })
    }

    /// No deadline until [`Patience::restart`].
    pub fn suspend(&self) {
        self.deadline.send_replace(None);
    }

    /// A deadline from now on.
    pub fn restart(&self, within: Duration) {
        self.deadline.send_replace(Some(Instant::now() + within));
    }

    /// Returns once the deadline has passed.
    pub async fn runs_out(&self) {
        let mut deadline = self.deadline.subscribe();
        loop {
            let until = *deadline.borrow_and_update();
            let passed = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                // We hold a sender: it does not close.
                _changed = deadline.changed() => {}
            }
        }
    }
}
