//! The routes: parse, call, reply.

mod auth;
mod caller;
mod server;
mod users;

use axum::{
    Router,
    routing::{delete, get, post},
};

use crate::Identity;

pub(crate) fn router(identity: Identity) -> Router {
    Router::new()
        .route("/api/v1/auth/register", post(auth::register))
        .route("/api/v1/auth/login", post(auth::log_in))
        .route("/api/v1/auth/logout", post(auth::log_out))
        .route("/api/v1/auth/sessions", get(auth::list_logins))
        .route("/api/v1/auth/sessions/{id}", delete(auth::revoke_login))
        .route("/api/v1/registration-invites", post(server::make_registration_invite))
        .route("/api/v1/server", get(server::about))
        .route("/api/v1/users/search", get(users::search))
        .route("/api/v10/users/@me", get(users::me).patch(users::update_me))
        .route("/api/v10/users/{id}", get(users::one))
        .with_state(identity)
}
