//! `recvmmsg`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
    time::Duration,
};

use super::{
    BATCH, CONTROL_BYTES, Control,
    address::{RawAddress, canonical},
};

/// Bytes kept of a datagram: more than any path carries. Longer ones are cut and will not authenticate.
const SLOT_BYTES: usize = 2048;

/// One received datagram's envelope; its bytes are in the inbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    /// Who sent it.
    pub(crate) from: SocketAddr,
    /// Which of our addresses it came to, when the socket tells.
    pub(crate) to: Option<IpAddr>,
    /// When it came (Unix time), when the socket tells.
    pub(crate) at: Option<Duration>,
    /// It was longer than a slot.
    pub(crate) is_cut: bool,
    slot: usize,
    /// Of its bytes.
    pub(crate) length: usize,
}

/// The buffers of one batch of `N` datagrams.
pub(crate) struct Inbox<const N: usize = BATCH> {
    slab: Box<[u8]>,
    /// Bytes left free before and behind each datagram.
    room: [usize; 2],
    names: Box<[RawAddress; N]>,
    controls: Box<[Control; N]>,
    datagrams: Vec<Datagram>,
}

impl<const N: usize> Inbox<N> {
    pub(crate) fn new() -> Self {
        Self::with_room(0, 0)
    }

    /// Leaves so many bytes free before and behind each datagram, for headers that are written in place.
    pub(crate) fn with_room(before: usize, behind: usize) -> Self {
        Self {
            slab: vec![0; N * (before + SLOT_BYTES + behind)].into_boxed_slice(),
            room: [before, behind],
            names: Box::new([RawAddress::empty(); N]),
            controls: Box::new([Control::EMPTY; N]),
            datagrams: Vec::with_capacity(N),
        }
    }

    fn slot_bytes(&self) -> usize {
        self.room[0] + SLOT_BYTES + self.room[1]
    }

    /// Takes what is waiting, at most `N`, without blocking; the number taken.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.datagrams.clear();
        let mut iovecs = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; N];
        // SAFETY: an all-zero `mmsghdr` is a valid value: null pointers with lengths of zero.
        let mut headers: [libc::mmsghdr; N] = unsafe { std::mem::zeroed() };
        let (before, slot_bytes) = (self.room[0], self.slot_bytes());
        for (index, slot) in self.slab.chunks_exact_mut(slot_bytes).enumerate() {
            let slot = &mut slot[before..before + SLOT_BYTES];
            iovecs[index] = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: SLOT_BYTES };
            let header = &mut headers[index].msg_hdr;
            header.msg_iov = &raw mut iovecs[index];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = RawAddress::CAPACITY;
            header.msg_control = (&raw mut self.controls[index]).cast();
            header.msg_controllen = CONTROL_BYTES;
        }
        // SAFETY: every header points at buffers of the stated lengths that belong to `self` or this frame, do not
        // overlap and outlive the call; the kernel keeps no pointer afterwards.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                N as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (slot, header) in headers.iter().enumerate().take(count) {
            let Some(from) = self.names[slot].decode() else { continue };
            let length = (header.msg_len as usize).min(SLOT_BYTES);
            let is_cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let (to, at) = arrival(&header.msg_hdr);
            self.datagrams.push(Datagram { from, to, at, is_cut, slot, length });
        }
        Ok(count)
    }

    /// How many datagrams the last batch holds.
    pub(crate) fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// A datagram of the last batch and its bytes.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<(Datagram, &mut [u8])> {
        let before = self.room[0];
        let (datagram, slot) = self.slot_mut(index)?;
        Some((datagram, slot.get_mut(before..before + datagram.length)?))
    }

    /// The same with the room around it.
    pub(crate) fn slot_mut(&mut self, index: usize) -> Option<(Datagram, &mut [u8])> {
        let datagram = *self.datagrams.get(index)?;
        let (start, end) = (datagram.slot * self.slot_bytes(), self.room[0] + datagram.length + self.room[1]);
        Some((datagram, self.slab.get_mut(start..start + end)?))
    }
}

/// Reads `IP_PKTINFO` or `IPV6_PKTINFO`, and `SO_TIMESTAMPNS`.
fn arrival(header: &libc::msghdr) -> (Option<IpAddr>, Option<Duration>) {
    let (mut to, mut at) = (None, None);
    // SAFETY: the kernel has filled `msg_control` up to `msg_controllen`; the CMSG functions stay within it.
    let mut cursor = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !cursor.is_null() {
        // SAFETY: `cursor` is a header within the control buffer, aligned as `Control` is.
        let (level, kind, data) =
            unsafe { ((*cursor).cmsg_level, (*cursor).cmsg_type, libc::CMSG_DATA(cursor)) };
        if level == libc::IPPROTO_IP && kind == libc::IP_PKTINFO {
            // SAFETY: a message of this type carries an `in_pktinfo`; its data may be unaligned.
            let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
            to = Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into());
        }
        if level == libc::IPPROTO_IPV6 && kind == libc::IPV6_PKTINFO {
            // SAFETY: a message of this type carries an `in6_pktinfo`; its data may be unaligned.
            let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
            to = Some(canonical(Ipv6Addr::from(info.ipi6_addr.s6_addr).into()));
        }
        if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPNS {
            // SAFETY: a message of this type carries a `timespec`; its data may be unaligned.
            let stamp = unsafe { data.cast::<libc::timespec>().read_unaligned() };
            at = Some(Duration::new(stamp.tv_sec.max(0).cast_unsigned(), stamp.tv_nsec.max(0) as u32));
        }
        // SAFETY: as for the first header.
        cursor = unsafe { libc::CMSG_NXTHDR(header, cursor) };
    }
    (to, at)
}
