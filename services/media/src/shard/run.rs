//! The loop of one shard: wait, take what is there, let the engine work, send what it made.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::mpsc::{self, error::TrySendError};
use voxlink_service_kit::Env;
use voxlink_sfu::{Drops, Newcomer, Output, RoomId, Transmit, Worker, WorkerConfig};

use super::{
    Command, Report, ShardConfig,
    guard::{self, Outcome},
    neighbours::Neighbours,
    plain_binding::PlainBindings,
    records::Records,
    relayed::Relayed,
    wake::Sleeper,
};
use crate::{
    calls::quality,
    counters::ShardCounters,
    parcel::{Mailbox, Parcel, Route},
    udp::{UdpPort, sys},
};

/// Batches taken before timers and commands get their turn.
const MOST_BATCHES: usize = 4;
/// Commands taken before packets get their turn.
const COMMANDS_AT_ONCE: usize = 64;
/// Between two looks at the socket while packets keep coming: a wake-up costs as much as two packets. Less than what a
/// frame's packets wait for each other.
const COALESCE: Duration = Duration::from_micros(1_000);
/// Between two looks for reports while they keep coming, at most: those of many viewers come one by one, and nobody waits
/// for them.
const REPORTS_EVERY: Duration = Duration::from_millis(10);
/// Who is awake anyway looks after so long.
const REPORTS_SOON: Duration = Duration::from_millis(5);
/// The longest sleep: nothing depends on it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    index: usize,
    pin: bool,
    env: Env,
    port: UdpPort,
    engine: WorkerConfig,
    worker: Worker,
    records: Records,
    neighbours: Neighbours,
    plain_bindings: PlainBindings,
    /// The relay, and TCP.
    ways: [Relayed; 2],
    /// What came by such a way last; kept for its buffers.
    parcel: Parcel<Route>,
    /// A neighbour's queue was full.
    is_behind: bool,
    /// Copies were taken that are to be sent on.
    has_copies: bool,
    commands: mpsc::Receiver<Command>,
    sleeper: Sleeper,
    reports: mpsc::Sender<Report>,
    counters: Arc<ShardCounters>,
    wake_at: Instant,
    measure_at: Instant,
    /// What the engine had dropped when it was last asked.
    drops: Drops,
    /// When the socket was last found to hold something, and whether it did so a moment before as well.
    found_at: Instant,
    keeps_coming: bool,
    /// When reports were last looked for.
    reports_at: Instant,
    /// They were there; and while they keep coming, nobody is woken by them.
    reports_come: bool,
    /// There are none, as the kernel just said.
    no_reports: bool,
    /// Commands or datagrams are left over: do not sleep.
    hurry: bool,
}

impl Shard {
    pub(super) fn new(
        config: ShardConfig,
        engine: WorkerConfig,
        commands: mpsc::Receiver<Command>,
        sleeper: Sleeper,
        [relayed, streamed]: [Arc<Mailbox>; 2],
    ) -> Self {
        let now = config.env.clock.monotonic();
        Self {
            index: config.index,
            pin: config.pin,
            env: config.env,
            port: config.port,
            worker: Worker::new(engine.clone(), now),
            engine,
            records: Records::default(),
            neighbours: Neighbours::new(config.index, config.all, config.listeners),
            plain_bindings: PlainBindings::default(),
            parcel: relayed.parcel(),
            ways: [Relayed::new(relayed, config.relay, now), Relayed::new(streamed, config.tcp, now)],
            is_behind: false,
            has_copies: false,
            commands,
            sleeper,
            reports: config.reports,
            counters: config.counters,
            wake_at: now,
            measure_at: now,
            found_at: now,
            keeps_coming: false,
            reports_at: now,
            reports_come: false,
            no_reports: false,
            drops: Drops::default(),
            hurry: false,
        }
    }

    pub(super) fn run(mut self) {
        if self.pin
            && let Err(error) = sys::pin_to_cpu(self.index)
        {
            tracing::info!(%error, shard = self.index, "the media thread is not bound to a processor");
        }
        let mut now = self.env.clock.monotonic();
        loop {
            self.drain_outputs(now);
            self.wait();
            now = self.receive();
            if !self.take_commands(now) {
                return self.drain_outputs(now);
            }
            if std::mem::take(&mut self.has_copies) {
                self.engine_code(None, now, |worker| worker.end_batch(now));
            }
            self.measure(now);
            if now >= self.wake_at {
                self.engine_code(None, now, |worker| worker.handle_timeout(now));
            }
        }
    }

