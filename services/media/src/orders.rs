//! The queue before a thread that looks at it many times a second: whoever orders never waits, and hears whether it can
//! be done.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    time::Duration,
};

/// Asks the thread. Cloning shares it.
#[derive(Debug)]
pub(crate) struct Orders<T> {
    queue: SyncSender<T>,
    late: &'static str,
}

/// Orders that wait for the thread.
#[derive(Debug)]
pub(crate) struct Inbox<T>(Receiver<T>);

/// Both ends of the queue of a thread: whoever decides is made before it. `most` orders wait; past that `late` is logged.
pub(crate) fn orders<T>(most: usize, late: &'static str) -> (Orders<T>, Inbox<T>) {
    let (queue, inbox) = sync_channel(most);
    (Orders { queue, late }, Inbox(inbox))
}

impl<T> Orders<T> {
    /// False when it cannot be done: the thread does not keep up, or has ended.
    pub(crate) fn give(&self, order: T) -> bool {
        match self.queue.try_send(order) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                tracing::error!("{}", self.late);
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

impl<T> Clone for Orders<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), late: self.late }
    }
}

impl<T> Inbox<T> {
    /// The next order; waits for one this long, or without a time for as long as it takes.
    ///
    /// # Errors
    /// `Timeout` when none came, `Disconnected` when none will come any more.
    pub(crate) fn next(&self, wait: Option<Duration>) -> Result<T, RecvTimeoutError> {
        match wait {
            Some(wait) => self.0.recv_timeout(wait),
            None => self.0.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_in_the_order_in_which_they_were_given_whoever_gave_them() {
        let (orders, inbox) = orders(4, "late");
        let other = orders.clone();
        assert!(orders.give(1) && other.give(2) && orders.give(3));
        let come: Vec<_> = (0..4).map(|_| inbox.next(Some(Duration::ZERO))).collect();
        assert_eq!(come, [Ok(1), Ok(2), Ok(3), Err(RecvTimeoutError::Timeout)]);
    }

    #[test]
    fn whoever_orders_from_a_thread_that_is_behind_hears_that_it_cannot_be_done() {
        let (orders, inbox) = orders(2, "late");
        assert!(orders.give(1) && orders.give(2));
        assert!(!orders.give(3));
        assert_eq!(inbox.next(None), Ok(1));
        assert!(orders.give(4), "there is room again");
        assert_eq!((inbox.next(None), inbox.next(None)), (Ok(2), Ok(4)), "the third is not done later");
    }

    #[test]
    fn each_end_knows_when_the_other_is_gone() {
        let (orders_to_nobody, inbox) = orders(2, "late");
        drop(inbox);
        assert!(!orders_to_nobody.give(1));
        let (last, inbox) = orders(2, "late");
        assert!(last.give(1));
        drop(last);
        assert_eq!((inbox.next(None), inbox.next(None)), (Ok(1), Err(RecvTimeoutError::Disconnected)));
    }
}
