//! What chat answers on the bus.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;
use voxlink_protocol::{
    ChannelId, ChannelKind, GuildId, GuildSnapshot, Permissions, Secret, UserId,
    bus::{
        CallRights, CallRightsOf, CallsOf, DirectChannelsOf, GuildsOf, InviteWorks, IssueCallPass,
        IssueStreamPass, LoadGuild, LogRecording, PassRefused, PermissionsIn, PermissionsOf, PostEmbed,
        ReadStatesOf, UserGuildSettingsOf, WithdrawEmbed, WrittenBetween,
    },
    event::UserEvent,
    files::{AttachRefused, MayAttach},
    people::{AccountDeleted, OwnedGuilds},
    playback::FileToPlay,
    soundboard::SoundToPlay,
    voice::CallPass,
};
use voxlink_service_kit::{CallError, Unavailable};

use crate::{Chat, Inner, call::end::Doubt};

/// Design §2: a pass is good for at most 60 s.
pub(crate) const PASS_LIFE: Duration = Duration::from_secs(60);

impl Chat {
    /// Handlers hold the service weakly: it ends when its owner drops it, though the bus lives on.
    pub(crate) fn serve_bus(&self) {
        let weak = Arc::downgrade(&self.inner);
        let chat = move || weak.upgrade().map(|inner: Arc<Inner>| Self { inner });
        let bus = &self.inner.bus;
        let this = chat.clone();
        bus.serve(move |request: GuildsOf| {
            let found = this().map(|chat| chat.guilds_of(request.user)).unwrap_or_default();
            async move { found }
        });
        let (this, runtime) = (chat.clone(), Handle::current());
        bus.subscribe(move |gone: &Arc<AccountDeleted>| {
            let (Some(chat), user) = (this(), gone.user) else { return };
            runtime.spawn(async move {
                if let Err(error) = chat.forget_in_directs(user).await {
                    tracing::error!(%error, %user, "an account that is gone may still be in groups");
                }
                if let Err(error) = chat.forget_account(user).await {
                    tracing::error!(%error, %user, "memberships of an account that is gone did not all end");
                }
            });
        });
        let this = chat.clone();
        bus.try_serve(move |request: DirectChannelsOf| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.direct_channels(request.user).await.map_err(|_| Unavailable) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: ReadStatesOf| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.read_states(request.user).await.map_err(|_| Unavailable) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: UserGuildSettingsOf| {
            let chat = this();
            async move {
                chat.ok_or(Unavailable)?.all_notify_settings(request.user).await.map_err(|_| Unavailable)
            }
        });
        let this = chat.clone();
        bus.try_serve(move |request: LoadGuild| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.load_guild(request.guild).await.map_err(|_| Unavailable) }
        });
        let this = chat.clone();
        bus.serve(move |request: InviteWorks| {
            let chat = this();
            async move {
                let Some(chat) = chat else { return false };
                chat.living_invite(&request.code.0).await.is_ok()
            }
        });
        let this = chat.clone();
        bus.serve(move |request: MayAttach| {
            let grant = this().map_or(Err(AttachRefused::Unknown), |chat| chat.may_attach(&request));
            async move { grant }
        });
        let this = chat.clone();
        bus.serve(move |request: OwnedGuilds| {
            let owned = this().map_or(0, |chat| chat.owned_guilds(request.user));
            async move { owned }
        });
        let this = chat.clone();
        bus.serve(move |request: CallRightsOf| {
            let rights = this().map(|chat| chat.call_rights_of(&request)).unwrap_or_default();
            async move { rights }
        });
        let this = chat.clone();
        bus.serve(move |request: IssueStreamPass| {
            let pass = this().map_or(Err(PassRefused::Unknown), |chat| chat.issue_stream_pass(request));
            async move { pass }
        });
        let this = chat.clone();
        bus.serve(move |request: IssueCallPass| {
            let chat = this();
            async move { chat.ok_or(PassRefused::Unknown)?.issue_call_pass(request).await }
        });
        self.serve_recordings(chat.clone());
        self.serve_calls(chat);
    }

    /// What recordings ask: who may do what, and messages that tell of them.
    fn serve_recordings(&self, chat: impl Fn() -> Option<Self> + Clone + Send + Sync + 'static) {
        let bus = &self.inner.bus;
        let this = chat.clone();
        bus.try_serve(move |request: PermissionsIn| {
            let chat = this();
            async move { Ok(chat.ok_or(Unavailable)?.permissions_in(&request)) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: PermissionsOf| {
            let chat = this();
            async move { Ok(chat.ok_or(Unavailable)?.permissions_of(&request)) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: PostEmbed| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.post_embed(request).await.map_err(|_| Unavailable) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: LogRecording| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.log_recording(request).await.map_err(|_| Unavailable) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: WrittenBetween| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.written_between(request).await.map_err(|_| Unavailable) }
        });
        bus.try_serve(move |request: WithdrawEmbed| {
            let chat = chat();
            async move {
                let chat = chat.ok_or(Unavailable)?;
                chat.withdraw_embed(request.channel, request.message).await.map_err(|_| Unavailable)
            }
        });
    }

    /// What concerns the calls of conversations.
    fn serve_calls(&self, chat: impl Fn() -> Option<Self> + Clone + Send + Sync + 'static) {
        let bus = &self.inner.bus;
        let this = chat.clone();
        bus.try_serve(move |request: CallsOf| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.calls_of(request.user).await.ok_or(Unavailable) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: SoundToPlay| {
            let chat = this();
            async move { Ok(chat.ok_or(Unavailable)?.sound_to_play(&request)) }
        });
        let this = chat.clone();
        bus.try_serve(move |request: FileToPlay| {
            let chat = this();
            async move { chat.ok_or(Unavailable)?.file_to_play(&request).await.map_err(|_| Unavailable) }
        });
        self.hear_voice_states();
        let runtime = Handle::current();
        bus.subscribe(move |event: &Arc<UserEvent>| {
            let (Some(doubt), Some(chat)) = (Doubt::of(event), chat()) else { return };
            runtime.spawn(async move { chat.settle_doubt(doubt).await });
        });
    }

    /// Where someone is a member.
    #[must_use]
    pub fn guilds_of(&self, user: UserId) -> Vec<GuildId> {
        self.world().guilds_of(user).map(|state| state.guild.id).collect()
    }

    /// A guild at one version, with its members' accounts; `None` when there is no such guild.
    ///
    /// # Errors
    /// When identity does not answer.
    pub async fn load_guild(&self, guild: GuildId) -> Result<Option<GuildSnapshot>, CallError> {
        let (mut snapshot, ids) = {
            let world = self.world();
            let Some(state) = world.guild(guild) else { return Ok(None) };
            let ids: Vec<UserId> = state.members.keys().copied().collect();
            let snapshot = GuildSnapshot {
                version: state.version,
                guild: state.guild.clone(),
                channels: state.channels.values().cloned().collect(),
                members: state.members.values().cloned().collect(),
            };
            (snapshot, ids)
        };
        let found = self.inner.users.get(ids.iter().copied()).await;
        let mut users = found.inspect_err(|error| tracing::error!(%error, "a guild could not be loaded"))?;
        for (member, id) in snapshot.members.iter_mut().zip(ids) {
            member.user = users.remove(&id);
        }
        Ok(Some(snapshot))
    }

    /// A signed pass to a call.
    ///
    /// # Errors
    /// See [`PassRefused`].
    pub async fn issue_call_pass(&self, request: IssueCallPass) -> Result<Secret, PassRefused> {
        let IssueCallPass { user, guild, channel, session_id } = request;
        if guild.is_none() {
            return self.direct_call_pass(user, channel, session_id).await;
        }
        let pass = self.pass_to(user, channel, session_id)?;
        if pass.guild_id != guild {
            return Err(PassRefused::Unknown);
        }
        Ok(self.inner.pass_key.sign(&pass))
    }

    /// A signed pass to the call of a channel, whichever guild it is in.
    ///
    /// # Errors
    /// See [`PassRefused`].
    pub fn issue_stream_pass(&self, request: IssueStreamPass) -> Result<Secret, PassRefused> {
        let pass = self.pass_to(request.user, request.channel, request.session_id)?;
        Ok(self.inner.pass_key.sign(&pass))
    }

    fn pass_to(
        &self,
        user_id: UserId,
        channel_id: ChannelId,
        session_id: String,
    ) -> Result<CallPass, PassRefused> {
        let now = self.inner.env.now();
        let world = self.world();
        let view = world.view_channel(channel_id, user_id, now).map_err(|_| PassRefused::Unknown)?;
        if view.channel.kind != ChannelKind::Voice {
            return Err(PassRefused::NotVoice);
        }
        let may = |permission| view.permissions.contains(permission);
        if !may(Permissions::CONNECT) {
            return Err(PassRefused::Forbidden);
        }
        let unlimited = may(Permissions::MOVE_MEMBERS);
        Ok(CallPass {
            user_id,
            guild_id: Some(view.state.guild.id),
            channel_id,
            session_id,
            may_speak: may(Permissions::SPEAK) && !view.member.mute,
            may_stream: may(Permissions::STREAM),
            e2ee: false,
            user_limit: if unlimited { 0 } else { view.channel.user_limit.unwrap_or(0) },
            expires: now.plus(PASS_LIFE),
        })
    }

    /// What people may do in the calls in which they sit; whoever may not be there is left out.
    #[must_use]
    pub fn call_rights_of(&self, request: &CallRightsOf) -> Vec<CallRights> {
        let now = self.inner.env.now();
        let world = self.world();
        let rights = request.seats.iter().filter_map(|(user, channel)| {
            let view = world.view_channel(*channel, *user, now).ok()?;
            let may = |permission| view.permissions.contains(permission);
            let stays = may(Permissions::CONNECT) && view.state.guild.id == request.guild;
            stays.then(|| CallRights {
                user: *user,
                channel: *channel,
                may_speak: may(Permissions::SPEAK),
                may_stream: may(Permissions::STREAM),
                mute: view.member.mute,
                deaf: view.member.deaf,
            })
        });
        rights.collect()
    }
}
