-- How far people have read. Counters are not stored: they are counted from what is newer, so they cannot drift.

CREATE TABLE read_state (
    user_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    last_read_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, channel_id)
) WITHOUT ROWID;
CREATE INDEX read_state_of_channel ON read_state (channel_id);

-- Whom a message mentions: a person, a role, or (by the guild's id) everyone. One row for each, however many people
-- have the role.
CREATE TABLE mention (
    target_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    PRIMARY KEY (target_id, message_id)
) WITHOUT ROWID;
CREATE INDEX mention_of_message ON mention (message_id);
