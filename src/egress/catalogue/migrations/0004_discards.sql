-- What was deleted here before its upload was done, and may be stored in part: it has to go there, too.
CREATE TABLE discards (
    recording TEXT PRIMARY KEY,
    manifest TEXT NOT NULL,
    failures BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);

CREATE INDEX discards_by_next ON discards (next_at, recording);
