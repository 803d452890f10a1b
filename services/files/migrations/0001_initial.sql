-- Everything that lies in object storage. A row is there before its blob is written and until its blob is deleted:
-- whatever a crash leaves behind is found from here. `unsettled_since` is null while the blob is kept; otherwise the
-- time from which on it waits to be kept (being written) or deleted (0).
CREATE TABLE blob (
    name TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    unsettled_since BIGINT
) WITHOUT ROWID;
CREATE INDEX blob_unsettled ON blob (unsettled_since);

-- What people uploaded into channels. `unused_since` is null while a message uses it.
CREATE TABLE upload (
    id BIGINT NOT NULL PRIMARY KEY,
    uploader_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    access_key BLOB NOT NULL,
    blob TEXT NOT NULL,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 BLOB NOT NULL,
    width BIGINT,
    height BIGINT,
    duration_ms BIGINT,
    unused_since BIGINT
) WITHOUT ROWID;
CREATE INDEX upload_by_channel ON upload (channel_id);
CREATE INDEX upload_unused ON upload (unused_since);

-- Which messages use an upload. A released row stays as long as the upload: what is heard late must not bring it back.
CREATE TABLE upload_use (
    upload_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    released BOOLEAN NOT NULL,
    PRIMARY KEY (upload_id, message_id)
) WITHOUT ROWID;

-- The bytes of all uploads of a person.
CREATE TABLE used_room (
    user_id BIGINT NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL
) WITHOUT ROWID;

-- Smaller copies of pictures, made when first asked for.
CREATE TABLE thumbnail (
    original TEXT NOT NULL,
    variant TEXT NOT NULL,
    blob TEXT NOT NULL,
    PRIMARY KEY (original, variant)
) WITHOUT ROWID;

-- Avatars, icons, emojis: a still picture, and the moving one when there is one.
CREATE TABLE picture (
    purpose BIGINT NOT NULL,
    owner_id BIGINT NOT NULL,
    hash TEXT NOT NULL,
    still TEXT NOT NULL,
    moving TEXT,
    PRIMARY KEY (purpose, owner_id, hash)
) WITHOUT ROWID;

-- What links lead to, for a while; an empty embed for those that lead nowhere.
CREATE TABLE preview (
    url_hash BLOB NOT NULL PRIMARY KEY,
    embed TEXT NOT NULL,
    fetched_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX preview_by_age ON preview (fetched_at);

-- Copies of the pictures of previews.
CREATE TABLE preview_image (
    id BIGINT NOT NULL PRIMARY KEY,
    access_key BLOB NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,
    blob TEXT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX preview_image_by_age ON preview_image (seen_at);
