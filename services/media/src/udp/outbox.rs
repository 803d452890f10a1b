//! What waits to be sent: copied into one slab, handed to the kernel in few calls.
//!
//! The engine lends each transmit only until the next one, so a batch needs a copy: about 20 ns per packet against
//! the microseconds that the kernel takes for it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::Range,
    os::fd::BorrowedFd,
};

use super::sys::{self, BATCH, Outgoing};
use crate::counters::ShardCounters;

/// Flushed when the next transmit would not fit.
const SLAB_BYTES: usize = 256 * 1024;
/// Linux `UDP_MAX_SEGMENTS` before 6.9.
const MOST_SEGMENTS: usize = 64;
/// What one segmented send may carry: an IPv4 packet's 65,535 bytes without its headers, rounded down.
const MOST_BYTES: usize = 65_000;
/// What every path carries without fragments: IPv6's smallest packet of 1,280 bytes less its headers. Only up to here
/// does a refused segmentation say something of the machine, and not of one path.
const ANY_PATH: usize = 1_232;

#[derive(Clone, Debug)]
struct Entry {
    to: SocketAddr,
    from: Option<IpAddr>,
    range: Range<usize>,
    segment: Option<u16>,
}

impl Entry {
    fn datagrams(&self) -> usize {
        self.segment.map_or(1, |segment| self.range.len().div_ceil(usize::from(segment)))
    }
}

pub(crate) struct Outbox {
    slab: Vec<u8>,
    entries: Vec<Entry>,
    socket_is_v6: bool,
    /// Off for good once the kernel or the network card refused it.
    segmentation: bool,
}

impl Outbox {
    pub(crate) fn new(socket_is_v6: bool) -> Self {
        Self {
            slab: Vec::with_capacity(SLAB_BYTES),
            entries: Vec::with_capacity(BATCH),
            socket_is_v6,
            segmentation: true,
        }
    }

    pub(crate) fn push(
        &mut self,
        socket: BorrowedFd<'_>,
        counters: &ShardCounters,
        to: SocketAddr,
        from: Option<IpAddr>,
        bytes: &[u8],
        segment: Option<usize>,
    ) {
        let segment = segment.filter(|size| *size > 0 && *size < bytes.len());
        let Some(size) = segment else { return self.push_one(socket, counters, to, from, bytes, None) };
        let per_send = match u16::try_from(size) {
            Ok(_) if self.segmentation => MOST_SEGMENTS.min(MOST_BYTES / size).max(1),
            _ => 1,
        };
        for part in bytes.chunks(per_send * size) {
            let segment = u16::try_from(size).ok().filter(|_| part.len() > size);
            self.push_one(socket, counters, to, from, part, segment);
        }
    }

    /// Queues one datagram; those to one place that have one size leave as one message.
    pub(crate) fn push_to_run(
        &mut self,
        socket: BorrowedFd<'_>,
        counters: &ShardCounters,
        to: SocketAddr,
        from: Option<IpAddr>,
        bytes: &[u8],
    ) {
        if !self.segmentation || !self.extend_run(to, from, bytes) {
            self.push_one(socket, counters, to, from, bytes, None);
        }
    }

    /// Only the last datagram of a run may be shorter than the others.
    fn extend_run(&mut self, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) -> bool {
        let Some(last) = self.entries.last_mut().filter(|last| last.to == to && last.from == from) else {
            return false;
        };
        let size = last.segment.map_or(last.range.len(), usize::from);
        let is_open = size > 0 && size <= ANY_PATH && last.range.len().is_multiple_of(size);
        let fits = (1..=size).contains(&bytes.len())
            && last.datagrams() < MOST_SEGMENTS
            && last.range.len() + bytes.len() <= MOST_BYTES
            && self.slab.len() + bytes.len() <= SLAB_BYTES;
        if is_open && fits {
            last.segment = u16::try_from(size).ok();
            self.slab.extend_from_slice(bytes);
            last.range.end = self.slab.len();
        }
        is_open && fits
    }

