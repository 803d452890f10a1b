//! What a service stands on: database, bus, HTTP pieces, clock, randomness.
//!
//! Nothing here knows any service. Clock and randomness are handed in, so that tests decide them.

pub mod auth;
pub mod bus;
pub mod call_pass;
pub mod courier;
pub mod db;
pub mod env;
pub mod http;
pub mod outbox;
pub mod rate_limit;
pub mod snowflakes;
pub mod ws;

pub use auth::{Auth, Authenticated, Person, Robot};
pub use bus::{Bus, CallError, Unavailable};
pub use courier::Courier;
pub use db::{Db, DbError, DbTarget, Sql};
pub use env::Env;
pub use http::{ApiError, ApiJson, ApiPath, ApiQuery, Patience, Route, Routes};
pub use snowflakes::Snowflakes;
