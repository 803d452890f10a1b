//! A service's routes as a table: what is served can also be listed, so that a test replays every route there is.

use axum::{
    Router,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, on},
};

/// One route: a method and a full path with `{parameters}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Route {
    pub method: Method,
    pub path: String,
}

/// Routes under one prefix, gathered before the state is known.
#[derive(Debug)]
pub struct Routes<S = ()> {
    prefix: &'static str,
    router: Router<S>,
    table: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Routes whose paths begin with this, e.g. `/api/v10`; may be empty.
    #[must_use]
    pub fn under(prefix: &'static str) -> Self {
        Self { prefix, router: Router::new(), table: Vec::new() }
    }

    /// Answers GET. The same path may be given again with another method.
    #[must_use]
    pub fn get<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Self {
        self.route(Method::GET, MethodFilter::GET, path, handler)
    }

    /// Answers POST.
    #[must_use]
    pub fn post<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Self {
        self.route(Method::POST, MethodFilter::POST, path, handler)
    }

    /// Answers PUT.
    #[must_use]
    pub fn put<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Self {
        self.route(Method::PUT, MethodFilter::PUT, path, handler)
    }

    /// Answers PATCH.
    #[must_use]
    pub fn patch<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Self {
        self.route(Method::PATCH, MethodFilter::PATCH, path, handler)
    }

    /// Answers DELETE.
    #[must_use]
    pub fn delete<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Self {
        self.route(Method::DELETE, MethodFilter::DELETE, path, handler)
    }

    /// Answers OPTIONS: what browsers ask before they let another origin's page in.
    #[must_use]
    pub fn options<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Self {
        self.route(Method::OPTIONS, MethodFilter::OPTIONS, path, handler)
    }

    fn route<H: Handler<T, S>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &str,
        handler: H,
    ) -> Self {
        let path = format!("{}{path}", self.prefix);
        self.router = self.router.route(&path, on(filter, handler));
        self.table.push(Route { method, path });
        self
    }

    /// Adds the routes of another table.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self
    }

    /// Hands in the state.
    #[must_use]
    pub fn with_state(self, state: S) -> Routes<()> {
        Routes { prefix: self.prefix, router: self.router.with_state(state), table: self.table }
    }
}

impl Routes<()> {
    /// Changes the router without changing what it serves: layers.
    #[must_use]
    pub fn layered(mut self, layer: impl FnOnce(Router) -> Router) -> Self {
        self.router = layer(self.router);
        self
    }

    /// All routes, in the order in which they were given.
    #[must_use]
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// What serves them.
    pub fn into_router(self) -> Router {
        self.router
    }
}
