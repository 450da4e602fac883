-- What is asked for by; the manifest has the rest. Moments in milliseconds since 1970.
CREATE TABLE recordings (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    kind TEXT NOT NULL,
    container TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    duration_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT,
    manifest TEXT NOT NULL
);

CREATE INDEX recordings_by_start ON recordings (started_at, id);

CREATE TABLE attendees (
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (recording, id)
);
