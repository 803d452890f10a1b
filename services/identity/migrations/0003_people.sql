-- What others see of an account, what its person chose, and how people stand to each other.
ALTER TABLE accounts ADD COLUMN bot BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE accounts ADD COLUMN avatar TEXT;
ALTER TABLE accounts ADD COLUMN banner TEXT;
ALTER TABLE accounts ADD COLUMN accent_color BIGINT;
ALTER TABLE accounts ADD COLUMN bio TEXT;
ALTER TABLE accounts ADD COLUMN pronouns TEXT;
-- Set once the account is gone; the row stays, so that what it wrote has an author.
ALTER TABLE accounts ADD COLUMN deleted_at BIGINT;
CREATE INDEX accounts_by_end ON accounts (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE settings (
  user_id BIGINT PRIMARY KEY REFERENCES accounts (id),
  status TEXT NOT NULL,
  locale TEXT,
  status_text TEXT,
  status_emoji_id BIGINT,
  status_emoji_name TEXT,
  status_expires_at BIGINT
) WITHOUT ROWID;
CREATE INDEX settings_by_expiry ON settings (status_expires_at) WHERE status_expires_at IS NOT NULL;

-- One row per side: how user_id stands to other_id. 1 friend, 2 blocked, 3 incoming, 4 outgoing.
CREATE TABLE relationships (
  user_id BIGINT NOT NULL REFERENCES accounts (id),
  other_id BIGINT NOT NULL REFERENCES accounts (id),
  kind BIGINT NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (user_id, other_id)
) WITHOUT ROWID;
CREATE INDEX relationships_by_other ON relationships (other_id);

CREATE TABLE notes (
  user_id BIGINT NOT NULL REFERENCES accounts (id),
  about_id BIGINT NOT NULL REFERENCES accounts (id),
  note TEXT NOT NULL,
  PRIMARY KEY (user_id, about_id)
) WITHOUT ROWID;
CREATE INDEX notes_by_about ON notes (about_id);
