//! Calls of direct conversations: who may be in one, whose devices ring, and what their messages tell.
//!
//! Media owns the seats and says when one is taken or left. Ringing is chat's: whom one may call, who the people of a
//! conversation are and what its history tells are known here. It lives in memory ([`state`], owned by one task,
//! [`keeper`]) and ends with the process: no telephone rings on because a server was started again.

pub(crate) mod end;
mod hear;
mod join;
pub(crate) mod keeper;
mod read;
pub mod ring;
mod state;
pub(crate) mod tell;

/// v10 knows voice regions; here there is one, this server.
pub const REGION: &str = "self-hosted";
