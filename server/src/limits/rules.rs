//! How often what may be asked. The numbers of v10 where it is known for them, wide ones elsewhere: our own client
//! stays far below.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use axum::http::Method;

use super::counters::Limit;

const SECOND: Duration = Duration::from_secs(1);
const SECONDS_5: Duration = Duration::from_secs(5);
const SECONDS_10: Duration = Duration::from_secs(10);
const HALF_MINUTE: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

/// v10: all requests of one user (or one address, without a login).
pub(super) const EVERYTHING: Limit = Limit::new(50, SECOND);
/// v10: answers 401, 403 and 429 to one address; past them it is refused until the window ends.
pub(super) const INVALID: Limit = Limit::new(10_000, Duration::from_secs(600));

/// Playlists and segments of broadcasts, from memory, by addresses that only whoever may watch was given.
pub(super) const SEALED: &str = "/api/v1/broadcasts/";
/// Of those from one address: two thousand players behind one router, each of which asks for a playlist and a segment every
/// four seconds.
pub(super) const SEALED_USES: Limit = Limit::new(10_000, SECONDS_10);

const READ: Limit = Limit::new(100, SECONDS_10);
const WRITE: Limit = Limit::new(50, SECONDS_10);

/// The limit of a route.
pub(super) fn limit(method: &Method, template: &str) -> Limit {
    let path =
        template.strip_prefix("/api/v10").or_else(|| template.strip_prefix("/api/v1")).unwrap_or(template);
    match (method.as_str(), path) {
        ("PUT" | "DELETE", _) if path.contains("/reactions/") => Limit::new(1, Duration::from_millis(250)),
        ("POST", "/channels/{channel}/messages") => Limit::new(5, SECONDS_5),
        ("PATCH", "/channels/{channel}/messages/{message}") => Limit::new(5, SECONDS_5),
        ("DELETE", "/channels/{channel}/messages/{message}") => Limit::new(5, SECOND),
        ("POST", "/channels/{channel}/messages/bulk-delete") => Limit::new(1, SECOND),
        ("POST", "/channels/{channel}/typing") => Limit::new(5, SECONDS_5),
        // A telephone that rings again and again is a nuisance.
        ("POST", "/channels/{channel}/call/ring") => Limit::new(5, HALF_MINUTE),
        ("GET", "/guilds/{guild}/messages/search") => Limit::new(20, SECONDS_10),
        ("POST", "/guilds") => Limit::new(10, MINUTE),
        ("POST", "/invites/{code}" | "/users/@me/channels" | "/relationships") => Limit::new(10, SECONDS_10),
        ("PATCH", "/users/@me") => Limit::new(10, SECONDS_10),
        ("GET" | "HEAD", _) => READ,
        _ => WRITE,
    }
}

/// What tells buckets apart: the route, and which channel, guild or webhook it is about. Reactions share one.
pub(super) fn bucket(method: &Method, template: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    if template.contains("/reactions/") && method != Method::GET {
        "reactions".hash(&mut hasher);
    } else {
        (method.as_str(), template).hash(&mut hasher);
    }
    hasher.finish()
}

/// The first channel, guild or webhook that the path names.
pub(super) fn major<'a>(template: &str, path: &'a str) -> &'a str {
    let majors = ["{channel}", "{guild}", "{webhook}"];
    template
        .split('/')
        .zip(path.split('/'))
        .find(|(name, _)| majors.contains(name))
        .map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_a_bucket_per_channel_and_reactions_share_one() {
        let template = "/api/v10/channels/{channel}/messages";
        assert_eq!(limit(&Method::POST, template), Limit::new(5, SECONDS_5));
        assert_eq!(limit(&Method::GET, template), READ);
        assert_eq!(major(template, "/api/v10/channels/5/messages"), "5");
        assert_ne!(bucket(&Method::POST, template), bucket(&Method::GET, template));
        let mine = "/api/v10/channels/{channel}/messages/{message}/reactions/{emoji}/@me";
        let theirs = "/api/v10/channels/{channel}/messages/{message}/reactions/{emoji}/{user}";
        assert_eq!(bucket(&Method::PUT, mine), bucket(&Method::DELETE, theirs));
        assert_eq!(limit(&Method::PUT, mine).uses, 1);
        assert_eq!(major("/api/v10/users/{user}", "/api/v10/users/5"), "");
    }
}
