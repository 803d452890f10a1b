-- Direct conversations: between two people, or a group.

CREATE TABLE direct_channel (
    id BIGINT PRIMARY KEY,
    kind BIGINT NOT NULL,
    -- Between two: the lesser and the greater id, so that a pair has one conversation. Null for groups.
    pair TEXT UNIQUE,
    owner_id BIGINT,
    name TEXT,
    icon TEXT,
    last_message_id BIGINT
) WITHOUT ROWID;

CREATE TABLE direct_recipient (
    channel_id BIGINT NOT NULL REFERENCES direct_channel (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    -- Shown in this person's list: closing a conversation hides it until the next message.
    shown BOOLEAN NOT NULL,
    PRIMARY KEY (channel_id, user_id)
) WITHOUT ROWID;
CREATE INDEX direct_recipient_of_user ON direct_recipient (user_id);
