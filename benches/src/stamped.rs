//! Datagrams with the moment the kernel had them for us (`SO_TIMESTAMPNS`), so that a latency ends where the server's
//! work ends and not when one of hundreds of clients in this process gets its turn.

#![allow(unsafe_code)]

use std::{
    io,
    mem::{size_of, zeroed},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::AsRawFd,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::{io::Interest, net::UdpSocket};

/// Room for one `scm_timestamp`, aligned as a `cmsghdr`.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Nanoseconds since 1970, the clock of the kernel's stamps.
pub(crate) fn clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// From here on datagrams of this socket are stamped.
pub(crate) fn ask_for_stamps(socket: &UdpSocket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer and the length describe `on`.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The next datagram that waits, from where, and when it came ([`clock`]; 0 without a stamp).
///
/// # Errors
/// `WouldBlock` when none waits.
pub(crate) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, u64)> {
    socket.try_io(Interest::READABLE, || receive_now(socket.as_raw_fd(), buffer))
}

fn receive_now(socket: libc::c_int, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, u64)> {
    // SAFETY: all-zero bytes are valid for these plain structs.
    let (mut name, mut header): (libc::sockaddr_in, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
    let mut control = Control([0; 64]);
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: every pointer in `header` outlives the call and is as long as it says.
    let length = unsafe { libc::recvmsg(socket, &raw mut header, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let mut stamp = 0;
    // SAFETY: the kernel filled `control` up to `msg_controllen`; the macros stay within it.
    unsafe {
        let mut cursor = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(said) = cursor.as_ref() {
            if said.cmsg_level == libc::SOL_SOCKET && said.cmsg_type == libc::SCM_TIMESTAMPNS {
                let time: libc::timespec = libc::CMSG_DATA(cursor).cast::<libc::timespec>().read_unaligned();
                stamp = time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs();
            }
            cursor = libc::CMSG_NXTHDR(&raw const header, cursor);
        }
    }
    let address = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
    Ok((length, SocketAddrV4::new(address, u16::from_be(name.sin_port)).into(), stamp))
}
