//! The loop of the thread: wait, take what is there, hand it to the shards, write what they have for streams.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, Waker, net::TcpListener};
use voxlink_service_kit::Env;
use voxlink_sfu::framing;
use voxlink_turn::stun::{Class, Message, Method};

use super::{
    Port,
    stream::{Number, Read, State, Stream},
    streams::{FIRST_TOKEN, Streams},
};
use crate::{
    counters::ShardCounters,
    parcel::{Mailbox, Parcel, Route},
    shard::plain_binding::PlainBindings,
};

const WAKE: Token = Token(0);
/// Sockets told of at once; the others are told of with the next wait.
const MOST_EVENTS: usize = 256;
/// Connections accepted before the others get their turn.
const MOST_ACCEPTED: usize = 64;
/// Between two looks for connections that are overdue.
const LOOK: Duration = Duration::from_secs(1);
/// Without connections there is nothing to look for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Read at once.
const SCRATCH: usize = 16 * 1024;

/// A shard, and what is for it.
struct Shard {
    mailbox: Arc<Mailbox>,
    parcel: Parcel<Route>,
}

pub(super) struct Run {
    poll: Poll,
    listeners: Vec<TcpListener>,
    /// By the index of the port.
    shards: Vec<Shard>,
    streams: Streams,
    from_shards: Arc<Mailbox>,
    /// What was taken out of it last.
    parcel: Parcel<Route>,
    /// Streams that frames were queued for.
    pushed: Vec<Number>,
    /// Sockets that may have more than was taken.
    again: Vec<Token>,
    plain_bindings: PlainBindings,
    scratch: Box<[u8]>,
    counters: Arc<ShardCounters>,
    env: Env,
    stop: Arc<AtomicBool>,
    look_at: Instant,
}

