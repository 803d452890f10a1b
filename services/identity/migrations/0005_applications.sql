-- An application and its bot are one: the id is the bot's account, the name is that account's. The bot's token is its
-- only login.
CREATE TABLE applications (
  id BIGINT PRIMARY KEY REFERENCES accounts (id),
  owner_id BIGINT NOT NULL REFERENCES accounts (id),
  icon TEXT,
  description TEXT NOT NULL,
  tags TEXT NOT NULL,
  flags BIGINT NOT NULL,
  signing_key BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX applications_by_owner ON applications (owner_id);
