//! Mixed listening: who asks for it is sent one stream, the mix of all others, instead of each one.
//!
//! One thread decodes, mixes and encodes for all calls in which somebody listens mixed, and taps no other. To the shards
//! its mixes are one more part of a room (`sfu::Mix`), so that redundancy, numbers and slots are those of all sound; they
//! never wait for it, and a listener whose mix ends hears each one again. `room` decides, `run` has the hands.

mod room;
mod run;
mod stream;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, io, thread::JoinHandle};

use voxlink_sfu::{PeerId, PersonId, RoomId};

use crate::{control::Control, taps::CallTaps};

/// Wishes that wait; it looks 50 times a second.
const MOST_ORDERS: usize = 4_096;
/// Streams encoded at the same time, of all calls: what half a processor can do.
const MOST_STREAMS: usize = 64;
/// Calls that are mixed at the same time: each may decode sixteen voices.
const MOST_ROOMS: usize = 16;

/// How much a mix takes, redundancy apart: few steps, so that listeners share encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rate {
    /// 16 kbit/s: words.
    Low,
    /// 32 kbit/s: voices.
    Middle,
    /// 64 kbit/s: music as well, in stereo where it is.
    High,
}

impl Rate {
    /// Bits a second.
    pub(crate) const fn bitrate(self) -> u32 {
        match self {
            Self::Low => 16_000,
            Self::Middle => 32_000,
            Self::High => 64_000,
        }
    }

    /// The highest that takes no more than this.
    pub(crate) const fn within(bitrate: u32) -> Self {
        match bitrate {
            64_000.. => Self::High,
            32_000.. => Self::Middle,
            _ => Self::Low,
        }
    }

    pub(crate) const fn lower(self) -> Self {
        match self {
            Self::Low | Self::Middle => Self::Low,
            Self::High => Self::Middle,
        }
    }

    pub(crate) const fn higher(self) -> Self {
        match self {
            Self::Low => Self::Middle,
            Self::Middle | Self::High => Self::High,
        }
    }
}

/// How somebody wants to hear the mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) rate: Rate,
    /// Percent of sound that is lost on the way to them, in steps.
    pub(crate) loss: u8,
    /// They hear their own person as well: who watches is not who speaks.
    pub(crate) hears_self: bool,
    /// Whom they do not want to hear.
    pub(crate) without: BTreeSet<PersonId>,
}

/// What the thread is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// This transport hears the mix from now on, or another one; `None`: each one again.
    Listen { room: RoomId, peer: PeerId, wish: Option<Wish> },
    /// Ends the thread.
    Stop,
}

/// Asks the thread.
pub(crate) type Orders = crate::orders::Orders<Order>;
/// Orders that wait for the thread.
pub(crate) type Inbox = crate::orders::Inbox<Order>;

/// Both ends of the thread's queue.
pub(crate) fn orders() -> (Orders, Inbox) {
    crate::orders::orders(MOST_ORDERS, "the mixer does not keep up")
}

/// Starts the thread.
///
/// # Errors
/// When the system gives no more threads.
pub(crate) fn start(
    inbox: Inbox,
    taps: CallTaps,
    control: Control,
    env: voxlink_service_kit::Env,
) -> io::Result<JoinHandle<()>> {
    let hands = run::Hands::new(inbox, taps, control, env);
    std::thread::Builder::new().name("media-mixer".to_owned()).spawn(move || hands.run())
}
