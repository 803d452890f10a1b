//! The priority of a thread.
#![allow(unsafe_code)]

/// As `nice -n 10`.
const NICENESS: libc::c_int = 10;

/// Lets other threads have the processor first, for as long as this thread lives. Calls come before recordings.
pub(super) fn yield_to_others() {
    // SAFETY: the call takes three numbers and touches no memory of ours. On Linux it is about the calling thread alone.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
}
