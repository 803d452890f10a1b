//! Waiting for one of some descriptors, socket switches, and staying on one processor.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
    time::Duration,
};

/// Sleeps until one of the descriptors can be read or the time is over; which of them can. Interruptions count as time
/// over.
pub(crate) fn wait_readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    timeout: Duration,
) -> io::Result<[bool; N]> {
    let mut entries =
        descriptors.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos().cast_signed()),
    };
    // SAFETY: initialised entries and a timeout on this frame; a null signal mask means "unchanged".
    let ready = unsafe {
        libc::ppoll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, &raw const timeout, ptr::null())
    };
    if ready >= 0 {
        return Ok(entries.map(|entry| entry.revents != 0));
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted { Ok([false; N]) } else { Err(error) }
}

/// Binds the calling thread to the `index`-th of the processors it may use (counting around).
pub(crate) fn pin_to_cpu(index: usize) -> io::Result<()> {
    // SAFETY: a `cpu_set_t` is a plain bit field; all zeroes is the empty set.
    let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is writable and of the stated size; thread 0 is the caller.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut allowed) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: indices stay below CPU_SETSIZE.
    let cpus: Vec<usize> =
        (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &allowed) }).collect();
    let Some(cpu) = cpus.get(index % cpus.len().max(1)) else { return Ok(()) };
    // SAFETY: as above.
    let mut chosen: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` came out of a set of this size; the set is initialised and of the stated size.
    let outcome = unsafe {
        libc::CPU_SET(*cpu, &mut chosen);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const chosen)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks the kernel to tell with each datagram which of our addresses it came to.
pub(crate) fn tell_arrival_address(socket: BorrowedFd<'_>, socket_is_v6: bool) -> io::Result<()> {
    let (level, option) = if socket_is_v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    };
    set_option(socket, level, option, 1)
}

/// Asks the kernel to tell with each datagram when it came.
pub(crate) fn tell_arrival_time(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)
}

/// Sets both buffers beyond the system's limit, which takes `CAP_NET_ADMIN` (root has it).
pub(crate) fn force_buffers(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)?;
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes)
}

/// Whether what is sent from now on may leave in pieces; what must not and is too long for its path is refused by the
/// kernel (`EMSGSIZE`).
pub(crate) fn forbid_fragments(socket: BorrowedFd<'_>, socket_is_v6: bool, forbid: bool) -> io::Result<()> {
    let (level, option, whole, pieces) = if socket_is_v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO, libc::IPV6_PMTUDISC_WANT)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO, libc::IP_PMTUDISC_WANT)
    };
    set_option(socket, level, option, if forbid { whole } else { pieces })
}

/// Gives the calling thread, and what it starts, a network of its own without anything in it. Needs root.
#[cfg(test)]
pub(crate) fn own_network() -> io::Result<()> {
    // SAFETY: it only changes what sockets of this thread see from now on.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option takes an int, which lives on this frame.
    let outcome =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
