-- A guild's own sounds, which people play in calls.
CREATE TABLE sound (
    id BIGINT PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- In thousandths.
    volume BIGINT NOT NULL,
    emoji_id BIGINT,
    emoji_name TEXT,
    -- Under which files keeps it.
    hash TEXT NOT NULL,
    -- Who made it.
    user_id BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sound_of_guild ON sound (guild_id);
