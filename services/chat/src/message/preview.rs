//! Cards of the links in a message: asked for after it is stored, put under it when they come.

use voxlink_protocol::{ChannelId, Embed, Message, MessageFlags, MessageId, UserId, files::PreviewLinks};
use voxlink_service_kit::CallError;

use super::{embeds::is_laid_out, links};
use crate::{Chat, Refusal, state::place::Place, store::messages};

/// Messages that wait for their cards at once, at most; those beyond get none. A wait takes up to 6 seconds.
pub(crate) const MOST_WAITING: usize = 256;
/// What a card is when its maker does not say.
const PLAIN_CARD: &str = "link";

impl Chat {
    /// Asks for the cards of a message's links, in a task of its own. Nothing comes of it when the message is edited,
    /// deleted or has its embeds hidden meanwhile.
    pub(super) fn preview_links(&self, author: UserId, place: Place, message: &Message) {
        if !message.content.contains("://") || !message.embeds.is_empty() {
            return;
        }
        let urls = links::to_preview(&message.content);
        if urls.is_empty() || message.flags.contains(MessageFlags::SUPPRESS_EMBEDS) {
            return;
        }
        let Ok(permit) = self.inner.previews.clone().try_acquire_owned() else {
            return tracing::warn!("too many messages wait for the cards of their links: this one gets none");
        };
        let (chat, content) = (self.clone(), message.content.clone());
        let (channel, id) = (message.channel_id, message.id);
        tokio::spawn(async move {
            match chat.inner.bus.call(PreviewLinks { user: author, urls }).await {
                Ok(cards) if cards.is_empty() => {}
                Ok(cards) => chat.put_cards(place, channel, id, content, cards).await,
                Err(CallError::NoService(_)) => tracing::debug!("nobody makes cards of links"),
                Err(error) => tracing::warn!(%error, "a message gets no cards of its links"),
            }
            drop(permit);
        });
    }

    async fn put_cards(
        &self,
        place: Place,
        channel: ChannelId,
        id: MessageId,
        content: String,
        mut cards: Vec<Embed>,
    ) {
        for card in &mut cards {
            // What is laid out by people and programs is `rich`, and outlives an edit.
            if card.kind.is_empty() || is_laid_out(card) {
                PLAIN_CARD.clone_into(&mut card.kind);
            }
        }
        let done = async {
            let (_, around) = self.find_with_people(channel, place.guild(), id, None).await?;
            let chat = self.clone();
            self.commit_in(place, None, move |change| {
                let mut stored = messages::find(change.sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
                let hidden = stored.flags.contains(MessageFlags::SUPPRESS_EMBEDS);
                if hidden || stored.content != content || !stored.embeds.is_empty() {
                    return Ok(());
                }
                stored.embeds = cards;
                messages::update(change.sql, channel, &stored)?;
                chat.tell_update(change, channel, stored, around.users, None).map(|_message| ())
            })
            .await
        };
        match done.await {
            Ok(()) | Err(Refusal::UnknownMessage | Refusal::UnknownChannel | Refusal::UnknownGuild) => {}
            Err(error) => tracing::warn!(%error, "the cards of a message's links were not stored"),
        }
    }
}
