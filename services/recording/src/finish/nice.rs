//! The priority of a thread, and programs that do not outlive us.
#![allow(unsafe_code)]

use std::{io, os::unix::process::CommandExt as _, process::Command};

/// As `nice -n 10`.
const NICENESS: libc::c_int = 10;

/// Lets other threads have the processor first, for as long as this thread lives. Calls come before recordings.
pub(crate) fn yield_to_others() {
    // SAFETY: the call takes three numbers and touches no memory of ours. On Linux it is about the calling thread alone.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
}

/// Has the system end the program when the thread that starts it is gone: a kill of the server leaves nothing running.
pub(crate) fn dies_with_us(command: &mut Command) -> &mut Command {
    let ask = || {
        // SAFETY: the call takes two numbers and touches no memory of ours; it may be made between fork and exec.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: `ask` makes one system call and reads errno: it allocates nothing and takes no lock.
    unsafe { command.pre_exec(ask) }
}
