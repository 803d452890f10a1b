-- Calls of two go through the server even where they could go directly.
ALTER TABLE settings ADD COLUMN hide_address BOOLEAN NOT NULL DEFAULT FALSE;
