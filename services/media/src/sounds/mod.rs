//! Sounds that people play in a call: a soundboard's, which everybody there hears, whoever listens how.
//!
//! One thread sends them. To the shards each person who plays something is a member of another part of the room
//! (`sfu::Mix::of_sounds`), and so it is to whoever taps the call: mixes, recordings and broadcasts hear it as well. The
//! packets are there before, so that playing one costs no more than handing them on. A file of a message is played the same
//! way (`feed` makes its packets, a little ahead). `player` says which is next, `run`
//! has the hands, `shelf` keeps what is played often, `http` is the door.

mod feed;
pub(crate) mod file_http;
pub(crate) mod http;
mod player;
mod run;
mod shelf;

use std::{io, sync::Arc, thread::JoinHandle};

pub(crate) use feed::Feed;
pub(crate) use shelf::Shelf;
use voxlink_audio::import::Frame;
use voxlink_service_kit::Env;
use voxlink_sfu::{PeerId, PersonId, RoomId};

use crate::{control::Control, taps::CallTaps};

/// Orders that wait; it looks 50 times a second.
const MOST_ORDERS: usize = 1_024;
/// Calls in which something is played at the same time.
const MOST_ROOMS: usize = 256;

/// What the thread is asked.
#[derive(Debug)]
pub(crate) enum Order {
    /// This person plays this from now on, in place of what they played before.
    Play { room: RoomId, peer: PeerId, person: PersonId, frames: Arc<[Frame]> },
    /// This person plays this file from now on, in place of the one before; their sounds interrupt it.
    File { room: RoomId, peer: PeerId, person: PersonId, feed: Feed },
    /// Holds the file, or goes on with it.
    Pause { room: RoomId, peer: PeerId, paused: bool },
    /// The file is over.
    EndFile { room: RoomId, peer: PeerId },
    /// What they play is over, and so is their source.
    Silence { room: RoomId, peer: PeerId },
    /// Ends the thread.
    Stop,
}

/// Asks the thread.
pub(crate) type Orders = crate::orders::Orders<Order>;
/// Orders that wait for the thread.
pub(crate) type Inbox = crate::orders::Inbox<Order>;

/// Both ends of the thread's queue.
pub(crate) fn orders() -> (Orders, Inbox) {
    crate::orders::orders(MOST_ORDERS, "sounds are not played: the thread does not keep up")
}

/// Starts the thread.
///
/// # Errors
/// When the system gives no more threads.
pub(crate) fn start(inbox: Inbox, taps: CallTaps, control: Control, env: Env) -> io::Result<JoinHandle<()>> {
    let hands = run::Hands::new(inbox, taps, control, env);
    std::thread::Builder::new().name("media-sounds".to_owned()).spawn(move || hands.run())
}
