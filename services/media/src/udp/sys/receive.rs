//! `recvmmsg`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use super::{
    BATCH, CONTROL_BYTES, Control,
    address::{RawAddress, canonical},
};

/// Bytes kept of a datagram: more than any path carries. Longer ones are cut and will not authenticate.
const SLOT_BYTES: usize = 2048;

/// One received datagram's envelope; its bytes are in [`Inbox::bytes`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    /// Who sent it.
    pub(crate) from: SocketAddr,
    /// Which of our addresses it came to, when the socket tells.
    pub(crate) to: Option<IpAddr>,
    slot: usize,
    length: usize,
}

/// The buffers of one batch.
pub(crate) struct Inbox {
    slab: Box<[u8]>,
    names: Box<[RawAddress; BATCH]>,
    controls: Box<[Control; BATCH]>,
    datagrams: Vec<Datagram>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            slab: vec![0; BATCH * SLOT_BYTES].into_boxed_slice(),
            names: Box::new([RawAddress::empty(); BATCH]),
            controls: Box::new([Control::EMPTY; BATCH]),
            datagrams: Vec::with_capacity(BATCH),
        }
    }

    /// Takes what is waiting, at most [`BATCH`], without blocking; the number taken.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.datagrams.clear();
        let mut iovecs = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
        // SAFETY: an all-zero `mmsghdr` is a valid value: null pointers with lengths of zero.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        let slots = self.slab.chunks_exact_mut(SLOT_BYTES);
        for (index, slot) in slots.enumerate() {
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
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (slot, header) in headers.iter().enumerate().take(count) {
            let Some(from) = self.names[slot].decode() else { continue };
            let length = (header.msg_len as usize).min(SLOT_BYTES);
            self.datagrams.push(Datagram { from, to: arrival_address(&header.msg_hdr), slot, length });
        }
        Ok(count)
    }

    /// How many datagrams the last batch holds.
    pub(crate) fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// A datagram of the last batch and its bytes.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<(Datagram, &mut [u8])> {
        let datagram = *self.datagrams.get(index)?;
        let start = datagram.slot * SLOT_BYTES;
        Some((datagram, self.slab.get_mut(start..start + datagram.length)?))
    }
}

/// Reads `IP_PKTINFO` or `IPV6_PKTINFO`.
fn arrival_address(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel has filled `msg_control` up to `msg_controllen`; the CMSG functions stay within it.
    let mut cursor = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !cursor.is_null() {
        // SAFETY: `cursor` is a header within the control buffer, aligned as `Control` is.
        let (level, kind, data) =
            unsafe { ((*cursor).cmsg_level, (*cursor).cmsg_type, libc::CMSG_DATA(cursor)) };
        if level == libc::IPPROTO_IP && kind == libc::IP_PKTINFO {
            // SAFETY: a message of this type carries an `in_pktinfo`; its data may be unaligned.
            let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
            return Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into());
        }
        if level == libc::IPPROTO_IPV6 && kind == libc::IPV6_PKTINFO {
            // SAFETY: a message of this type carries an `in6_pktinfo`; its data may be unaligned.
            let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
            return Some(canonical(Ipv6Addr::from(info.ipi6_addr.s6_addr).into()));
        }
        // SAFETY: as for the first header.
        cursor = unsafe { libc::CMSG_NXTHDR(header, cursor) };
    }
    None
}
