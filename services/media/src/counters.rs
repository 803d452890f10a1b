//! What went through the shards, counted without locks: each shard writes its own, anyone may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread raises and others read.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, by: usize) {
        self.0.fetch_add(by as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What one shard counted.
        #[derive(Debug, Default)]
        pub(crate) struct ShardCounters { $(pub(crate) $name: Count),+ }

        /// Totals over all shards since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters { $($(#[$doc])* pub $name: u64),+ }

        impl Counters {
            pub(crate) fn sum<'a>(shards: impl Iterator<Item = &'a ShardCounters>) -> Self {
                let mut total = Self::default();
                for shard in shards {
                    $(total.$name += shard.$name.get();)+
                }
                total
            }
        }
    };
}

counters! {
    /// Datagrams received.
    packets_in,
    /// Their payload bytes.
    bytes_in,
    /// Datagrams sent.
    packets_out,
    /// Their payload bytes.
    bytes_out,
    /// Messages handed to the kernel: with segmentation offload one carries several datagrams.
    sends,
    /// Times that a shard went to sleep until something came.
    waits,
    /// Datagrams not sent because the socket's buffer was full, or a client over TCP did not keep up.
    dropped_out,
    /// Datagrams that the kernel refused to send (no route, for instance).
    send_errors,
    /// Datagrams of nobody in a call: no check has proven their address, or they are nothing that is spoken here.
    ignored,
    /// Datagrams of people in calls that were dropped: forged, repeated, malformed, not theirs to send, too many.
    rejected,
    /// Errors on receive (ICMP answers to earlier sends, for instance).
    receive_errors,
    /// Events of the engine lost because the control side did not keep up; should stay 0.
    lost_events,
    /// Packets lost between two parts of a call because the other shard did not keep up.
    lost_copies,
    /// Packets lost between a shard and the relay, or the thread of TCP, because one did not keep up.
    lost_relayed,
    /// Panics caught; each ended one call.
    panics,
}
