//! The message that tells of a call: stored when it begins, changed by who comes, closed when it ends.

use voxlink_protocol::{ChannelId, MessageCall, MessageId, MessageKind, UserId};

use crate::{
    Chat, Refusal,
    message::system::Notice,
    state::place::Place,
    store::{self, messages},
};

impl Chat {
    /// Stores the message of a call that begins. It counts as unread for everyone but the caller, who sees at once that
    /// somebody calls; and whoever does not come has a missed call there.
    pub(crate) async fn store_call(&self, channel: ChannelId, caller: UserId) -> Result<MessageId, Refusal> {
        let people: Vec<UserId> = {
            let world = self.world();
            let people = world.directs.get(channel).map(|direct| &direct.people);
            people.into_iter().flat_map(|people| people.keys().copied()).collect()
        };
        // Remembered from now on: those who had closed the conversation are shown it again with the message.
        self.inner.users.get(people).await?;
        let author = self.inner.users.one(caller).await?;
        let chat = self.clone();
        self.commit_in(Place::Direct, None, move |change| {
            let call = MessageCall { participants: vec![caller], ended_timestamp: None };
            let notice = Notice::new(channel, author, MessageKind::Call);
            chat.put_named_notice(change, Notice { call: Some(call), ..notice })
        })
        .await
    }

    /// Says who has been in it, and that it is over. What cannot be stored is logged: the call itself does not wait.
    pub(crate) async fn retell_call(
        &self,
        channel: ChannelId,
        message: MessageId,
        participants: Vec<UserId>,
        ended: bool,
    ) {
        let ended_timestamp = ended.then(|| self.inner.env.now());
        let call = MessageCall { participants, ended_timestamp };
        if let Err(error) = self.change_call(channel, message, move |_| call).await {
            tracing::error!(%error, "the message of a call does not tell how it went");
        }
    }

    /// Closes what a stop of the server left open: nobody is in those calls any more.
    ///
    /// # Errors
    /// When the database or identity fails.
    pub(crate) async fn close_open_calls(&self) -> Result<(), Refusal> {
        let open = self.inner.db.read(store::calls::open).await?;
        let now = self.inner.env.now();
        for (channel, message) in open {
            self.change_call(channel, message, move |call| MessageCall {
                ended_timestamp: Some(now),
                ..call
            })
            .await?;
        }
        Ok(())
    }

    async fn change_call(
        &self,
        channel: ChannelId,
        message: MessageId,
        change_to: impl FnOnce(MessageCall) -> MessageCall + Send + 'static,
    ) -> Result<(), Refusal> {
        let found = self.inner.db.read(move |sql| messages::find(sql, channel, message)).await?;
        let author = found.as_ref().map(|stored| stored.author);
        let users = self.inner.users.get(author).await?;
        let chat = self.clone();
        self.commit_in(Place::Direct, None, move |change| {
            let stored = messages::find(change.sql, channel, message)?;
            let before = stored.as_ref().and_then(|stored| stored.call.clone());
            let call = change_to(before.unwrap_or_default());
            // Also when the conversation is gone: then the call is not open any more.
            store::calls::tell(change.sql, channel, message, &call)?;
            if let Some(mut stored) = stored {
                stored.call = Some(call);
                chat.tell_update(change, channel, stored, users, None)?;
            }
            Ok::<_, Refusal>(())
        })
        .await
    }
}
