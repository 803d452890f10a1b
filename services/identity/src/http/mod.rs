//! The routes: parse, call, reply.

mod account;
mod applications;
mod auth;
mod caller;
mod form;
mod relationships;
mod server;
mod settings;
mod users;

use axum::extract::DefaultBodyLimit;
use voxlink_service_kit::Routes;

use crate::Identity;

/// Two pictures of 8 MiB, which is what files takes, in base64, and some words.
const MOST_WITH_PICTURES: usize = 2 * 8 * 1024 * 1024 / 3 * 4 + 64 * 1024;

pub(crate) fn routes(identity: Identity) -> Routes {
    let v1 = Routes::under("/api/v1")
        .post("/auth/register", auth::register)
        .post("/auth/login", auth::log_in)
        .post("/auth/logout", auth::log_out)
        .get("/auth/sessions", auth::list_logins)
        .delete("/auth/sessions/{id}", auth::revoke_login)
        .post("/registration-invites", server::make_registration_invite)
        .get("/server", server::about)
        .get("/users/search", users::search)
        .post("/auth/password", account::change_password)
        .post("/auth/delete-account", account::delete)
        .post("/auth/totp/setup", account::set_up_totp)
        .post("/auth/totp/enable", account::enable_totp)
        .post("/auth/totp/disable", account::disable_totp)
        .post("/auth/totp/recovery-codes", account::renew_recovery_codes)
        .get("/users/@me/settings", settings::get)
        .patch("/users/@me/settings", settings::update)
        .get("/users/{user_id}/profile", users::profile)
        .put("/users/{user_id}/note", users::set_note)
        .get("/relationships", relationships::list)
        .post("/relationships", relationships::ask)
        .put("/relationships/{user_id}", relationships::put)
        .delete("/relationships/{user_id}", relationships::remove)
        .get("/applications", applications::list)
        .post("/applications", applications::create)
        .delete("/applications/{application_id}", applications::delete)
        .post("/applications/{application_id}/token", applications::reset_token);
    let v10 = Routes::under("/api/v10")
        .get("/users/@me", users::me)
        .get("/users/{id}", users::one)
        .get("/applications/@me", applications::mine)
        .get("/applications/{application_id}", applications::one)
        .get("/oauth2/applications/@me", applications::mine);
    v1.merge(v10).with_state(identity.clone()).merge(with_pictures(identity))
}

/// Routes whose bodies hold pictures as data URIs.
fn with_pictures(identity: Identity) -> Routes {
    let ours = Routes::under("/api/v1").patch("/applications/{application_id}", applications::update);
    let v10 = Routes::under("/api/v10")
        .patch("/users/@me", users::update_me)
        .patch("/applications/@me", applications::update_mine)
        .patch("/applications/{application_id}", applications::update);
    ours.merge(v10)
        .with_state(identity)
        .layered(|router| router.layer(DefaultBodyLimit::max(MOST_WITH_PICTURES)))
}
