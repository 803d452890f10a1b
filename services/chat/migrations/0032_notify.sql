-- What people want to hear of. guild_id 0: direct conversations.

CREATE TABLE notify_guild (
    user_id BIGINT NOT NULL,
    guild_id BIGINT NOT NULL,
    muted BOOLEAN NOT NULL,
    mute_until BIGINT,
    level BIGINT NOT NULL,
    suppress_everyone BOOLEAN NOT NULL,
    suppress_roles BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, guild_id)
) WITHOUT ROWID;

CREATE TABLE notify_channel (
    user_id BIGINT NOT NULL,
    guild_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    muted BOOLEAN NOT NULL,
    mute_until BIGINT,
    level BIGINT NOT NULL,
    PRIMARY KEY (user_id, guild_id, channel_id)
) WITHOUT ROWID;
