//! The control side's shell: one task that owns [`Calls`] and carries out what it decides.
//!
//! Everything that changes a seat goes through this task's queue, so that events are published in the order in which
//! they became true and no lock is needed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};
use voxlink_protocol::{
    ChannelId, GuildId, UserId, VoiceState,
    bus::{
        self, CallRights, CallRightsOf, EndDirectSeats, EndSeat, LeaveSeat, SeatRefused, SessionRevoked,
        TakeSeat, UpdateSeat, VoiceStatesIn, VoiceStatesOf,
    },
    event::GuildEvent,
    playback::CallPlayback,
};
use voxlink_service_kit::{Bus, Env};
use voxlink_sfu::{IceFragment, Part, PeerId};

use crate::{
    calls::{
        Asker, Calls, Farewell, IfMatch, Named, Open, Output, Play, PlayFile, PlayRefused, Removal, Reply,
        SocketId, StrangerRefused, Ticket, Turn, TurnRefused, concerns_rights,
        quality::{CallCounts, CallQuality},
    },
    mixer::{Order, Orders},
    shard::{Report, ShardHandle},
    sounds,
    strangers::Credential,
    taps::Hears,
    voice::{close::VoiceClose, connection::Ask, socket::ToSocket},
};

/// Inquiries that wait; askers wait beyond this, and a guild event that finds no room is retried from a task.
const MOST_INQUIRIES: usize = 4096;
/// After a question that chat did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Fine enough for limits of whole seconds.
const SWEEP: Duration = Duration::from_secs(1);

/// What is asked of the control side.
pub(crate) enum Inquiry {
    Take(TakeSeat, oneshot::Sender<Result<bus::Seat, SeatRefused>>),
    Update(UpdateSeat, oneshot::Sender<bool>),
    Leave(LeaveSeat, oneshot::Sender<bool>),
    StatesOf(GuildId, oneshot::Sender<Vec<VoiceState>>),
    StatesIn(VoiceStatesIn, oneshot::Sender<Vec<VoiceState>>),
    EndDirect(EndDirectSeats, oneshot::Sender<()>),
    Removed(Removal),
    Counts(oneshot::Sender<CallCounts>),
    QualityOf(ChannelId, oneshot::Sender<Option<CallQuality>>),
    SeatsIn(GuildId, oneshot::Sender<Vec<(UserId, ChannelId)>>),
    /// Chat's answer about those who were asked about.
    Rights(Vec<(UserId, ChannelId)>, Vec<CallRights>),
    PutOut(EndSeat, oneshot::Sender<bool>),
    SocketOpened(SocketId, mpsc::Sender<ToSocket>),
    Ask(SocketId, Ask),
    SocketClosed {
        socket: SocketId,
        farewell: Farewell,
    },
    /// Publish or watch.
    Open(Open, oneshot::Sender<Reply>),
    Patch(Named, IfMatch, IceFragment, oneshot::Sender<Reply>),
    Knows(Named, oneshot::Sender<bool>),
    CloseStranger(Named, oneshot::Sender<bool>),
    CredentialGone(Credential),
    /// Something in this server listens to the call, or no more.
    Tap(ChannelId, Part, Option<Hears>),
    /// Whether somebody may play a sound now.
    MayPlay(UserId, ChannelId, oneshot::Sender<Result<(), PlayRefused>>),
    Play(Play, oneshot::Sender<Result<(), PlayRefused>>),
    MayPlayFile(UserId, ChannelId, oneshot::Sender<Result<(), PlayRefused>>),
    PlayFile(PlayFile, oneshot::Sender<Result<(), PlayRefused>>),
    FileIn(ChannelId, oneshot::Sender<Option<CallPlayback>>),
    TurnFile(ChannelId, Asker, Turn, oneshot::Sender<Result<(), TurnRefused>>),
    /// A file ended by itself.
    FileOver(PeerId),
    /// There is no mix for this listener.
    NoMix(PeerId),
    /// A test's panic in the call of this channel.
    Panic(ChannelId),
    Shutdown(oneshot::Sender<()>),
}

/// Asks the control side. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Control {
    inquiries: mpsc::Sender<Inquiry>,
}

impl Control {
    /// False when the control side has ended.
    pub(crate) async fn tell(&self, inquiry: Inquiry) -> bool {
        self.inquiries.send(inquiry).await.is_ok()
    }

