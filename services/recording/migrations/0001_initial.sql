-- Recordings of calls. Whatever stands here with state 0 when the service starts was cut off.
CREATE TABLE recording (
    id BIGINT NOT NULL PRIMARY KEY,
    guild_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    started_by BIGINT NOT NULL,
    -- 0 goes on, 1 is being made ready, 2 ready, 3 failed, 4 is being deleted
    state BIGINT NOT NULL,
    duration_ms BIGINT,
    -- Why it failed.
    problem TEXT,
    -- The message that tells of it.
    message_id BIGINT
) WITHOUT ROWID;
CREATE INDEX recording_by_channel ON recording (channel_id, id);
CREATE INDEX recording_by_state ON recording (state);
CREATE INDEX recording_by_guild ON recording (guild_id, id);

-- The files of each person, as they were sent.
CREATE TABLE track (
    recording_id BIGINT NOT NULL,
    file TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    source TEXT NOT NULL,
    codec TEXT NOT NULL,
    starts_ms BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (recording_id, file)
) WITHOUT ROWID;

-- What is made of them.
CREATE TABLE output (
    recording_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    -- 0 waits, 1 ready, 2 failed
    state BIGINT NOT NULL,
    reason TEXT,
    file TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (recording_id, kind)
) WITHOUT ROWID;

-- The rules of guilds that have changed them.
CREATE TABLE guild_rule (
    guild_id BIGINT NOT NULL PRIMARY KEY,
    -- 0 announce, 1 ask, 2 off
    policy BIGINT NOT NULL,
    keep_days BIGINT
) WITHOUT ROWID;
