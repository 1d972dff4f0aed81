-- The station's one durable file. Nothing in it is readable without the district's keys, and it holds no personal data:
-- a queue number, an opaque roster row, steps done, sealed parts, signed entries, receipts.
-- Times are never used for order; `sequence` is. Sizes in bytes. A change of this schema is a new file schema_v2.sql, never an edit.
-- `guard` is a CRC-32 over the row's small columns (tables.py): SQLite itself does not notice a flipped bit inside a value.

-- How far the ledger has come. Advances in the same commit as the entry it counts.
CREATE TABLE head (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL CHECK (sequence >= 0),
  hash     BLOB NOT NULL CHECK (length(hash) = 32),     -- SHA-256 of the last signed entry, zeros before the first
  guard    INTEGER
) STRICT;
INSERT INTO head VALUES (1, 0, zeroblob(32), guard(1, 0, zeroblob(32)));

-- One row for each enrolment that has parts here, or had.
CREATE TABLE record (
  number    INTEGER PRIMARY KEY,                        -- local, never leaves the station
  record_id BLOB NOT NULL UNIQUE CHECK (length(record_id) = 16),
  guard     INTEGER
) STRICT;

-- The journal: at most one enrolment is open.
CREATE TABLE enrolment (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  record     INTEGER NOT NULL REFERENCES record (number),
  ticket     INTEGER NOT NULL,
  roster_row BLOB NOT NULL,                             -- opaque; empty when there is no roster
  progress   BLOB NOT NULL,                             -- the session's own, opaque here
  committed  INTEGER,                                   -- sequence of its manifest: only slip and letter are left
  guard      INTEGER
) STRICT;

-- Wrapped content keys, one row for each power life in which a part was sealed.
CREATE TABLE epoch (
  record  INTEGER NOT NULL REFERENCES record (number),
  epoch   INTEGER NOT NULL CHECK (epoch >= 0),
  wrapped BLOB NOT NULL,
  guard   INTEGER,
  PRIMARY KEY (record, epoch)
) STRICT, WITHOUT ROWID;

-- Sealed parts. number = record * 256 + index in the manifest: the parts of a record lie together and need no index of their own.
CREATE TABLE part (
  number     INTEGER PRIMARY KEY,
  kind       TEXT NOT NULL,
  position   INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  key_epoch  INTEGER NOT NULL,
  quality    BLOB NOT NULL,                             -- JSON object, measure -> integer
  size       INTEGER NOT NULL CHECK (size = length(sealed)),
  sha256     BLOB NOT NULL CHECK (length(sha256) = 32), -- over `sealed`
  guard      INTEGER,
  sealed     BLOB NOT NULL                              -- last: reading the rest does not touch its pages
) STRICT;

-- Every manifest and event, signed and chained. After a purge the number, hash and receipt stay.
CREATE TABLE ledger (
  sequence   INTEGER PRIMARY KEY CHECK (sequence > 0),
  hash       BLOB NOT NULL CHECK (length(hash) = 32),   -- SHA-256 of the signed envelope
  record     INTEGER REFERENCES record (number),        -- null for an event
  urgent     INTEGER NOT NULL CHECK (urgent IN (0, 1)),
  size       INTEGER NOT NULL,                          -- sum of its sealed parts
  outcome    TEXT CHECK (outcome IN ('stored', 'rejected', 'quarantined')),
  received_s INTEGER,                                   -- the receipt's wall time, for the retention time only
  receipt    BLOB,                                      -- signed by the district
  guard      INTEGER,
  envelope   BLOB                                       -- null after the purge
) STRICT;
CREATE UNIQUE INDEX ledger_record ON ledger (record) WHERE record IS NOT NULL;
CREATE INDEX ledger_waiting ON ledger (urgent DESC, sequence) WHERE outcome IS NULL;
CREATE INDEX ledger_purgeable ON ledger (received_s) WHERE outcome = 'stored' AND envelope IS NOT NULL;

-- Small values that must survive a cut.
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL,
  guard INTEGER
) STRICT, WITHOUT ROWID;
