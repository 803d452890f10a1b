-- `secret` is sealed with the key file beside the database; `last_step` is the newest half minute whose code was used.
CREATE TABLE totp (
  user_id BIGINT PRIMARY KEY REFERENCES accounts (id),
  secret BLOB NOT NULL,
  enabled BOOLEAN NOT NULL,
  last_step BIGINT NOT NULL
) WITHOUT ROWID;

-- SHA-256 of what has 120 unguessable bits; a used one is deleted.
CREATE TABLE recovery_codes (
  user_id BIGINT NOT NULL REFERENCES accounts (id),
  hash BLOB NOT NULL,
  PRIMARY KEY (user_id, hash)
) WITHOUT ROWID;
