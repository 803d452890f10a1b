//! `sendmmsg`, with segmentation offload (`UDP_SEGMENT`) and a chosen source address (`IP_PKTINFO`).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use super::{CONTROL_BYTES, Control, address::RawAddress};

/// One message to the kernel: one datagram, or several of `segment` bytes that it cuts itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    /// To whom.
    pub(crate) to: SocketAddr,
    /// From which of our addresses; `None` lets the kernel choose.
    pub(crate) from: Option<IpAddr>,
    /// The payload.
    pub(crate) bytes: &'a [u8],
    /// Size of each datagram but the last, when there are several.
    pub(crate) segment: Option<u16>,
}

/// Sends up to `N` messages without blocking; how many the kernel took. An error is about the first one. A small `N`
/// spares a lone message the set-up of a whole batch.
pub(crate) fn send_batch<const N: usize>(
    socket: BorrowedFd<'_>,
    socket_is_v6: bool,
    messages: &[Outgoing<'_>],
) -> io::Result<usize> {
    if let [message] = messages
        && message.from.is_none()
        && message.segment.is_none()
    {
        return send_one(socket, socket_is_v6, message);
    }
    let messages = &messages[..messages.len().min(N)];
    let mut names = [RawAddress::empty(); N];
    let mut controls = [Control::EMPTY; N];
    let mut iovecs = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; N];
    // SAFETY: an all-zero `mmsghdr` is a valid value: null pointers with lengths of zero.
    let mut headers: [libc::mmsghdr; N] = unsafe { std::mem::zeroed() };
    for (index, message) in messages.iter().enumerate() {
        let (name, name_length) = RawAddress::encode(message.to, socket_is_v6);
        names[index] = name;
        // The kernel only reads through this pointer, though its type says otherwise.
        iovecs[index] =
            libc::iovec { iov_base: message.bytes.as_ptr().cast_mut().cast(), iov_len: message.bytes.len() };
        let header = &mut headers[index].msg_hdr;
        header.msg_name = (&raw mut names[index]).cast();
        header.msg_namelen = name_length;
        header.msg_iov = &raw mut iovecs[index];
        header.msg_iovlen = 1;
        write_control(header, &mut controls[index], message, socket_is_v6);
    }
    // SAFETY: the headers point at names, control buffers and payloads that live in this frame or are borrowed for
    // the call, with their true lengths; the kernel copies and keeps no pointer.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            messages.len() as libc::c_uint,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// A lone datagram with nothing said about it: the kernel copies no headers.
fn send_one(socket: BorrowedFd<'_>, socket_is_v6: bool, message: &Outgoing<'_>) -> io::Result<usize> {
    let (name, length) = RawAddress::encode(message.to, socket_is_v6);
    // SAFETY: payload and name live until the call returns, with their true lengths.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            message.bytes.as_ptr().cast(),
            message.bytes.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            (&raw const name).cast(),
            length,
        )
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(1) }
}

fn write_control(
    header: &mut libc::msghdr,
    control: &mut Control,
    message: &Outgoing<'_>,
    socket_is_v6: bool,
) {
    if message.from.is_none() && message.segment.is_none() {
        return;
    }
    header.msg_control = (&raw mut *control).cast();
    header.msg_controllen = CONTROL_BYTES;
    let mut used = 0;
    match message.from {
        Some(IpAddr::V4(ip)) if !socket_is_v6 => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            used += put(control, used, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        Some(ip) => {
            let v6 = match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            let info =
                libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: v6.octets() }, ipi6_ifindex: 0 };
            used += put(control, used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
        None => {}
    }
    if let Some(segment) = message.segment {
        used += put(control, used, libc::SOL_UDP, libc::UDP_SEGMENT, segment);
    }
    header.msg_controllen = used;
}

/// Writes one control message at `offset`; the bytes it takes with its padding.
fn put<T: Copy>(
    control: &mut Control,
    offset: usize,
    level: libc::c_int,
    kind: libc::c_int,
    value: T,
) -> usize {
    let size = size_of::<T>() as libc::c_uint;
    // SAFETY: pure arithmetic on a length.
    let (space, length) = unsafe { (libc::CMSG_SPACE(size) as usize, libc::CMSG_LEN(size) as usize) };
    let room = control.0.get_mut(offset..offset + space);
    let Some(room) = room else { return 0 };
    let header = room.as_mut_ptr().cast::<libc::cmsghdr>();
    // SAFETY: `room` holds `CMSG_SPACE(size_of::<T>())` writable bytes: the header, then the value. Offsets are sums
    // of `CMSG_SPACE`, so the header keeps the alignment of `Control`; the value is written without needing any.
    unsafe {
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = length;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
    }
    space
}
