-- Outputs that people ask for are made in the order of their asking.
ALTER TABLE output ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0;
-- How often making it has begun: what takes the server down with it is not begun again and again.
ALTER TABLE output ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
CREATE INDEX output_by_state ON output (state);
