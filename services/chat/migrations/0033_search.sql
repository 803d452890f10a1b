-- What each message is found by: its words and marks, each once, with a space between them (src/search/terms.rs).
CREATE TABLE search_document (
    message_id BIGINT PRIMARY KEY,
    channel_id BIGINT NOT NULL,
    -- Its guild, or the direct conversation that it is in: every search is within one.
    scope_id BIGINT NOT NULL,
    terms TEXT NOT NULL
) WITHOUT ROWID;

-- Messages whose documents are newer than the index. PostgreSQL's index is always up to date.
CREATE TABLE search_pending (
    message_id BIGINT PRIMARY KEY,
    -- Not in the index so far: there is nothing to take out.
    is_new BOOLEAN NOT NULL
) WITHOUT ROWID;

--sqlite: CREATE VIRTUAL TABLE search_index USING fts5 (terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
--postgres: CREATE INDEX search_index ON search_document USING GIN (array_to_tsvector(string_to_array(terms, ' ')));
