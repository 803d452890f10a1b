//! The three things that need a system call of their own: a TUN device, waiting for several descriptors with
//! nanoseconds, and hearing of SIGINT and SIGTERM as of anything else that can be read.
#![allow(unsafe_code)]

use std::{
    fs::{File, OpenOptions},
    io, mem,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd},
    ptr,
    time::Duration,
};

/// `IFNAMSIZ` without the closing zero.
const LONGEST_NAME: usize = libc::IFNAMSIZ - 1;

/// A new point-to-point device in this process's own namespace; it goes when the file is closed.
///
/// # Errors
/// When there is no `/dev/net/tun`, or no right to it (CAP_NET_ADMIN), or the name is taken.
pub(crate) fn open_tun(name: &str) -> io::Result<File> {
    assert!(name.len() <= LONGEST_NAME, "names are made here");
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: all zeroes is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the descriptor is open; TUNSETIFF reads and writes one `ifreq`, which lives on this frame.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    set_nonblocking(file.as_raw_fd())?;
    Ok(file)
}

fn set_nonblocking(fd: RawFd) -> io::Result<()> {
    // SAFETY: plain flag calls on an open descriptor.
    let outcome = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK)
    };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Readable once SIGINT or SIGTERM has come; they end nothing by themselves any more.
///
/// # Errors
/// When the kernel has no signalfd.
pub(crate) fn catch_endings() -> io::Result<File> {
    // SAFETY: the set is made by `sigemptyset` before it is used; the new descriptor is nobody else's.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(File::from_raw_fd(fd)) }
    }
}

/// Sleeps until a descriptor can be read, or the time is over; says which can (or have ended).
///
/// # Errors
/// What `ppoll` says, interruptions apart.
pub(crate) fn wait_readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut entries =
        descriptors.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: N initialised entries and the timeout live on this frame; a null signal mask means "unchanged".
    let ready = unsafe { libc::ppoll(entries.as_mut_ptr(), N as libc::nfds_t, timeout, ptr::null()) };
    if ready < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok([false; N]) } else { Err(error) };
    }
    Ok(entries.map(|entry| entry.revents != 0))
}
