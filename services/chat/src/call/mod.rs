//! Calls of direct conversations: who may be in one, and who hears of it. Media owns the seats and says when one is
//! taken or left; who the people of a conversation are is known here.

pub(crate) mod end;
mod hear;
mod join;
mod read;

/// v10 knows voice regions; here there is one, this server.
pub const REGION: &str = "self-hosted";
