//! The hub's hands: the task that owns it, the sockets it writes to, and its questions to other services.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use voxlink_protocol::{
    UserId,
    bus::{
        CallsOf, DirectChannelsOf, GuildsOf, IssueCallPass, LeaveSeat, LoadGuild, PassRefused, ReadStatesOf,
        Request, SeatRefused, SessionRevoked, TakeSeat, UpdateSeat, UserGuildSettingsOf, UserUpdated,
        VoiceStatesOf,
    },
    event::{GuildEvent, UserEvent},
    people::{RelationsOf, SettingsOf, SettingsUpdated},
};
use voxlink_service_kit::{Auth, Bus, CallError, env::Clock, ws::Stream};

use crate::{
    connection::Control,
    hub::{Effect, Hub, Input, ReadyParts, Refusal, VoiceAsk, VoiceOutcome, Wire},
    session::LinkId,
};

/// Events that wait for the hub; past this all guilds are loaded anew.
const EVENT_QUEUE: usize = 65_536;
/// Ops that wait for the hub; past this their sockets are not read.
const OP_QUEUE: usize = 4096;
/// Taken from each queue before sockets are written: what comes together goes out together.
const BATCH: usize = 512;
const TICK: Duration = Duration::from_millis(100);

/// What reaches the hub from sockets.
pub(crate) enum ToHub {
    /// Something happened.
    Input(Input),
    /// A new socket: what the hub needs to write to it, then its [`Input::Open`].
    Open { link: LinkId, stream: Arc<Stream>, control: Arc<Control>, input: Input },
}

/// What the shell's parts share.
#[derive(Clone)]
pub(crate) struct Shell {
    pub(crate) ops: mpsc::Sender<ToHub>,
    /// Sockets that are open.
    pub(crate) links: Arc<AtomicUsize>,
}

struct Asker {
    bus: Bus,
    auth: Auth,
    answers: mpsc::Sender<Input>,
}

/// Starts the hub's task and listens on the bus. To be called within a tokio runtime.
pub(crate) fn start(hub: Hub, bus: Bus, auth: Auth, clock: Arc<dyn Clock>) -> Shell {
    let (ops, op_queue) = mpsc::channel(OP_QUEUE);
    let (events, event_queue) = mpsc::channel(EVENT_QUEUE);
    let lost = Arc::new(AtomicBool::new(false));
    subscribe(&bus, &events, &lost);
    let links = Arc::new(AtomicUsize::new(0));
    let asker = Asker { bus, auth, answers: events };
    let shell = Shell { ops, links: links.clone() };
    tokio::spawn(run(hub, Queues { ops: op_queue, events: event_queue, lost }, asker, clock, links));
    shell
}

fn subscribe(bus: &Bus, events: &mpsc::Sender<Input>, lost: &Arc<AtomicBool>) {
    let (queue, overflow) = (events.clone(), lost.clone());
    bus.subscribe(move |event: &Arc<GuildEvent>| {
        if queue.try_send(Input::Event(event.clone())).is_err() {
            overflow.store(true, Ordering::Release);
        }
    });
    let (queue, overflow) = (events.clone(), lost.clone());
    bus.subscribe(move |event: &Arc<UserEvent>| {
        if queue.try_send(Input::User(event.clone())).is_err() {
            overflow.store(true, Ordering::Release);
        }
    });
    let (queue, overflow) = (events.clone(), lost.clone());
    bus.subscribe(move |event: &Arc<SettingsUpdated>| {
        if queue.try_send(Input::Settings(event.clone())).is_err() {
            overflow.store(true, Ordering::Release);
        }
    });
    let (queue, overflow) = (events.clone(), lost.clone());
    bus.subscribe(move |event: &Arc<UserUpdated>| {
        if queue.try_send(Input::UserUpdated(event.clone())).is_err() {
            overflow.store(true, Ordering::Release);
        }
    });
    let (queue, runtime) = (events.clone(), tokio::runtime::Handle::current());
    bus.subscribe(move |event: &Arc<SessionRevoked>| {
        // A revocation must not be lost: when the queue is full, it waits for room.
        if let Err(mpsc::error::TrySendError::Full(input)) = queue.try_send(Input::Revoked(event.clone())) {
            let queue = queue.clone();
            runtime.spawn(async move { queue.send(input).await });
        }
    });
}

