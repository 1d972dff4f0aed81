-- Content belongs to an entry, not to a record id: two entries may bear one id, and both are kept whole. An officer's decision on an entry is
-- one more receipt for it, in the same chain; the newest one counts.

CREATE TABLE parts_2 (
    hash      BLOB NOT NULL,          -- of the entry
    part      INTEGER NOT NULL,       -- index in the manifest
    size      INTEGER NOT NULL,
    sha256    BLOB NOT NULL,
    spans     BLOB NOT NULL,          -- byte ranges that are durable: pairs of u32 start, end, little-endian
    PRIMARY KEY (hash, part)
) STRICT, WITHOUT ROWID;
INSERT INTO parts_2 SELECT entries.hash, part, size, sha256, spans FROM parts JOIN entries USING (record_id) WHERE reason NOT IN ('same_id', 'too_large');
DROP TABLE parts;
ALTER TABLE parts_2 RENAME TO parts;

CREATE TABLE receipts_2 (
    district_sequence INTEGER PRIMARY KEY,
    hash              BLOB NOT NULL REFERENCES entries (hash),
    envelope          BLOB NOT NULL,  -- signed once, sent again as often as it is asked for
    officer           TEXT NOT NULL   -- who decided; empty: the checks
) STRICT;
INSERT INTO receipts_2 SELECT district_sequence, hash, envelope, '' FROM receipts;
DROP TABLE receipts;
ALTER TABLE receipts_2 RENAME TO receipts;
CREATE INDEX receipts_by_entry ON receipts (hash, district_sequence);
CREATE INDEX receipts_decided ON receipts (district_sequence) WHERE officer != '';

PRAGMA user_version = 2;
