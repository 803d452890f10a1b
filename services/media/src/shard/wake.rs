//! Waking a shard out of its wait: a byte through a socket pair.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

/// The end that wakes.
#[derive(Debug)]
pub(super) struct Waker(UnixStream);

/// The end that is waited on.
pub(super) struct Sleeper(UnixStream);

pub(super) fn pair() -> io::Result<(Waker, Sleeper)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    Ok((Waker(ours), Sleeper(theirs)))
}

impl Waker {
    /// Never blocks: a full pipe means that the shard is being woken already.
    pub(super) fn wake(&self) {
        let _already = (&self.0).write(&[1]);
    }
}

impl Sleeper {
    /// Forgets all wakes so far.
    pub(super) fn reset(&self) {
        let mut bytes = [0; 256];
        while matches!((&self.0).read(&mut bytes), Ok(256)) {}
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