struct Queues {
    ops: mpsc::Receiver<ToHub>,
    events: mpsc::Receiver<Input>,
    lost: Arc<AtomicBool>,
}

async fn run(mut hub: Hub, mut queues: Queues, asker: Asker, clock: Arc<dyn Clock>, links: Arc<AtomicUsize>) {
    let asker = Arc::new(asker);
    let mut wires = Wires::default();
    let mut ticker = tokio::time::interval(TICK);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut ticked = clock.monotonic();
    loop {
        let mut first_op = None;
        let mut first_event = None;
        tokio::select! {
            op = queues.ops.recv() => match op {
                Some(op) => first_op = Some(op),
                // The gateway and all its sockets are gone.
                None => return,
            },
            event = queues.events.recv() => first_event = event,
            _ = ticker.tick() => {}
        }
        let now = clock.monotonic();
        let events = first_event.into_iter().chain(std::iter::from_fn(|| queues.events.try_recv().ok()));
        for event in events.take(BATCH) {
            hub.handle(event, now);
        }
        let ops = first_op.into_iter().chain(std::iter::from_fn(|| queues.ops.try_recv().ok()));
        for op in ops.take(BATCH) {
            hub.handle(wires.admit(op), now);
        }
        if queues.lost.swap(false, Ordering::AcqRel) {
            hub.handle(Input::EventsLost, now);
        }
        if now.saturating_duration_since(ticked) >= TICK {
            ticked = now;
            hub.handle(Input::Tick, now);
        }
        settle(&mut hub, &mut wires, &asker, now);
        links.store(hub.links(), Ordering::Release);
    }
}

fn settle(hub: &mut Hub, wires: &mut Wires, asker: &Arc<Asker>, now: Instant) {
    hub.flush(wires, now);
    while let Some(effect) = hub.poll() {
        match effect {
            Effect::Close { link } => wires.close(link),
            other => {
                let asker = asker.clone();
                tokio::spawn(async move { asker.carry_out(other).await });
            }
        }
    }
}

#[derive(Default)]
struct Wires(FxHashMap<LinkId, (Arc<Stream>, Arc<Control>)>);

impl Wires {
    fn admit(&mut self, op: ToHub) -> Input {
        match op {
            ToHub::Input(input) => input,
            ToHub::Open { link, stream, control, input } => {
                self.0.insert(link, (stream, control));
                input
            }
        }
    }

    fn close(&mut self, link: LinkId) {
        if let Some((_, control)) = self.0.remove(&link) {
            control.close();
        }
    }
}

impl Wire for Wires {
    fn send(&mut self, link: LinkId, bytes: &[u8]) -> Option<usize> {
        let (stream, control) = self.0.get(&link)?;
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match stream.try_write(rest) {
                Ok(0) => return None,
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    control.want_writable();
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(sent)
    }
}

impl Asker {
    async fn carry_out(&self, effect: Effect) {
        let answer = match effect {
            Effect::Resolve { link, token } => {
                Input::Resolved { link, owner: self.auth.resolve(token.expose()).await.map_err(|_| ()) }
            }
            Effect::Ready { session, user, bot } => {
                let parts = self.ready_parts(user, bot).await.map(Box::new).map_err(|_| ());
                Input::Ready { session, user, parts }
            }
            Effect::Load { guild, after } => {
                tokio::time::sleep(after).await;
                // Voice states are asked first: events that come meanwhile are newer, and are replayed on top.
                let voice = self.bus.call(VoiceStatesOf { guild }).await.unwrap_or_default();
                let snapshot = self.bus.call(LoadGuild { guild }).await;
                Input::Loaded {
                    guild,
                    snapshot: snapshot.map(|found| found.map(Box::new)).map_err(|_| ()),
                    voice,
                }
            }
            Effect::Voice(ask) => {
                let outcome = self.voice(&ask).await;
                Input::VoiceDone { ask, outcome }
            }
            Effect::LeaveSeat { user, session_id } => {
                // Media forgets seats without media by itself should this call fail.
                let _left = self.bus.call(LeaveSeat { user, guild: None, session_id }).await;
                return;
            }
            Effect::Close { .. } => return,
        };
        // Without a hub nobody waits for the answer.
        let _ending = self.answers.send(answer).await;
    }

