//! The voice gateway (docs/protocol/voice.md): what is said over `/voice`, and the sockets it is said through.
//!
//! [`frame`] parses and writes, [`connection`] knows the rules of one socket without having one, [`replay`] keeps
//! what a reconnecting client may have missed, [`socket`] moves bytes. What the words mean is decided in `calls`.

pub(crate) mod close;
pub(crate) mod connection;
pub(crate) mod direct;
pub(crate) mod frame;
pub(crate) mod listening;
pub(crate) mod replay;
pub(crate) mod socket;
