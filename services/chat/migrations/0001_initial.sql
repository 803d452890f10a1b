-- Everything chat owns. Ids are snowflakes, times are milliseconds since the Unix epoch.

CREATE TABLE guild (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    owner_id BIGINT NOT NULL,
    -- The version of its newest event.
    version BIGINT NOT NULL,
    -- The newest message id ever given out in it: ids never go back, whatever was deleted.
    newest_message_id BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE TABLE role (
    id BIGINT PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    color BIGINT NOT NULL,
    hoist BOOLEAN NOT NULL,
    position BIGINT NOT NULL,
    permissions BIGINT NOT NULL,
    managed BOOLEAN NOT NULL,
    mentionable BOOLEAN NOT NULL
);
CREATE INDEX role_of_guild ON role (guild_id);

CREATE TABLE channel (
    id BIGINT PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    kind BIGINT NOT NULL,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    parent_id BIGINT,
    topic TEXT,
    nsfw BOOLEAN NOT NULL,
    bitrate BIGINT,
    user_limit BIGINT
);
CREATE INDEX channel_of_guild ON channel (guild_id);

CREATE TABLE overwrite (
    channel_id BIGINT NOT NULL REFERENCES channel (id) ON DELETE CASCADE,
    target_id BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    allow_bits BIGINT NOT NULL,
    deny_bits BIGINT NOT NULL,
    PRIMARY KEY (channel_id, target_id)
) WITHOUT ROWID;

CREATE TABLE member (
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    nick TEXT,
    joined_at BIGINT NOT NULL,
    timed_out_until BIGINT,
    PRIMARY KEY (guild_id, user_id)
) WITHOUT ROWID;
CREATE INDEX member_of_user ON member (user_id);

CREATE TABLE member_role (
    guild_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    role_id BIGINT NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    PRIMARY KEY (guild_id, user_id, role_id),
    FOREIGN KEY (guild_id, user_id) REFERENCES member (guild_id, user_id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX member_role_of_role ON member_role (role_id);

CREATE TABLE invite (
    code TEXT PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id) ON DELETE CASCADE,
    channel_id BIGINT NOT NULL REFERENCES channel (id) ON DELETE CASCADE,
    inviter_id BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    max_uses BIGINT NOT NULL,
    max_age BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
) WITHOUT ROWID;
CREATE INDEX invite_of_guild ON invite (guild_id);
CREATE INDEX invite_of_channel ON invite (channel_id);
CREATE INDEX invite_by_end ON invite (expires_at);

-- Clustered: a page of history is one run of neighbours. The time of a message is in its id.
CREATE TABLE message (
    channel_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    content TEXT NOT NULL,
    edited_at BIGINT,
    PRIMARY KEY (channel_id, id)
) WITHOUT ROWID;

-- Stored with the message, so that a retry finds it even after a crash; pruned by the age of the message id.
CREATE TABLE nonce (
    channel_id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    nonce TEXT NOT NULL,
    message_id BIGINT NOT NULL,
    PRIMARY KEY (channel_id, author_id, nonce)
) WITHOUT ROWID;
CREATE INDEX nonce_by_age ON nonce (message_id);

-- Deleted channels whose messages are still to be cleared away, a few at a time.
CREATE TABLE doomed_channel (id BIGINT PRIMARY KEY);
