-- What is asked for each entry that arrives must not walk all of a station's rows: a busy year has a million.

CREATE INDEX entries_beside ON entries (station) WHERE main = 0;
CREATE INDEX events_by_day ON entries (station, received_s) WHERE record_id IS NULL;

PRAGMA user_version = 3;
