-- Keys with which programs stream into one channel as one person. The key itself is not here, only its SHA-256.
CREATE TABLE stream_key (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    guild_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    sha256 BLOB NOT NULL,
    name TEXT NOT NULL,
    may_view BOOLEAN NOT NULL,
    last_used_at BIGINT
) WITHOUT ROWID;
CREATE UNIQUE INDEX stream_key_by_hash ON stream_key (sha256);
CREATE INDEX stream_key_by_user ON stream_key (user_id, channel_id);
CREATE INDEX stream_key_by_channel ON stream_key (channel_id);
CREATE INDEX stream_key_by_guild ON stream_key (guild_id);
