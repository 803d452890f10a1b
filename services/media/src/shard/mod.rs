//! The threads that media lives on: each owns one engine, one UDP socket and the rooms that hash to it.
//!
//! A shard shares nothing with another. The control side sends [`Command`]s over a bounded queue and wakes it; the
//! shard answers with [`Report`]s over another. On its thread there is no lock, await or allocation per packet.

mod guard;
mod neighbours;
pub(crate) mod plain_binding;
mod records;
mod relayed;
mod run;
#[cfg(test)]
mod tests;
mod wake;

use std::{
    io,
    sync::{Arc, OnceLock, Weak},
    thread::JoinHandle,
};

use tokio::sync::mpsc::{self, error::TrySendError};
use voxlink_service_kit::Env;
use voxlink_sfu::{
    Answer, Candidates, Copied, Event, Gates, IceFragment, Mid, OfferError, Part, PeerId, PersonId, Quality,
    Role, RoomId, Source, SourceSet, Want, WorkerConfig,
};
use wake::Waker;

use crate::{counters::ShardCounters, parcel::Mailbox, taps::Listeners, udp::UdpPort};

/// Commands that wait for a shard. It drains them every few milliseconds at the latest; senders wait beyond this.
const MOST_COMMANDS: usize = 1024;

/// What the control side asks of a shard.
#[derive(Debug)]
pub(crate) enum Command {
    Join {
        room: RoomId,
        peer: PeerId,
        person: PersonId,
        revision: u64,
        offer: String,
        role: Role,
        gates: Gates,
    },
    Renegotiate {
        peer: PeerId,
        revision: u64,
        offer: String,
        sources: Vec<(Mid, Source)>,
    },
    /// Answered with a fragment, under revision 0.
    RestartIce {
        peer: PeerId,
        fragment: IceFragment,
    },
    SetSources {
        peer: PeerId,
        sources: SourceSet,
    },
    SetWants {
        peer: PeerId,
        wants: Vec<Want>,
    },
    SetGates {
        peer: PeerId,
        gates: Gates,
    },
    /// From the mixer: what this peer hears, a mix or each one.
    SetMix {
        peer: PeerId,
        mix: Option<PeerId>,
    },
    Leave {
        peer: PeerId,
    },
    /// These shards hold the other parts of a room that this one holds a part of.
    Spread {
        room: RoomId,
        others: Vec<Part>,
    },
    /// From such a part.
    Copy {
        from: Part,
        copy: Copied,
    },
    /// Ends the thread.
    Stop,
    /// Panics in this room's code: so that a test can see what such a panic ends and what it does not.
    Panic {
        room: RoomId,
    },
}

impl Command {
    /// Whom it is about.
    pub(crate) fn peer(&self) -> Option<PeerId> {
        match self {
            Self::Join { peer, .. }
            | Self::Renegotiate { peer, .. }
            | Self::RestartIce { peer, .. }
            | Self::SetSources { peer, .. }
            | Self::SetWants { peer, .. }
            | Self::SetGates { peer, .. }
            | Self::SetMix { peer, .. }
            | Self::Leave { peer } => Some(*peer),
            Self::Spread { .. } | Self::Copy { .. } | Self::Stop | Self::Panic { .. } => None,
        }
    }
}

/// What a shard tells the control side.
#[derive(Debug)]
pub(crate) enum Report {
    /// To `Join`, `Renegotiate` and `RestartIce`, in their order.
    Answered {
        peer: PeerId,
        revision: u64,
        result: Result<Answer, OfferError>,
    },
    Engine(Event),
    /// What was counted for the peers of a call, every few seconds.
    Measured(Vec<(PeerId, Quality)>),
    /// A panic ended a call; the engine has dropped these peers.
    Crashed {
        peers: Vec<PeerId>,
    },
}

/// How to start one.
pub(crate) struct ShardConfig {
    /// Which of the shards: names the thread and picks its processor.
    pub(crate) index: usize,
    /// Bind the thread to a processor.
    pub(crate) pin: bool,
    /// The bound socket.
    pub(crate) port: UdpPort,
    /// Host candidates, best first.
    pub(crate) candidates: Candidates,
    pub(crate) env: Env,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) counters: Arc<ShardCounters>,
    /// All shards, by their numbers, once they are started. Weak: else each would keep the others alive.
    pub(crate) all: Weak<OnceLock<Vec<ShardHandle>>>,
    /// Who listens to calls from inside the server.
    pub(crate) listeners: Arc<Listeners>,
    /// Where the relay takes what is for relayed addresses; none when there is no relay.
    pub(crate) relay: Option<Arc<Mailbox>>,
    /// Where the thread of TCP takes what is for streams; none when there is none.
    pub(crate) tcp: Option<Arc<Mailbox>>,
}

/// The control side's end of a shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardHandle {
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
    relayed: Arc<Mailbox>,
    streamed: Arc<Mailbox>,
}

impl ShardHandle {
    /// Where the relay puts what its clients send to this shard.
    pub(crate) fn relayed(&self) -> Arc<Mailbox> {
        self.relayed.clone()
    }

    /// Where the thread of TCP puts what came on streams.
    pub(crate) fn streamed(&self) -> Arc<Mailbox> {
        self.streamed.clone()
    }

    /// Hands over a command; waits while the queue is full. False when the shard has ended.
    pub(crate) async fn send(&self, command: Command) -> bool {
        let sent = self.commands.send(command).await.is_ok();
        self.waker.wake();
        sent
    }

    /// There is something to take.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// As [`ShardHandle::send`], without waiting or waking: gives the command back while the queue is full. What was
    /// sent to a shard that has ended is gone.
    pub(crate) fn offer(&self, command: Command) -> Result<(), Command> {
        match self.commands.try_send(command) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(command)) => Err(command),
        }
    }
}

/// Starts the thread.
///
/// # Errors
/// When the system gives no more threads or descriptors.
pub(crate) fn start(config: ShardConfig) -> io::Result<(ShardHandle, JoinHandle<()>)> {
    let (commands, inbox) = mpsc::channel(MOST_COMMANDS);
    let (waker, sleeper) = wake::pair()?;
    let waker = Arc::new(waker);
    let [relayed, streamed] = [(); 2].map(|()| {
        let (mailbox, woken) = (Mailbox::with_room(0, 0), waker.clone());
        mailbox.set_wake(move || woken.wake());
        mailbox
    });
    let inboxes = [relayed.clone(), streamed.clone()];
    let engine = WorkerConfig { candidates: config.candidates.clone(), seed: config.env.bytes() };
    let thread = std::thread::Builder::new()
        .name(format!("media-{}", config.index))
        .spawn(move || run::Shard::new(config, engine, inbox, sleeper, inboxes).run())?;
    Ok((ShardHandle { commands, waker, relayed, streamed }, thread))
}
