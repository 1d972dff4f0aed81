-- The district's memory of what arrived. Payloads are files (district/payloads.py); a row here is what makes them count.

CREATE TABLE entries (
    hash       BLOB PRIMARY KEY,      -- SHA-256 of the signed entry: the entry's identity
    station    TEXT NOT NULL,
    sequence   INTEGER NOT NULL,      -- not unique: a copied card makes two entries of one number, and both are kept
    previous   BLOB NOT NULL,
    record_id  BLOB,                  -- NULL: a ledger event
    main       INTEGER NOT NULL,      -- 1: in the station's one chain, 0: on a branch beside it
    outcome    TEXT NOT NULL,         -- stored, rejected or quarantined: what the receipt will say
    reason     TEXT NOT NULL,
    settled    INTEGER NOT NULL,      -- 1: everything that belongs to it is here, the receipt may be signed
    received_s INTEGER NOT NULL,      -- district clock
    presented  INTEGER NOT NULL,      -- counts up each time the station shows an entry: the newest of one number is the one it holds
    envelope   BLOB NOT NULL
) STRICT;

CREATE INDEX entries_by_sequence ON entries (station, sequence);
CREATE INDEX entries_by_record ON entries (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX entries_unsettled ON entries (station) WHERE settled = 0;
CREATE INDEX entries_by_day ON entries (station, received_s) WHERE record_id IS NOT NULL;

CREATE TABLE parts (
    record_id BLOB NOT NULL,
    part      INTEGER NOT NULL,       -- index in the manifest
    size      INTEGER NOT NULL,
    sha256    BLOB NOT NULL,
    spans     BLOB NOT NULL,          -- byte ranges that are durable: pairs of u32 start, end, little-endian
    PRIMARY KEY (record_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
    district_sequence INTEGER PRIMARY KEY,
    hash              BLOB NOT NULL UNIQUE REFERENCES entries (hash),
    envelope          BLOB NOT NULL   -- signed once, sent again as often as it is asked for
) STRICT;

CREATE TABLE alarms (
    id       INTEGER PRIMARY KEY,
    station  TEXT NOT NULL,
    kind     TEXT NOT NULL,           -- message id
    subject  TEXT NOT NULL,           -- what it is about; the same again only counts
    detail   TEXT NOT NULL,
    first_s  INTEGER NOT NULL,
    last_s   INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    UNIQUE (station, kind, subject)
) STRICT;

PRAGMA user_version = 1;
