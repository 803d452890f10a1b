//! How services talk: typed calls and announcements, without serialisation in one process.
//!
//! A serialising bus ([`Bus::serialising`]) sends everything through JSON and back; the whole-server tests run over
//! it once, so that services can be split over machines.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use voxlink_protocol::bus::{Announcement, Request};

type Answer<R> = Pin<Box<dyn Future<Output = Result<<R as Request>::Reply, Unavailable>> + Send>>;
type Handler<R> = Arc<dyn Fn(R) -> Answer<R> + Send + Sync>;
type Listener<A> = Arc<dyn Fn(&Arc<A>) + Send + Sync>;

/// Why a call brought no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody serves this request.
    #[error("no service answers {0}")]
    NoService(&'static str),
    /// Its service cannot answer now; asking again later may help.
    #[error("{0} cannot be answered now")]
    Unavailable(&'static str),
    /// The request or reply did not survive serialisation.
    #[error("{0} cannot cross the bus")]
    Codec(&'static str),
}

/// A service could not answer now: its database failed, or another service that it needs did. Not an outcome of the
/// domain: an account that cannot be looked up is not an account that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// The bus. Cloning shares it.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    serialising: bool,
    handlers: RwLock<HashMap<&'static str, Box<dyn Any + Send + Sync>>>,
    listeners: RwLock<HashMap<&'static str, Vec<Box<dyn Any + Send + Sync>>>>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bus")
    }
}

impl Bus {
    /// Calls are function calls; announcements are shared pointers.
    #[must_use]
    pub fn in_process() -> Self {
        Self::new(false)
    }

    /// Like [`Bus::in_process`], but everything crosses as JSON.
    #[must_use]
    pub fn serialising() -> Self {
        Self::new(true)
    }

    fn new(serialising: bool) -> Self {
        let inner = Inner { serialising, handlers: RwLock::default(), listeners: RwLock::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Answers a request from now on; the last one to serve a name wins.
    pub fn serve<R, F, Fut>(&self, handler: F)
    where
        R: Request,
        F: Fn(R) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = R::Reply> + Send + 'static,
    {
        self.try_serve(move |request| {
            let reply = handler(request);
            async move { Ok(reply.await) }
        });
    }

    /// As [`Bus::serve`], for a service that may be unable to answer.
    pub fn try_serve<R, F, Fut>(&self, handler: F)
    where
        R: Request,
        F: Fn(R) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R::Reply, Unavailable>> + Send + 'static,
    {
        let boxed: Handler<R> = Arc::new(move |request| Box::pin(handler(request)));
        let mut handlers = self.inner.handlers.write().unwrap_or_else(PoisonError::into_inner);
        handlers.insert(R::NAME, Box::new(boxed));
    }

    /// Asks the service that owns the data.
    ///
    /// # Errors
    /// When nobody serves the request or its service cannot answer now. What the domain refuses is in the reply.
    pub async fn call<R: Request>(&self, request: R) -> Result<R::Reply, CallError> {
        let handler = {
            let handlers = self.inner.handlers.read().unwrap_or_else(PoisonError::into_inner);
            handlers.get(R::NAME).and_then(|found| found.downcast_ref::<Handler<R>>().cloned())
        };
        let handler = handler.ok_or(CallError::NoService(R::NAME))?;
        if !self.inner.serialising {
            return handler(request).await.map_err(|Unavailable| CallError::Unavailable(R::NAME));
        }
        let answer = handler(through_json(&request, R::NAME)?).await;
        let reply = answer.map_err(|Unavailable| CallError::Unavailable(R::NAME))?;
        through_json(&reply, R::NAME)
    }

    /// Hears an announcement. The listener runs on the announcer's thread, in order of announcement: it must be
    /// quick and must not block (put the event on a queue).
    pub fn subscribe<A: Announcement>(&self, listener: impl Fn(&Arc<A>) + Send + Sync + 'static) {
        let boxed: Listener<A> = Arc::new(listener);
        let mut listeners = self.inner.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(A::NAME).or_default().push(Box::new(boxed));
    }

    /// Tells everyone who subscribed.
    pub fn publish<A: Announcement>(&self, announcement: A) {
        let announcement = if self.inner.serialising {
            match through_json(&announcement, A::NAME) {
                Ok(copy) => copy,
                Err(error) => return tracing::error!(%error, "an announcement was not sent"),
            }
        } else {
            announcement
        };
        let shared = Arc::new(announcement);
        let listeners = self.inner.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.get(A::NAME).into_iter().flatten() {
            if let Some(listener) = listener.downcast_ref::<Listener<A>>() {
                listener(&shared);
            }
        }
    }
}

fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(
    value: &T,
    name: &'static str,
) -> Result<T, CallError> {
    let bytes = serde_json::to_vec(value).map_err(|_| CallError::Codec(name))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        tracing::error!(%error, name, "the bus could not read what it wrote");
        CallError::Codec(name)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use voxlink_protocol::{
        User, UserId,
        bus::{GetUsers, UserUpdated},
    };

    use super::*;

    #[tokio::test]
    async fn a_call_reaches_its_service_over_both_kinds_of_bus() {
        for bus in [Bus::in_process(), Bus::serialising()] {
            let missing = bus.call(GetUsers { ids: vec![] }).await;
            assert_eq!(missing, Err(CallError::NoService("identity.get_users")));
            bus.serve(|request: GetUsers| async move {
                request.ids.into_iter().map(|id| User::new(id, "anna")).collect::<Vec<_>>()
            });
            let found = bus.call(GetUsers { ids: vec![UserId::new(7)] }).await;
            assert_eq!(found, Ok(vec![User::new(UserId::new(7), "anna")]));
        }
    }

    #[tokio::test]
    async fn a_service_that_cannot_answer_is_not_a_service_that_found_nothing() {
        for bus in [Bus::in_process(), Bus::serialising()] {
            bus.try_serve(|_: GetUsers| async { Err(Unavailable) });
            let answer = bus.call(GetUsers { ids: vec![UserId::new(7)] }).await;
            assert_eq!(answer, Err(CallError::Unavailable("identity.get_users")));
        }
    }

    #[test]
    fn announcements_are_heard_in_order() {
        for bus in [Bus::in_process(), Bus::serialising()] {
            let heard = Arc::new(Mutex::new(Vec::new()));
            let ears = heard.clone();
            bus.subscribe(move |event: &Arc<UserUpdated>| {
                ears.lock().unwrap_or_else(PoisonError::into_inner).push(event.0.id.get());
            });
            for id in 1..=3 {
                bus.publish(UserUpdated(User::new(UserId::new(id), "anna")));
            }
            assert_eq!(*heard.lock().unwrap_or_else(PoisonError::into_inner), [1, 2, 3]);
        }
    }
}