    /// As [`Control::tell`], from where nobody can wait.
    pub(crate) fn certainly(&self, runtime: &tokio::runtime::Handle, inquiry: Inquiry) {
        certainly(&self.inquiries, runtime, inquiry);
    }

    /// The answer, or `otherwise` while the server shuts down.
    async fn ask<T>(&self, inquiry: impl FnOnce(oneshot::Sender<T>) -> Inquiry, otherwise: T) -> T {
        let (reply, answer) = oneshot::channel();
        if !self.tell(inquiry(reply)).await {
            return otherwise;
        }
        answer.await.unwrap_or(otherwise)
    }

    /// What is going on in all calls.
    pub(crate) async fn counts(&self) -> CallCounts {
        self.ask(Inquiry::Counts, CallCounts::default()).await
    }

    /// How the call in a channel is; `None` when there is none.
    pub(crate) async fn quality_of(&self, channel: ChannelId) -> Option<CallQuality> {
        self.ask(|reply| Inquiry::QualityOf(channel, reply), None).await
    }

    /// Whether somebody may play a sound now.
    pub(crate) async fn may_play(&self, user: UserId, channel: ChannelId) -> Result<(), PlayRefused> {
        self.ask(|reply| Inquiry::MayPlay(user, channel, reply), Err(PlayRefused::NotSeated)).await
    }

    /// Plays a sound in a call.
    pub(crate) async fn play(&self, play: Play) -> Result<(), PlayRefused> {
        self.ask(|reply| Inquiry::Play(play, reply), Err(PlayRefused::NotSeated)).await
    }

    /// Whether somebody may play a file now.
    pub(crate) async fn may_play_file(&self, user: UserId, channel: ChannelId) -> Result<(), PlayRefused> {
        self.ask(|reply| Inquiry::MayPlayFile(user, channel, reply), Err(PlayRefused::NotSeated)).await
    }

    /// Plays a file in a call.
    pub(crate) async fn play_file(&self, file: PlayFile) -> Result<(), PlayRefused> {
        self.ask(|reply| Inquiry::PlayFile(file, reply), Err(PlayRefused::NotSeated)).await
    }

    /// The file that is played in a call.
    pub(crate) async fn file_in(&self, channel: ChannelId) -> Option<CallPlayback> {
        self.ask(|reply| Inquiry::FileIn(channel, reply), None).await
    }

    /// Holds it, goes on with it, or ends it.
    pub(crate) async fn turn_file(
        &self,
        channel: ChannelId,
        asker: Asker,
        turn: Turn,
    ) -> Result<(), TurnRefused> {
        self.ask(|reply| Inquiry::TurnFile(channel, asker, turn, reply), Err(TurnRefused::NothingPlays)).await
    }

    /// The answer to a stranger's offer.
    pub(crate) async fn open_stranger(&self, open: Open) -> Reply {
        self.ask(|reply| Inquiry::Open(open, reply), Err(StrangerRefused::Crashed)).await
    }

    /// Candidates, or a restart of ICE.
    pub(crate) async fn patch_stranger(
        &self,
        named: Named,
        condition: IfMatch,
        fragment: IceFragment,
    ) -> Reply {
        let inquiry = |reply| Inquiry::Patch(named, condition, fragment, reply);
        self.ask(inquiry, Err(StrangerRefused::Crashed)).await
    }

    /// Whether there is such a resource.
    pub(crate) async fn knows_stranger(&self, named: Named) -> bool {
        self.ask(|reply| Inquiry::Knows(named, reply), false).await
    }

    /// Ends a resource; false when there is none.
    pub(crate) async fn close_stranger(&self, named: Named) -> bool {
        self.ask(|reply| Inquiry::CloseStranger(named, reply), false).await
    }

    /// Ends what was opened with this.
    pub(crate) async fn credential_gone(&self, credential: Credential) {
        // Without a control side there is nothing left to end.
        let _over = self.tell(Inquiry::CredentialGone(credential)).await;
    }

    /// Closes all voice sockets.
    pub(crate) async fn shutdown(&self) {
        self.ask(Inquiry::Shutdown, ()).await;
    }
}

