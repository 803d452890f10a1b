//! Search: words and marks that each message is found by, a query in the same terms, and an index that finds by id, the
//! newest first.
//!
//! A message's document is its words, folded ([`terms::words`]), and marks: where it is, who wrote it, whom it mentions,
//! what it has. Marks begin with a letter that no word has, so what a person types is never a mark. A search is one
//! question to the index with everything in it, the channels that the searcher may read included.

pub mod find;
mod follow;
pub mod query;
pub mod terms;

use voxlink_protocol::{ChannelId, Snowflake};

use crate::state::place::Place;

pub(crate) use follow::{Follower, follow, forget, note};

/// What every search is within: a guild, or a direct conversation.
fn scope_id(place: Place, channel: ChannelId) -> Snowflake {
    Snowflake(place.guild().map_or(channel.get(), |guild| guild.get()))
}
