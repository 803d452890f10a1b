//! A thread that does what it is told to, in order, until nobody can tell it anything any more.

use std::{
    io,
    sync::mpsc::{Receiver, Sender, channel},
    thread::{Builder, JoinHandle},
};

/// Its handle. Dropping it waits for the thread's end.
pub(crate) struct Worker<Order> {
    name: &'static str,
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl<Order: Send + 'static> Worker<Order> {
    /// Starts it; it is to return when its orders have ended.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start(
        name: &'static str,
        run: impl FnOnce(Receiver<Order>) + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, inbox) = channel();
        let thread = Builder::new().name(name.to_owned()).spawn(move || run(inbox))?;
        Ok(Self { name, orders, thread: Some(thread) })
    }
}

impl<Order> Worker<Order> {
    /// Hands over an order.
    pub(crate) fn order(&self, order: Order) {
        // It has panicked: the log says so, and whoever waits for an answer gets none.
        let _gone = self.orders.send(order);
    }
}

impl<Order> Drop for Worker<Order> {
    fn drop(&mut self) {
        let (closed, _) = channel();
        drop(std::mem::replace(&mut self.orders, closed));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the {} thread had panicked", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn orders_are_done_in_order_and_all_of_them_before_the_end() {
        let (done, seen) = channel();
        let worker = Worker::start("counting", move |orders| {
            orders.into_iter().for_each(|one| done.send(one).unwrap())
        });
        let worker = worker.unwrap();
        (0..100).for_each(|one| worker.order(one));
        drop(worker);
        assert_eq!(seen.try_iter().collect::<Vec<i32>>(), (0..100).collect::<Vec<_>>());
    }
}
