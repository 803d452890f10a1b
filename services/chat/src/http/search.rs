//! Routes of search.

use axum::{Json, extract::State};
use voxlink_protocol::{ChannelId, GuildId};
use voxlink_service_kit::{ApiError, ApiPath, ApiQuery, Authenticated};

use crate::{
    Chat,
    search::{find::Found, query::SearchQuery},
};

/// Filters may be repeated.
type Pairs = Vec<(String, String)>;

pub(super) async fn in_guild(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiQuery(pairs): ApiQuery<Pairs>,
) -> Result<Json<Found>, ApiError> {
    // Mistakes in the query are for those who are inside.
    chat.guild(me.user.id, guild)?;
    Ok(Json(chat.search_guild(me.user.id, guild, SearchQuery::parse(&pairs)?).await?))
}

pub(super) async fn in_channel(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiQuery(pairs): ApiQuery<Pairs>,
) -> Result<Json<Found>, ApiError> {
    chat.any_channel(me.user.id, channel).await?;
    Ok(Json(chat.search_channel(me.user.id, channel, SearchQuery::parse(&pairs)?).await?))
}
