//! A program of low priority beside the server that something goes into and something comes out of. Nobody waits for it.

use std::{
    io::{self, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel},
    thread,
};

use crate::finish::nice;

/// It has ended, by itself or because it could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

/// One process, ended when this is dropped, and with the thread that starts it.
pub(super) struct Pipe<Made> {
    child: Child,
    input: Option<SyncSender<Vec<u8>>>,
    output: Receiver<Made>,
}

impl<Made: Send + 'static> Pipe<Made> {
    /// Starts one. At most `most` pieces wait on either side. `read` turns what it writes into what is made, until either
    /// end is gone.
    ///
    /// # Errors
    /// When the system gives no process or thread.
    pub(super) fn start(
        program: &Path,
        arguments: &[&str],
        most: usize,
        read: fn(ChildStdout, &SyncSender<Made>),
    ) -> io::Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(program).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = nice::dies_with_us(&mut command).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (input, pieces) = sync_channel::<Vec<u8>>(most);
        let (made, output) = sync_channel(most);
        // From here on it is ended where this is dropped.
        let pipe = Self { child, input: Some(input), output };
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(io::Error::other("no pipes"));
        };
        thread::Builder::new().name("broadcast-feed".to_owned()).spawn(move || {
            for piece in pieces {
                if stdin.write_all(&piece).is_err() {
                    return;
                }
            }
        })?;
        thread::Builder::new().name("broadcast-made".to_owned()).spawn(move || read(stdout, &made))?;
        Ok(pipe)
    }
}

impl<Made> Pipe<Made> {
    /// Hands a piece in.
    ///
    /// # Errors
    /// The piece, when too many wait or nobody takes them any more.
    pub(super) fn offer(&self, piece: Vec<u8>) -> Result<(), Vec<u8>> {
        match &self.input {
            Some(input) => input.try_send(piece).map_err(|error| match error {
                TrySendError::Full(piece) | TrySendError::Disconnected(piece) => piece,
            }),
            None => Err(piece),
        }
    }

    /// Nothing more goes in: what is still inside comes out, then it ends.
    pub(super) fn close(&mut self) {
        self.input = None;
    }

    /// What came out next.
    ///
    /// # Errors
    /// [`Ended`]: nothing comes any more.
    pub(super) fn poll(&mut self) -> Result<Option<Made>, Ended> {
        match self.output.try_recv() {
            Ok(made) => Ok(Some(made)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Ended),
        }
    }

    /// Its number, for tests that end it.
    #[cfg(test)]
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl<Made> Drop for Pipe<Made> {
    fn drop(&mut self) {
        self.close();
        let _gone = self.child.kill();
        // Killed, so that this is no wait worth the name.
        let _reaped = self.child.wait();
    }
}
