//! Calls over TCP, for networks that let no UDP through: passive candidates (RFC 6544) on the numbers of the UDP ports.
//!
//! One thread for all connections. It cuts streams into datagrams (RFC 4571) and hands them to the shard in memory, as
//! the relay does; UDP does not notice. What it never does: believe anybody. A connection holds one frame until the
//! shard has answered it, which it does for who has the credentials of an offer.

mod run;
mod stream;
mod streams;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use mio::Waker;
use voxlink_service_kit::Env;
use voxlink_sfu::framing;

use crate::{counters::ShardCounters, parcel::Mailbox};

/// Connections come to one of these.
pub(crate) struct Port {
    pub(crate) listener: TcpListener,
    /// Where the shard that has this candidate takes what is for it.
    pub(crate) shard: Arc<Mailbox>,
}

/// Where shards put what is for streams: the header is written in place.
pub(crate) fn mailbox() -> Arc<Mailbox> {
    Mailbox::with_room(framing::HEADER, 0)
}

/// The running thread.
pub(crate) struct Tcp {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Tcp {
    /// Starts the thread. `from_shards` is from [`mailbox`].
    ///
    /// # Errors
    /// When the system gives no more threads or descriptors.
    pub(crate) fn start(
        ports: Vec<Port>,
        from_shards: Arc<Mailbox>,
        counters: Arc<ShardCounters>,
        env: Env,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let stop = Arc::<AtomicBool>::default();
        let (run, waker) = run::Run::new(ports, from_shards, counters, env, stop.clone())?;
        let thread = std::thread::Builder::new().name("media-tcp".to_owned()).spawn(move || run.run())?;
        Ok((Self { stop, waker }, thread))
    }

    /// Ends the thread, and all connections with it.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // One that cannot be woken looks after a while by itself.
        let _late = self.waker.wake();
    }
}
