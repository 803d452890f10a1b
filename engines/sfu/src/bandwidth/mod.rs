//! How much one subscriber's link takes, when its packets leave, and which layers they are.
//!
//! [`Estimator`] learns a target from transport-wide feedback, [`pacer`] spreads video over shared ticks,
//! [`allocate`] shares the target out among what is shown. All are pure: packets, feedback and time in,
//! numbers out. Audio carries no transport-wide numbers: it is neither measured nor ever held back.

mod aimd;
pub(crate) mod allocate;
mod delay;
mod downlink;
mod estimator;
mod history;
#[cfg(test)]
mod link;
mod loss;
pub(crate) mod pacer;
mod probe;
mod rate;
#[cfg(test)]
mod simulation;
mod throughput;
#[cfg(test)]
mod timelines;

pub(crate) use downlink::Downlink;
pub(crate) use estimator::Estimator;
pub use rate::Bitrate;

/// Microseconds on one clock; which one is said where it matters.
pub(crate) type Micros = i64;