/// Starts the task and serves media's part of the bus.
pub(crate) fn start(
    calls: Calls,
    bus: &Bus,
    env: Env,
    shards: Vec<ShardHandle>,
    reports: mpsc::Receiver<Report>,
    (mixer, sounds): (Orders, sounds::Orders),
) -> Control {
    let (inquiries, inbox) = mpsc::channel(MOST_INQUIRIES);
    let control = Control { inquiries };
    let (changed, changes) = mpsc::unbounded_channel();
    serve(bus, &control, &changed);
    tokio::spawn(keep_rights(bus.clone(), control.clone(), changes));
    let task = Task {
        calls,
        bus: bus.clone(),
        env,
        shards,
        mixer,
        sounds,
        sockets: HashMap::new(),
        changed,
        tickets: HashMap::new(),
        next_ticket: 0,
    };
    tokio::spawn(task.run(inbox, reports));
    control
}

fn serve(bus: &Bus, control: &Control, changed: &mpsc::UnboundedSender<GuildId>) {
    let this = control.clone();
    bus.serve(move |request: TakeSeat| {
        let this = this.clone();
        async move { this.ask(|reply| Inquiry::Take(request, reply), Err(SeatRefused::BadPass)).await }
    });
    let this = control.clone();
    bus.serve(move |request: UpdateSeat| {
        let this = this.clone();
        async move { this.ask(|reply| Inquiry::Update(request, reply), false).await }
    });
    let this = control.clone();
    bus.serve(move |request: LeaveSeat| {
        let this = this.clone();
        async move { this.ask(|reply| Inquiry::Leave(request, reply), false).await }
    });
    let this = control.clone();
    bus.serve(move |request: VoiceStatesOf| {
        let this = this.clone();
        async move { this.ask(|reply| Inquiry::StatesOf(request.guild, reply), Vec::new()).await }
    });
    let this = control.clone();
    bus.serve(move |request: VoiceStatesIn| {
        let this = this.clone();
        async move { this.ask(|reply| Inquiry::StatesIn(request, reply), Vec::new()).await }
    });
    let this = control.clone();
    bus.serve(move |request: EndDirectSeats| {
        let this = this.clone();
        async move { this.ask(|reply| Inquiry::EndDirect(request, reply), ()).await }
    });
    let this = control.clone();
    bus.serve(move |request: EndSeat| {
        let this = this.clone();
        async move { this.ask(|reply| Inquiry::PutOut(request, reply), false).await }
    });
    let changed = changed.clone();
    bus.subscribe(move |event: &Arc<GuildEvent>| {
        if let Some(guild) = concerns_rights(event) {
            // It has ended with the server.
            let _ended = changed.send(guild);
        }
    });
    let this = control.inquiries.clone();
    let runtime = tokio::runtime::Handle::current();
    let (sender, handle) = (this.clone(), runtime.clone());
    bus.subscribe(move |event: &Arc<GuildEvent>| {
        if let Some(removal) = Removal::of(event) {
            certainly(&sender, &handle, Inquiry::Removed(removal));
        }
    });
    bus.subscribe(move |event: &Arc<SessionRevoked>| {
        certainly(&this, &runtime, Inquiry::CredentialGone(Credential::Login(event.login)));
    });
}

/// Someone who was thrown out must not stay in the call because a queue was full.
fn certainly(inquiries: &mpsc::Sender<Inquiry>, runtime: &tokio::runtime::Handle, inquiry: Inquiry) {
    if let Err(mpsc::error::TrySendError::Full(inquiry)) = inquiries.try_send(inquiry) {
        let inquiries = inquiries.clone();
        runtime.spawn(async move { inquiries.send(inquiry).await });
    }
}

/// Asks chat again what people may do in their calls whenever that may have changed: one guild after the other, so that
/// a newer answer is never undone by an older one.
async fn keep_rights(bus: Bus, control: Control, mut changes: mpsc::UnboundedReceiver<GuildId>) {
    while let Some(first) = changes.recv().await {
        // Many changes of one guild, as when roles are put into order, are one question.
        let mut guilds = BTreeSet::from([first]);
        while let Ok(another) = changes.try_recv() {
            guilds.insert(another);
        }
        for guild in guilds {
            let mut seats = control.ask(|reply| Inquiry::SeatsIn(guild, reply), Vec::new()).await;
            while !seats.is_empty() {
                let asked = seats.clone();
                match bus.call(CallRightsOf { guild, seats: asked.clone() }).await {
                    Ok(rights) => {
                        control.tell(Inquiry::Rights(asked, rights)).await;
                        break;
                    }
                    // Nobody stays in a call only because chat did not answer once.
                    Err(error) => {
                        tracing::warn!(%error, "rights in calls could not be asked for");
                        tokio::time::sleep(ASK_AGAIN).await;
                        seats = control.ask(|reply| Inquiry::SeatsIn(guild, reply), Vec::new()).await;
                    }
                }
            }
        }
    }
}

