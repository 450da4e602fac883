-- A recording may have several files: whether each has its checksum; the manifest has the checksums.
ALTER TABLE recordings DROP COLUMN sha256;
ALTER TABLE recordings ADD COLUMN checked BOOLEAN NOT NULL DEFAULT FALSE;
