//! Whose turn it is to change who is in a conversation: held from the check until memory is up to date.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};
use voxlink_protocol::{ChannelId, UserId};

/// Conversations that share a turn only wait for each other.
const STRIPES: u64 = 64;

/// A turn for each conversation, and for each pair that may have one.
#[derive(Debug)]
pub(crate) struct Turns(Vec<Arc<Mutex<()>>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    pub(crate) async fn of_group(&self, channel: ChannelId) -> OwnedMutexGuard<()> {
        self.take(channel.get()).await
    }

    pub(crate) async fn of_pair(&self, one: UserId, other: UserId) -> OwnedMutexGuard<()> {
        self.take(one.get() ^ other.get()).await
    }

    async fn take(&self, key: u64) -> OwnedMutexGuard<()> {
        // Fibonacci hashing: neighbouring ids spread over all stripes.
        let stripe = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % STRIPES;
        let turn = usize::try_from(stripe).ok().and_then(|stripe| self.0.get(stripe));
        turn.cloned().unwrap_or_default().lock_owned().await
    }
}
