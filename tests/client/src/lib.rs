//! A user of VoxLink in Rust, and a server to use: for the tests of the whole and for benchmarks.
//!
//! Values stay JSON here on purpose: the tests see what any other client would see.

pub mod framed;
pub mod gateway;
pub mod person;
pub mod rest;
pub mod server;
pub mod stranger;
pub mod turn;
pub mod wire;

pub use framed::Framed;
pub use gateway::{Gateway, GatewayError};
pub use person::Person;
pub use rest::{Reply, Rest};
pub use server::{Options, TestServer};
pub use stranger::Stranger;
pub use turn::TurnPath;
pub use wire::Wire;