    /// Asks everyone at once.
    async fn ready_parts(&self, user: UserId, bot: bool) -> Result<ReadyParts, CallError> {
        if bot {
            let guilds = self.bus.call(GuildsOf { user }).await?;
            return Ok(ReadyParts { guilds, ..ReadyParts::default() });
        }
        let (guilds, direct_channels, calls, read_states, guild_settings, relationships, settings) = tokio::try_join!(
            self.bus.call(GuildsOf { user }),
            self.if_served(DirectChannelsOf { user }),
            self.if_served(CallsOf { user }),
            self.if_served(ReadStatesOf { user }),
            self.if_served(UserGuildSettingsOf { user }),
            self.if_served(RelationsOf { user }),
            self.if_served(SettingsOf { user }),
        )?;
        Ok(ReadyParts {
            guilds,
            direct_channels,
            calls,
            read_states,
            guild_settings,
            relationships,
            settings,
        })
    }

    /// A part that no service has is empty; one that cannot be had just now is an error.
    async fn if_served<R: Request>(&self, request: R) -> Result<R::Reply, CallError>
    where
        R::Reply: Default,
    {
        match self.bus.call(request).await {
            Err(CallError::NoService(_)) => Ok(R::Reply::default()),
            answer => answer,
        }
    }

    async fn voice(&self, ask: &VoiceAsk) -> VoiceOutcome {
        let (user, request, session_id) = (ask.user, ask.request, ask.session_id.clone());
        let (self_mute, self_deaf, guild) = (request.self_mute, request.self_deaf, request.guild_id);
        let Some(channel) = request.channel_id else {
            let _had_one = self.bus.call(LeaveSeat { user, guild, session_id }).await;
            return VoiceOutcome::Done;
        };
        if ask.seated {
            let update = UpdateSeat { user, guild, session_id, self_mute, self_deaf };
            let updated = self.bus.call(update).await == Ok(true);
            return if updated { VoiceOutcome::Done } else { VoiceOutcome::NoSeat };
        }
        let pass = match self.bus.call(IssueCallPass { user, guild, channel, session_id }).await {
            Ok(Ok(pass)) => pass,
            Ok(Err(PassRefused::Forbidden)) => return VoiceOutcome::Refused(Refusal::Forbidden),
            Ok(Err(PassRefused::Unknown | PassRefused::NotVoice)) => {
                return VoiceOutcome::Refused(Refusal::Unknown);
            }
            Err(_unanswered) => return VoiceOutcome::Refused(Refusal::Unavailable),
        };
        match self.bus.call(TakeSeat { pass: pass.clone(), self_mute, self_deaf }).await {
            Ok(Ok(seat)) => VoiceOutcome::Seated { pass, endpoint: seat.endpoint },
            Ok(Err(SeatRefused::Full)) => VoiceOutcome::Refused(Refusal::Full),
            Ok(Err(SeatRefused::BadPass)) => VoiceOutcome::Refused(Refusal::BadPass),
            Err(_unanswered) => VoiceOutcome::Refused(Refusal::Unavailable),
        }
    }
}