    /// Says what was counted, now and then.
    fn measure(&mut self, now: Instant) {
        if now < self.measure_at {
            return;
        }
        self.measure_at = now + quality::INTERVAL;
        let drops = self.worker.drops();
        // A worker that was made anew counts from zero.
        self.counters.ignored.add(drops.ignored.saturating_sub(self.drops.ignored) as usize);
        self.counters.rejected.add(drops.rejected.saturating_sub(self.drops.rejected) as usize);
        self.drops = drops;
        for room in self.records.rooms() {
            if let Some(measured) = self.engine_code(Some(room), now, |worker| worker.quality(room)) {
                self.report(Report::Measured(measured));
            }
        }
    }

    /// Sleeps until there is something to do, or for [`COALESCE`] while there always is.
    fn wait(&mut self) {
        if self.hurry {
            return;
        }
        let now = self.env.clock.monotonic();
        let longest = if self.is_behind { COALESCE } else { LONGEST_WAIT };
        let mut due = self.wake_at.saturating_duration_since(now).min(longest);
        if self.keeps_coming {
            return std::thread::sleep((self.found_at + COALESCE).saturating_duration_since(now).min(due));
        }
        if self.reports_come {
            due = due.min((self.reports_at + REPORTS_EVERY).saturating_duration_since(now));
        }
        self.counters.waits.add(1);
        let (media, woken) = (self.port.descriptor(), self.sleeper.descriptor());
        let ready = match self.port.reports_descriptor().filter(|_| !self.reports_come) {
            Some(reports) => sys::wait_readable([media, woken, reports], due),
            None => sys::wait_readable([media, woken], due).map(|[media, woken]| [media, woken, false]),
        };
        match ready {
            Ok([_, woken, reports]) => {
                if woken {
                    self.sleeper.reset();
                }
                self.no_reports = !reports && !self.reports_come;
                self.reports_come |= reports;
            }
            Err(error) => {
                tracing::error!(%error, shard = self.index, "waiting failed");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Hands over what is waiting on the socket; the time that was read for it.
    fn receive(&mut self) -> Instant {
        let mut now = self.env.clock.monotonic();
        self.keeps_coming = false;
        self.hurry = false;
        for _ in 0..MOST_BATCHES {
            if !self.port.receive() {
                break;
            }
            now = self.env.clock.monotonic();
            self.note_found(now);
            self.feed_batch(now, None);
            self.hurry = self.port.received() == sys::BATCH;
            if !self.hurry {
                break;
            }
            self.drain_outputs(now);
        }
        self.receive_reports(&mut now);
        for way in 0..self.ways.len() {
            self.receive_relayed(way, &mut now);
        }
        now
    }

    /// Something was there; when there was something just before as well, the next look may wait for more.
    fn note_found(&mut self, now: Instant) {
        self.keeps_coming |= now.saturating_duration_since(self.found_at) < 2 * COALESCE;
        self.found_at = now;
    }

    /// Hands over the reports that have come.
    fn receive_reports(&mut self, now: &mut Instant) {
        let soon = now.saturating_duration_since(self.reports_at) < REPORTS_SOON;
        if std::mem::take(&mut self.no_reports) || soon {
            return;
        }
        self.reports_at = *now;
        self.reports_come = false;
        for _ in 0..MOST_BATCHES {
            if !self.port.receive_reports() {
                return;
            }
            self.reports_come = true;
            *now = self.env.clock.monotonic();
            // The media that just came leaves first: a batch that ends before the one before it was sent is written at once,
            // for hundreds past what the slab is for.
            self.drain_outputs(*now);
            self.feed_batch(*now, Some(self.env.clock.wall()));
            if self.port.received() < sys::BATCH {
                return;
            }
        }
        // There is more, and its time has come.
        self.hurry = true;
        self.reports_at = now.checked_sub(REPORTS_SOON).unwrap_or(*now);
    }

    /// Hands over what came through our own relay, or on streams.
    fn receive_relayed(&mut self, way: usize, now: &mut Instant) {
        let Some(way) = self.ways.get_mut(way) else { return };
        way.take(&mut self.parcel, *now);
        if self.parcel.is_empty() {
            return;
        }
        *now = self.env.clock.monotonic();
        self.note_found(*now);
        let (mut next, count) = (0, self.parcel.len());
        while next < count {
            let (parcel, place, counters, now) = (&mut self.parcel, &mut next, &self.counters, *now);
            let outcome = guard::run(&mut self.worker, |worker| {
                while *place < count {
                    *place += 1;
                    if let Some((route, bytes)) = parcel.slot_mut(*place - 1) {
                        counters.packets_in.add(1);
                        counters.bytes_in.add(bytes.len());
                        worker.handle_datagram(route.from, bytes, now);
                    }
                }
            });
            self.after_datagram(outcome, now);
        }
        let now = *now;
        self.engine_code(None, now, |worker| worker.end_batch(now));
    }

    fn after_datagram(&mut self, outcome: Outcome<()>, now: Instant) {
        if let Outcome::Panicked(room) = outcome {
            self.counters.panics.add(1);
            // Outside of every room nothing is half done: only the datagram is lost.
            if let Some(room) = room {
                self.end_crashed(room, now);
            }
        }
    }

    /// `until`: now, for what was left for a while.
    fn feed_batch(&mut self, now: Instant, until: Option<SystemTime>) {
        let unix = until.and_then(|until| until.duration_since(SystemTime::UNIX_EPOCH).ok());
        let (mut next, count) = (0, self.port.received());
        while next < count {
            let (port, place, plain) = (&mut self.port, &mut next, &mut self.plain_bindings);
            let outcome = guard::run(&mut self.worker, |worker| {
                while *place < count {
                    // Counted first: a datagram that panics is not tried again.
                    *place += 1;
                    let waited = unix.map_or(Duration::ZERO, |unix| port.waited(*place - 1, unix));
                    let Some((from, bytes)) = port.datagram(*place - 1) else { continue };
                    match plain.answer(from, bytes, now) {
                        None => worker.handle_waiting(from, bytes, waited, now),
                        Some(answer) => port.send(from, &answer, None),
                    }
                }
            });
            self.after_datagram(outcome, now);
        }
        self.engine_code(None, now, |worker| worker.end_batch(now));
    }

    /// Runs engine code that belongs to `room` if the engine does not know better. A panic outside of any room leaves
    /// the engine in doubt: it starts anew.
    fn engine_code<T>(
        &mut self,
        room: Option<RoomId>,
        now: Instant,
        code: impl FnOnce(&mut Worker) -> T,
    ) -> Option<T> {
        match guard::run(&mut self.worker, code) {
            Outcome::Done(value) => Some(value),
            Outcome::Panicked(current) => {
                self.counters.panics.add(1);
                match room.or(current) {
                    Some(room) => self.end_crashed(room, now),
                    None => self.restart_engine(now),
                }
                None
            }
        }
    }

    fn end_crashed(&mut self, room: RoomId, now: Instant) {
        tracing::error!(channel = room.0, shard = self.index, "a call crashed and was ended");
        let peers = self.records.crashed(room, now);
        if !guard::end_room(&mut self.worker, room) {
            self.restart_engine(now);
        }
        self.report(Report::Crashed { peers });
    }

    fn restart_engine(&mut self, now: Instant) {
        tracing::error!(shard = self.index, "the media engine crashed outside of a call and starts anew");
        self.engine.seed = self.env.bytes();
        self.worker = Worker::new(self.engine.clone(), now);
        self.wake_at = now;
        for room in self.records.rooms() {
            let peers = self.records.crashed(room, now);
            self.report(Report::Crashed { peers });
        }
    }

    /// False when the shard is to end.
    fn take_commands(&mut self, now: Instant) -> bool {
        for _ in 0..COMMANDS_AT_ONCE {
            match self.commands.try_recv() {
                Ok(Command::Stop) | Err(mpsc::error::TryRecvError::Disconnected) => return false,
                Ok(command) => self.obey(command, now),
                Err(mpsc::error::TryRecvError::Empty) => return true,
            }
        }
        self.hurry = true;
        true
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Join { room, peer, person, revision, offer, role, gates } => {
                self.records.joined(room, peer, now);
                let answer = self.engine_code(Some(room), now, |worker| {
                    worker.admit(Newcomer { room, peer, person, offer: &offer, role, gates }, now)
                });
                let Some(result) = answer else { return };
                if result.is_err() {
                    self.records.left(peer, Default::default(), now);
                }
                self.report(Report::Answered { peer, revision, result });
            }
            Command::Renegotiate { peer, revision, offer, sources } => {
                let room = self.records.room_of(peer);
                let answer =
                    self.engine_code(room, now, |worker| worker.renegotiate(peer, &offer, &sources, now));
                if let Some(result) = answer {
                    self.report(Report::Answered { peer, revision, result });
                }
            }
            Command::RestartIce { peer, fragment } => {
                let room = self.records.room_of(peer);
                let answer = self.engine_code(room, now, |worker| worker.restart_ice(peer, &fragment));
                if let Some(result) = answer {
                    self.report(Report::Answered { peer, revision: 0, result });
                }
            }
            Command::SetSources { peer, sources } => {
                let room = self.records.room_of(peer);
                self.engine_code(room, now, |worker| worker.set_sources(peer, sources, now));
            }
            Command::SetWants { peer, wants } => {
                let room = self.records.room_of(peer);
                self.engine_code(room, now, |worker| worker.set_wants(peer, &wants, now));
            }
            Command::SetGates { peer, gates } => {
                let room = self.records.room_of(peer);
                self.engine_code(room, now, |worker| worker.set_gates(peer, gates, now));
            }
            Command::SetMix { peer, mix } => {
                let room = self.records.room_of(peer);
                self.engine_code(room, now, |worker| worker.set_mix(peer, mix, now));
            }
            Command::Leave { peer } => {
                let room = self.records.room_of(peer);
                let stats = self.engine_code(room, now, |worker| {
                    let stats = worker.stats(peer);
                    worker.leave(peer, now);
                    stats
                });
                self.records.left(peer, stats.flatten().unwrap_or_default(), now);
            }
            #[allow(clippy::panic)]
            Command::Panic { room } => {
                self.engine_code(Some(room), now, |_worker| panic!("a test asked for this panic"));
            }
            Command::Spread { room, others } => {
                self.engine_code(Some(room), now, |worker| worker.set_parts(room, &others, now));
                self.neighbours.set(room, others);
            }
            Command::Copy { from, copy } => {
                self.has_copies = true;
                self.engine_code(Some(copy.room), now, |worker| worker.take_copy(from, &copy, now));
            }
            Command::Stop => {}
        }
    }

    /// Sends and reports all that the engine has to say.
    fn drain_outputs(&mut self, now: Instant) {
        loop {
            let (port, reports, counters) = (&mut self.port, &self.reports, &self.counters);
            let (neighbours, ways) = (&mut self.neighbours, &mut self.ways);
            let outcome = guard::run(&mut self.worker, |worker| {
                loop {
                    match worker.poll() {
                        Output::Transmit(transmit) => {
                            let Transmit { to, bytes, segment } = transmit;
                            match ways.iter_mut().find_map(|way| way.send(to, bytes, segment)) {
                                None => port.send(to, bytes, segment),
                                Some((sent, lost)) => {
                                    counters.packets_out.add(sent);
                                    counters.bytes_out.add(bytes.len());
                                    counters.lost_relayed.add(lost);
                                }
                            }
                        }
                        Output::Event(event) => send_report(reports, counters, Report::Engine(event)),
                        Output::Copy(copy) => counters.lost_copies.add(neighbours.push(&copy)),
                        Output::WakeAt(at) => return at,
                    }
                }
            });
            match outcome {
                Outcome::Done(at) => {
                    self.wake_at = at;
                    break;
                }
                Outcome::Panicked(room) => {
                    self.counters.panics.add(1);
                    match room {
                        Some(room) => self.end_crashed(room, now),
                        None => self.restart_engine(now),
                    }
                }
            }
        }
        self.port.flush();
        for way in &mut self.ways {
            self.counters.lost_relayed.add(way.flush());
        }
        self.is_behind = self.neighbours.flush();
    }

    fn report(&self, report: Report) {
        send_report(&self.reports, &self.counters, report);
    }
}

/// Never waits: media goes on even when the control side does not keep up.
fn send_report(reports: &mpsc::Sender<Report>, counters: &ShardCounters, report: Report) {
    match reports.try_send(report) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            counters.lost_events.add(1);
            tracing::error!("the control side of media does not keep up, an event is lost");
        }
        // The server is shutting down.
        Err(TrySendError::Closed(_)) => {}
    }
}
