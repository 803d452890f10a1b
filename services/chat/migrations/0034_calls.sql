-- Calls of direct conversations, as their messages tell them.

-- JSON: who was in it and when it ended; null for all other messages.
ALTER TABLE message ADD COLUMN call TEXT;

-- Those that go on: whatever stands here when chat starts was cut off.
CREATE TABLE open_call (
    message_id BIGINT PRIMARY KEY,
    channel_id BIGINT NOT NULL
) WITHOUT ROWID;
