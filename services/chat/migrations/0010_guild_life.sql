-- What makes a guild a place to live in: its looks, who was sent away, what moderators did.

ALTER TABLE guild ADD COLUMN icon TEXT;
ALTER TABLE guild ADD COLUMN description TEXT;
ALTER TABLE guild ADD COLUMN system_channel_id BIGINT;
ALTER TABLE guild ADD COLUMN preferred_locale TEXT NOT NULL DEFAULT 'en-US';

-- The bot that a managed role came with.
ALTER TABLE role ADD COLUMN bot_id BIGINT;

-- Slow mode: seconds between two messages of one person.
ALTER TABLE channel ADD COLUMN rate_limit_per_user BIGINT NOT NULL DEFAULT 0;

-- In calls, by a moderator.
ALTER TABLE member ADD COLUMN muted BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE member ADD COLUMN deafened BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE audit_log (
    id BIGINT PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    action BIGINT NOT NULL,
    user_id BIGINT,
    target_id BIGINT,
    -- What changed, options and the reason, as JSON.
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_log_of_guild ON audit_log (guild_id, id);
CREATE INDEX audit_log_of_user ON audit_log (guild_id, user_id, id);
CREATE INDEX audit_log_of_action ON audit_log (guild_id, action, id);

CREATE TABLE ban (
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    reason TEXT,
    PRIMARY KEY (guild_id, user_id)
) WITHOUT ROWID;

-- Channels in which someone's messages are being deleted, a few at a time: those after one id, up to another.
CREATE TABLE purge (
    channel_id BIGINT NOT NULL REFERENCES channel (id) ON DELETE CASCADE,
    author_id BIGINT NOT NULL,
    after_id BIGINT NOT NULL,
    through_id BIGINT NOT NULL,
    PRIMARY KEY (channel_id, author_id)
) WITHOUT ROWID;

-- Who came by which invite; outlives the invite.
CREATE TABLE invite_use (
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (guild_id, code, user_id)
) WITHOUT ROWID;
CREATE INDEX invite_use_by_code ON invite_use (code);
CREATE INDEX invite_use_by_age ON invite_use (used_at);

CREATE TABLE emoji (
    id BIGINT PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    animated BOOLEAN NOT NULL,
    -- Of its picture.
    hash TEXT NOT NULL,
    -- Who made it.
    user_id BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX emoji_of_guild ON emoji (guild_id);

-- Who may use it; nobody is named when everyone may.
CREATE TABLE emoji_role (
    emoji_id BIGINT NOT NULL REFERENCES emoji (id) ON DELETE CASCADE,
    role_id BIGINT NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    PRIMARY KEY (emoji_id, role_id)
) WITHOUT ROWID;
CREATE INDEX emoji_role_of_role ON emoji_role (role_id);