    fn push_one(
        &mut self,
        socket: BorrowedFd<'_>,
        counters: &ShardCounters,
        to: SocketAddr,
        from: Option<IpAddr>,
        bytes: &[u8],
        segment: Option<u16>,
    ) {
        if self.entries.len() == BATCH || self.slab.len() + bytes.len() > SLAB_BYTES {
            self.flush(socket, counters);
        }
        let start = self.slab.len();
        self.slab.extend_from_slice(bytes);
        self.entries.push(Entry { to, from, range: start..self.slab.len(), segment });
    }

    /// Sends one datagram now, in one piece or not at all.
    pub(crate) fn send_whole(
        &mut self,
        socket: BorrowedFd<'_>,
        counters: &ShardCounters,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        self.flush(socket, counters);
        if sys::forbid_fragments(socket, self.socket_is_v6, true).is_err() {
            return counters.send_errors.add(1);
        }
        self.push_one(socket, counters, to, None, bytes, None);
        self.flush(socket, counters);
        // It was allowed to be set, so it is to be set back.
        let _never = sys::forbid_fragments(socket, self.socket_is_v6, false);
    }

    pub(crate) fn flush(&mut self, socket: BorrowedFd<'_>, counters: &ShardCounters) {
        let mut done = 0;
        while done < self.entries.len() {
            match self.send(socket, &self.entries[done..]) {
                Ok(sent) => {
                    for entry in &self.entries[done..done + sent] {
                        count_sent(counters, entry);
                    }
                    // The kernel reports an error only for the first message, so none sent without one cannot be.
                    done += sent.max(1);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // The send buffer is full: media that waits is worth less than media that is lost.
                    let dropped: usize = self.entries[done..].iter().map(Entry::datagrams).sum();
                    counters.dropped_out.add(dropped);
                    break;
                }
                Err(error) => {
                    let entry = self.entries[done].clone();
                    self.send_plainly(socket, counters, &entry, &error);
                    done += 1;
                }
            }
        }
        self.entries.clear();
        self.slab.clear();
    }

    /// The kernel refused a message: once more without what it may have refused. EIO: the network card cannot
    /// compute checksums of segments; EINVAL: segments too many or too large for the path, or our address is gone.
    fn send_plainly(
        &mut self,
        socket: BorrowedFd<'_>,
        counters: &ShardCounters,
        entry: &Entry,
        error: &io::Error,
    ) {
        let size = entry.segment.map_or(entry.range.len(), usize::from).max(1);
        let starts = entry.range.clone().step_by(size);
        let parts = starts.map(|start| start..(start + size).min(entry.range.end));
        let mut all_sent = true;
        for range in parts {
            let plain = Entry { range, segment: None, ..entry.clone() };
            let anywhere = Entry { from: None, ..plain.clone() };
            let sent = (entry.segment.is_some() && self.send(socket, std::slice::from_ref(&plain)).is_ok())
                || (entry.from.is_some() && self.send(socket, std::slice::from_ref(&anywhere)).is_ok());
            if sent {
                count_sent(counters, &plain);
            } else {
                counters.send_errors.add(1);
            }
            all_sent &= sent;
        }
        let refused = is_refused_everywhere(error, size);
        if entry.segment.is_some() && refused && all_sent && self.segmentation {
            tracing::info!(%error, "segmentation offload does not work here, sending packet by packet");
            self.segmentation = false;
        }
    }

    fn send(&self, socket: BorrowedFd<'_>, entries: &[Entry]) -> io::Result<usize> {
        match entries.len() {
            1 => self.send_up_to::<1>(socket, entries),
            2..8 => self.send_up_to::<8>(socket, entries),
            _ => self.send_up_to::<BATCH>(socket, entries),
        }
    }

