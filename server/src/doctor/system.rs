//! What only the operating system knows.
#![allow(unsafe_code)]

use std::{ffi::CString, os::unix::ffi::OsStrExt as _, path::Path};

/// What this user may still write to the file system of this folder, in bytes; `None` where there is no such folder.
pub(crate) fn free_bytes(place: &Path) -> Option<u64> {
    let path = CString::new(place.as_os_str().as_bytes()).ok()?;
    // SAFETY: an all-zero `statvfs` is a valid value of that plain struct.
    let mut known: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero byte and both live on this stack for the whole call.
    let found = unsafe { libc::statvfs(path.as_ptr(), &raw mut known) } == 0;
    found.then(|| known.f_bavail.saturating_mul(known.f_frsize))
}

/// Whether something (NTP) keeps the clock right; `None` where that is not told.
pub(super) fn clock_is_kept() -> Option<bool> {
    // SAFETY: an all-zero `timex` asks for nothing to be changed and is a valid value of that plain struct.
    let mut known: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the call only writes to the struct, which lives on this stack.
    let state = unsafe { libc::adjtimex(&raw mut known) };
    let is_kept = state != libc::TIME_ERROR && known.status & libc::STA_UNSYNC == 0;
    (state >= 0).then_some(is_kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_where_there_is_a_folder() {
        assert!(free_bytes(Path::new("/")).is_some());
        assert!(free_bytes(Path::new("/nowhere/at/all")).is_none());
    }
}
