-- How the upload of a recording fares, and whether its files are still here; the manifest says so too.
ALTER TABLE recordings ADD COLUMN upload TEXT;
ALTER TABLE recordings ADD COLUMN here BOOLEAN NOT NULL DEFAULT TRUE;

-- What is to be uploaded. Moments in milliseconds since 1970.
CREATE TABLE uploads (
    recording TEXT PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE,
    queued_at BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);

CREATE INDEX uploads_by_next ON uploads (next_at, recording);
