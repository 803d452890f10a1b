-- What a message may have besides its words. Most messages have none of it and stay as cheap as they were.
ALTER TABLE message ADD COLUMN kind BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN flags BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN mention_everyone BOOLEAN NOT NULL DEFAULT FALSE;
-- The message that it answers or tells of, in the same channel; it may be gone.
ALTER TABLE message ADD COLUMN reference_id BIGINT;
-- JSON lists in the shapes of the wire; null when empty.
ALTER TABLE message ADD COLUMN mentions TEXT;
ALTER TABLE message ADD COLUMN mention_roles TEXT;
ALTER TABLE message ADD COLUMN attachments TEXT;
ALTER TABLE message ADD COLUMN embeds TEXT;
-- Rises from pin to pin within a channel, so that it can be paged by.
ALTER TABLE message ADD COLUMN pinned_at BIGINT;
CREATE INDEX message_pinned ON message (channel_id, pinned_at) WHERE pinned_at IS NOT NULL;

-- The emojis under a message and how many people chose each.
CREATE TABLE reaction (
    channel_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    -- The Unicode emoji itself, or the id of a guild's own.
    emoji TEXT NOT NULL,
    -- A guild's own emoji: its name when it was first chosen.
    name TEXT,
    animated BOOLEAN NOT NULL,
    people BIGINT NOT NULL,
    -- A snowflake: which came first.
    place BIGINT NOT NULL,
    PRIMARY KEY (channel_id, message_id, emoji)
) WITHOUT ROWID;

CREATE TABLE reaction_of_user (
    channel_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    emoji TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (channel_id, message_id, emoji, user_id)
) WITHOUT ROWID;

-- When someone last posted where slow mode holds them. Written only there; pruned by age.
CREATE TABLE slow_mode (
    channel_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    posted_at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, user_id)
) WITHOUT ROWID;
CREATE INDEX slow_mode_by_age ON slow_mode (posted_at);