struct Task {
    calls: Calls,
    bus: Bus,
    env: Env,
    shards: Vec<ShardHandle>,
    mixer: Orders,
    sounds: sounds::Orders,
    sockets: HashMap<SocketId, mpsc::Sender<ToSocket>>,
    /// Guilds in which rights in calls are to be asked for again.
    changed: mpsc::UnboundedSender<GuildId>,
    /// Strangers who wait for a shard's answer.
    tickets: HashMap<Ticket, oneshot::Sender<Reply>>,
    next_ticket: u64,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Inquiry>, mut reports: mpsc::Receiver<Report>) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let answer = tokio::select! {
                Some(report) = reports.recv() => {
                    self.calls.heard(report, self.env.clock.monotonic());
                    None
                }
                Some(inquiry) = inbox.recv() => match inquiry {
                    Inquiry::Shutdown(done) => return self.shut_down(done),
                    inquiry => self.take(inquiry),
                },
                _ = sweep.tick() => {
                    self.calls.sweep(self.env.clock.monotonic());
                    None
                }
            };
            self.carry_out().await;
            // After the events: who asks finds the world as the answer says.
            if let Some(answer) = answer {
                answer();
            }
        }
    }

    /// Lets the core decide; the reply to be sent once its outputs are carried out.
    fn take(&mut self, inquiry: Inquiry) -> Option<Box<dyn FnOnce() + Send>> {
        let (now, wall) = (self.env.clock.monotonic(), self.env.now());
        match inquiry {
            Inquiry::Take(request, reply) => {
                let seat = self.calls.take_seat(&request, wall, now);
                if let Ok(guild) = seat.as_ref().map(|seat| seat.state.guild_id) {
                    // A pass is good for a minute: what it says may have changed since it was signed.
                    let _ended = guild.map(|guild| self.changed.send(guild));
                }
                Some(later(reply, seat))
            }
            Inquiry::Update(request, reply) => Some(later(reply, self.calls.update_seat(&request))),
            Inquiry::Leave(request, reply) => Some(later(reply, self.calls.leave_seat(&request))),
            Inquiry::StatesOf(guild, reply) => Some(later(reply, self.calls.voice_states_of(guild))),
            Inquiry::StatesIn(request, reply) => {
                Some(later(reply, self.calls.voice_states_in(&request.channels)))
            }
            Inquiry::EndDirect(request, reply) => {
                self.calls.end_direct_seats(&request);
                Some(later(reply, ()))
            }
            Inquiry::Removed(removal) => {
                self.calls.remove(removal);
                None
            }
            Inquiry::Counts(reply) => Some(later(reply, self.calls.counts())),
            Inquiry::QualityOf(channel, reply) => {
                Some(later(reply, self.calls.quality_of(channel, wall, now)))
            }
            Inquiry::SeatsIn(guild, reply) => Some(later(reply, self.calls.seats_in(guild))),
            Inquiry::Rights(asked, rights) => {
                self.calls.set_rights(&asked, &rights);
                None
            }
            Inquiry::PutOut(request, reply) => {
                Some(later(reply, self.calls.put_out(request.guild, request.user)))
            }
            Inquiry::SocketOpened(socket, outbox) => {
                self.sockets.insert(socket, outbox);
                None
            }
            Inquiry::Ask(socket, ask) => {
                self.calls.ask(socket, ask, wall, now);
                None
            }
            Inquiry::SocketClosed { socket, farewell } => {
                self.sockets.remove(&socket);
                self.calls.socket_closed(socket, farewell, now);
                None
            }
            Inquiry::Open(open, reply) => {
                let ticket = self.ticket(reply);
                self.calls.open_stranger(open, ticket, wall, now);
                None
            }
            Inquiry::Patch(named, condition, fragment, reply) => {
                let ticket = self.ticket(reply);
                self.calls.patch_stranger(&named, &condition, fragment, ticket, now);
                None
            }
            Inquiry::Knows(named, reply) => Some(later(reply, self.calls.knows_stranger(&named))),
            Inquiry::CloseStranger(named, reply) => Some(later(reply, self.calls.close_stranger(&named))),
            Inquiry::CredentialGone(credential) => {
                self.calls.credential_gone(credential);
                None
            }
            Inquiry::Tap(channel, part, hears) => {
                self.calls.set_tap(channel, part, hears);
                None
            }
            Inquiry::MayPlay(user, channel, reply) => {
                Some(later(reply, self.calls.may_play(user, channel, now)))
            }
            Inquiry::Play(play, reply) => Some(later(reply, self.calls.play(play, now))),
            Inquiry::MayPlayFile(user, channel, reply) => {
                Some(later(reply, self.calls.may_play_file(user, channel)))
            }
            Inquiry::PlayFile(file, reply) => Some(later(reply, self.calls.play_file(file, now))),
            Inquiry::FileIn(channel, reply) => Some(later(reply, self.calls.file_in(channel))),
            Inquiry::TurnFile(channel, asker, turn, reply) => {
                Some(later(reply, self.calls.turn_file(channel, asker, turn)))
            }
            Inquiry::FileOver(peer) => {
                self.calls.file_over(peer);
                None
            }
            Inquiry::NoMix(peer) => {
                self.calls.no_mix(peer, now);
                None
            }
            Inquiry::Panic(channel) => {
                self.calls.panic_in(channel);
                None
            }
            Inquiry::Shutdown(done) => Some(later(done, ())),
        }
    }

    fn ticket(&mut self, reply: oneshot::Sender<Reply>) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.tickets.insert(ticket, reply);
        ticket
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.calls.poll() {
            match output {
                Output::Publish(event) => self.bus.publish(*event),
                Output::PublishDirect(state) => self.bus.publish(*state),
                Output::Send(socket, text) => self.deliver(socket, ToSocket::Send(text)),
                Output::Close(socket, close) => {
                    self.deliver(socket, ToSocket::Close(close));
                    self.sockets.remove(&socket);
                }
                Output::Reply(ticket, reply) => {
                    if let Some(waiting) = self.tickets.remove(&ticket) {
                        // Whoever asked may have hung up: consent will end what they opened.
                        let _gone = waiting.send(*reply);
                    }
                }
                Output::Mixer(order) => {
                    let peer = match &order {
                        Order::Listen { peer, .. } => Some(*peer),
                        Order::Stop => None,
                    };
                    if !self.mixer.give(order)
                        && let Some(peer) = peer
                    {
                        self.calls.no_mix(peer, self.env.clock.monotonic());
                    }
                }
                Output::Sounds(order) => _ = self.sounds.give(order),
                Output::Shard(shard, command) => {
                    let sent = match self.shards.get(shard) {
                        Some(handle) => handle.send(command).await,
                        None => false,
                    };
                    if !sent {
                        // The sweep ends the session whose offer stays unanswered.
                        tracing::error!(shard, "a media shard has ended");
                    }
                }
            }
        }
    }

    fn deliver(&mut self, socket: SocketId, message: ToSocket) {
        let Some(outbox) = self.sockets.get(&socket) else { return };
        match outbox.try_send(message) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                // It does not read: without its sender the socket's task closes it, and the client resumes.
                self.sockets.remove(&socket);
                self.calls.socket_closed(socket, Farewell::None, self.env.clock.monotonic());
            }
            // Its task has ended and says why in the inbox: it is only behind this message.
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    fn shut_down(self, done: oneshot::Sender<()>) {
        for outbox in self.sockets.values() {
            // One whose outbox is full sees its channel close instead.
            let _full = outbox.try_send(ToSocket::Close(VoiceClose::GoingAway));
        }
        // Nobody waits when the server was torn down meanwhile.
        let _unheard = done.send(());
    }
}

fn later<T: Send + 'static>(reply: oneshot::Sender<T>, value: T) -> Box<dyn FnOnce() + Send> {
    Box::new(move || {
        // Whoever asked may have been cancelled.
        let _gone = reply.send(value);
    })
}
