//! The system calls that neither std nor socket2 offer: batched receive and send, waiting, pinning, interfaces.
//!
//! This is the only place of the crate with `unsafe`. Nothing here decides anything: every function is one call of
//! the kernel with its arguments packed and its results unpacked.
#![allow(unsafe_code)]

mod address;
mod interfaces;
mod receive;
mod send;
mod sort;
mod wait;

pub(crate) use interfaces::interface_addresses;
pub(crate) use receive::Inbox;
pub(crate) use send::{Outgoing, send_batch};
pub(crate) use sort::take_reports_apart;
#[cfg(test)]
pub(crate) use wait::own_network;
pub(crate) use wait::{
    forbid_fragments, force_buffers, pin_to_cpu, tell_arrival_address, tell_arrival_time, wait_readable,
};

/// Messages per `recvmmsg` and `sendmmsg`: past this the calls no longer get cheaper per packet.
pub(crate) const BATCH: usize = 64;

/// Room for one `in6_pktinfo` (20 bytes), one `timespec` (16 bytes) and one `UDP_SEGMENT` (2 bytes) with their headers, and
/// for a second packet-info of the other family: a dual-stack socket may deliver both.
const CONTROL_BYTES: usize = 128;

/// A control buffer with the alignment of `cmsghdr`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

impl Control {
    const EMPTY: Self = Self([0; CONTROL_BYTES]);
}
