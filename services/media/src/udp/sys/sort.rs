//! Two sockets of one port, and which datagrams go to the second.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

/// One step of a classic BPF program (Linux, `Documentation/networking/filter`).
const fn step(code: u32, value: u32, if_true: u8, if_false: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: if_true, jf: if_false, k: value }
}

const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const AND: u32 = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
const IS_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// The second socket for reports (RFC 3550 section 6.4) and transport-wide feedback (type 205, format 15), the first for all
/// else: media, handshakes, checks, what asks for packets or key frames by itself (RFC 5506), and what else of RTCP is rare.
/// A load behind the end of a datagram ends the program with 0.
const REPORTS_APART: [libc::sock_filter; 12] = [
    step(LOAD_BYTE, 0, 0, 0),
    step(AND, 0b1100_0000, 0, 0),
    step(IS_EQUAL, 0b1000_0000, 0, 8),
    step(LOAD_BYTE, 1, 0, 0),
    step(IS_EQUAL, 200, 5, 0),
    step(IS_EQUAL, 201, 4, 0),
    step(IS_EQUAL, 205, 0, 4),
    step(LOAD_BYTE, 0, 0, 0),
    step(AND, 0b0001_1111, 0, 0),
    step(IS_EQUAL, 15, 0, 1),
    step(RETURN, 1, 0, 0),
    step(RETURN, 0, 0, 0),
];

/// From now on the socket that is bound second to this one's port (both with `SO_REUSEPORT`) gets the reports. To be said
/// before the first is bound.
pub(crate) fn take_reports_apart(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut steps = REPORTS_APART;
    let program = libc::sock_fprog { len: steps.len() as libc::c_ushort, filter: steps.as_mut_ptr() };
    // SAFETY: the program and its steps live on this frame, and the kernel copies them.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