impl Run {
    pub(super) fn new(
        ports: Vec<Port>,
        from_shards: Arc<Mailbox>,
        counters: Arc<ShardCounters>,
        env: Env,
        stop: Arc<AtomicBool>,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let woken = waker.clone();
        // One that cannot be woken looks after a while by itself.
        from_shards.set_wake(move || _ = woken.wake());
        let (mut listeners, mut shards) = (Vec::new(), Vec::new());
        // There are never so many processors.
        for (index, port) in ports.into_iter().take(FIRST_TOKEN - 1).enumerate() {
            port.listener.set_nonblocking(true)?;
            let mut listener = TcpListener::from_std(port.listener);
            poll.registry().register(&mut listener, Token(1 + index), Interest::READABLE)?;
            listeners.push(listener);
            shards.push(Shard { parcel: port.shard.parcel(), mailbox: port.shard });
        }
        let run = Self {
            poll,
            listeners,
            shards,
            streams: Streams::new(),
            parcel: from_shards.parcel(),
            from_shards,
            pushed: Vec::new(),
            again: Vec::new(),
            plain_bindings: PlainBindings::default(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            counters,
            look_at: env.clock.monotonic(),
            env,
            stop,
        };
        Ok((run, waker))
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(MOST_EVENTS);
        let mut ready = Vec::new();
        loop {
            let now = self.wait(&mut events);
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            ready.append(&mut self.again);
            ready.extend(events.iter().map(mio::event::Event::token));
            ready.sort_unstable();
            ready.dedup();
            for token in ready.drain(..) {
                match Streams::by_token(token) {
                    Some(number) => self.attend(number, now),
                    None if token == WAKE => {}
                    None => self.accept(token, now),
                }
            }
            self.take_parcel(now);
            self.flush();
            if now >= self.look_at {
                self.look(now);
            }
        }
    }

    fn wait(&mut self, events: &mut Events) -> Instant {
        let now = self.env.clock.monotonic();
        let timeout = if !self.again.is_empty() {
            Duration::ZERO
        } else if self.streams.is_empty() {
            LONGEST_WAIT
        } else {
            self.look_at.saturating_duration_since(now)
        };
        if let Err(error) = self.poll.poll(events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "waiting for TCP failed");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.env.clock.monotonic()
    }

    fn look(&mut self, now: Instant) {
        self.look_at = now + LOOK;
        for number in self.streams.overdue(now) {
            self.close(number);
        }
        // Those that could not be accepted while there were no descriptors left are told of only once.
        self.again.extend((0..self.listeners.len()).map(|index| Token(1 + index)));
    }

    fn accept(&mut self, token: Token, now: Instant) {
        let Some(index) = token.0.checked_sub(1) else { return };
        let Some(listener) = self.listeners.get(index) else { return };
        for _ in 0..MOST_ACCEPTED {
            match listener.accept() {
                Ok((socket, remote)) => {
                    self.streams.accept(socket, remote, index, (self.poll.registry(), now));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::debug!(%error, "a connection of a call could not be accepted");
                    return;
                }
            }
        }
        self.again.push(token);
    }

    fn attend(&mut self, number: Number, now: Instant) {
        let Some(stream) = self.streams.get_mut(number) else { return };
        let is_open = stream.flush()
            && match stream.state {
                State::New => match stream.read_first() {
                    Ok(None) => true,
                    Ok(Some(frame)) => take_first(
                        (number, stream),
                        &frame,
                        (&mut self.shards, &mut self.plain_bindings, &self.counters),
                        now,
                    ),
                    Err(()) => false,
                },
                State::Asked => true,
                State::Leaving => stream.has_waiting(),
                State::Answered => {
                    let (shards, counters) = (&mut self.shards, &self.counters);
                    let Some(shard) = shards.get_mut(stream.port) else { return };
                    let route = Route { from: number.path(stream.remote), to: stream.local };
                    let read = stream.read(&mut self.scratch, |datagram| {
                        let has_room = shard.parcel.push(route, datagram);
                        counters.lost_relayed.add(usize::from(!has_room));
                    });
                    if read == Read::More {
                        self.again.push(Streams::token(number));
                    }
                    read != Read::Over
                }
            };
        if !is_open {
            self.close(number);
        }
    }

    /// Queues what the shards have for streams.
    fn take_parcel(&mut self, now: Instant) {
        self.from_shards.take(&mut self.parcel);
        for index in 0..self.parcel.len() {
            let Some((route, slot)) = self.parcel.slot_mut(index) else { continue };
            let Some(number) = Number::of(route.to) else { continue };
            if self.streams.answered(number, now) {
                // What came meanwhile was not read.
                self.again.push(Streams::token(number));
            }
            // It has gone since.
            let Some(stream) = self.streams.get_mut(number) else { continue };
            let header = slot.len().checked_sub(framing::HEADER).and_then(framing::header);
            if let (Some(header), Some(place)) = (header, slot.first_chunk_mut()) {
                *place = header;
                if stream.is_due() {
                    // Whether it is over is found out when it is attended to.
                    let _over = stream.flush();
                }
                self.counters.dropped_out.add(usize::from(!stream.push(slot)));
                if self.pushed.last() != Some(&number) {
                    self.pushed.push(number);
                }
            }
        }
        self.parcel.clear();
    }

    /// Lets go what waits for streams and shards.
    fn flush(&mut self) {
        self.pushed.sort_unstable();
        self.pushed.dedup();
        for number in std::mem::take(&mut self.pushed) {
            if self.streams.get_mut(number).is_some_and(|stream| !stream.flush()) {
                self.close(number);
            }
        }
        for shard in &mut self.shards {
            self.counters.lost_relayed.add(shard.mailbox.put(&mut shard.parcel));
        }
    }

    fn close(&mut self, number: Number) {
        self.streams.close(number, self.poll.registry());
    }
}

/// A connection's first frame decides about it: a check is for the shard, who asks for nothing but its own address gets
/// that, and everybody else nothing. False: close it.
fn take_first(
    (number, stream): (Number, &mut Stream),
    frame: &[u8],
    (shards, plain, counters): (&mut [Shard], &mut PlainBindings, &ShardCounters),
    now: Instant,
) -> bool {
    if let Some(answer) = plain.answer(stream.remote, frame, now) {
        let header = framing::header(answer.len()).unwrap_or_default();
        stream.state = State::Leaving;
        return stream.push(&[&header, &answer[..]].concat()) && stream.flush() && stream.has_waiting();
    }
    let is_check = Message::parse(frame)
        .is_ok_and(|message| (message.class, message.method) == (Class::Request, Method::Binding));
    let Some(shard) = shards.get_mut(stream.port).filter(|_| is_check) else { return false };
    stream.state = State::Asked;
    let route = Route { from: number.path(stream.remote), to: stream.local };
    let has_room = shard.parcel.push(route, frame);
    counters.lost_relayed.add(usize::from(!has_room));
    has_room
}
