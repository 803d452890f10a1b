//! The routes: parse, call, reply.

mod auth;
mod caller;
mod server;
mod users;

use voxlink_service_kit::Routes;

use crate::Identity;

pub(crate) fn routes(identity: Identity) -> Routes {
    let v1 = Routes::under("/api/v1")
        .post("/auth/register", auth::register)
        .post("/auth/login", auth::log_in)
        .post("/auth/logout", auth::log_out)
        .get("/auth/sessions", auth::list_logins)
        .delete("/auth/sessions/{id}", auth::revoke_login)
        .post("/registration-invites", server::make_registration_invite)
        .get("/server", server::about)
        .get("/users/search", users::search);
    let v10 = Routes::under("/api/v10")
        .get("/users/@me", users::me)
        .patch("/users/@me", users::update_me)
        .get("/users/{id}", users::one);
    v1.merge(v10).with_state(identity)
}