    fn send_up_to<const N: usize>(&self, socket: BorrowedFd<'_>, entries: &[Entry]) -> io::Result<usize> {
        let mut messages = [Outgoing { to: entries[0].to, from: None, bytes: &[], segment: None }; N];
        for (message, entry) in messages.iter_mut().zip(entries) {
            *message = Outgoing {
                to: entry.to,
                from: entry.from,
                bytes: &self.slab[entry.range.clone()],
                segment: entry.segment,
            };
        }
        sys::send_batch::<N>(socket, self.socket_is_v6, &messages[..entries.len().min(N)])
    }

    #[cfg(test)]
    pub(crate) fn without_segmentation(&mut self) {
        self.segmentation = false;
    }
}

/// Whether a segmented send that failed shows that none will ever work here: no network card for it, or a kernel that
/// takes fewer segments. A size may be too large for one path only.
fn is_refused_everywhere(error: &io::Error, size: usize) -> bool {
    match error.raw_os_error() {
        Some(libc::EIO) => true,
        Some(libc::EINVAL) => size <= ANY_PATH,
        _ => false,
    }
}

fn count_sent(counters: &ShardCounters, entry: &Entry) {
    counters.sends.add(1);
    counters.packets_out.add(entry.datagrams());
    counters.bytes_out.add(entry.range.len());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{net::UdpSocket, os::fd::AsFd};

    use super::*;

    #[test]
    fn offload_that_the_kernel_refuses_is_given_up_and_nothing_is_lost() {
        let (alice, bob) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut outbox = Outbox::new(false);
        let counters = ShardCounters::default();
        let to = bob.local_addr().unwrap();
        // More segments than any kernel takes in one send.
        outbox.push_one(alice.as_fd(), &counters, to, None, &[9; 2000], Some(10));
        outbox.flush(alice.as_fd(), &counters);
        assert_eq!(counters.packets_out.get(), 200);
        assert!(!outbox.segmentation);
        let mut buffer = [0; 100];
        bob.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
        for _ in 0..200 {
            assert_eq!(bob.recv(&mut buffer).unwrap(), 10);
        }
        outbox.push(alice.as_fd(), &counters, to, None, &[9; 30], Some(10));
        assert_eq!(outbox.entries.len(), 3);
    }

    #[test]
    fn datagrams_of_one_size_to_one_place_leave_together_and_arrive_apart() {
        let (alice, bob) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let carol = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut outbox = Outbox::new(false);
        let counters = ShardCounters::default();
        let sizes = [
            (&bob, 100),
            (&bob, 100),
            (&bob, 60),
            (&bob, 60),
            (&carol, 60),
            (&bob, 60),
            (&bob, 0),
            (&bob, 61),
        ];
        for (to, size) in sizes {
            let to = to.local_addr().unwrap();
            outbox.push_to_run(alice.as_fd(), &counters, to, None, &vec![size; usize::from(size)]);
        }
        outbox.flush(alice.as_fd(), &counters);
        // 100 100 60 | 60 | carol's | 60 | nothing | 61
        assert_eq!((counters.sends.get(), counters.packets_out.get()), (6, 8));
        for (socket, expected) in [(&bob, &[100_u8, 100, 60, 60, 60, 0, 61][..]), (&carol, &[60])] {
            socket.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
            let mut buffer = [0; 128];
            for size in expected {
                let length = socket.recv(&mut buffer).unwrap();
                assert_eq!(buffer[..length], vec![*size; usize::from(*size)]);
            }
        }
    }

    #[test]
    fn a_size_that_one_path_refuses_leaves_segmentation_on_for_the_others() {
        let refused = |code, size| is_refused_everywhere(&io::Error::from_raw_os_error(code), size);
        assert!(refused(libc::EIO, 1_400) && refused(libc::EINVAL, 1_200));
        assert!(!refused(libc::EINVAL, 1_400) && !refused(libc::ENETUNREACH, 1_200));
    }
}
