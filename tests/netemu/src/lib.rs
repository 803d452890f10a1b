//! A bad network, on purpose: loss, bursts of loss, delay, jitter, reordering, a narrow link, a cut.
//!
//! [`Link`] is one direction of it, without IO: packets go in with the time, and come out with the time or never. The
//! same seed gives the same fate to the same packets. The binary puts two of them between two network namespaces.

mod command;
mod link;
mod rng;
mod settings;

pub use command::{Command, CommandError, Direction};
pub use link::{Counters, Link};
pub use rng::Rng;
pub use settings::{Bursts, Rate, Settings, Share};
