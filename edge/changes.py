"""Whether the station's configuration is another than at the last start: the district hears of it through the ledger.

Only digests are kept and only names of tables are told: no password and no path leaves the station.
"""

import hashlib

import msgspec

from edge.store.ledger import Ledger
from edge.store.store import Store
from station_config.schema import StationConfig

SETTING = "configuration"


def changed_tables(config: StationConfig, before: bytes | None) -> tuple[tuple[str, ...], bytes]:
    """Names of the tables that differ from `before` (all of them at the first start), and what to keep for the next time."""
    tables = msgspec.to_builtins(config)
    digests = {name: hashlib.sha256(msgspec.json.encode(table, order="sorted")).hexdigest()[:16] for name, table in tables.items()}
    known = msgspec.json.decode(before, type=dict[str, str]) if before else {}
    names = sorted({*digests, *known})
    return tuple(name for name in names if digests.get(name) != known.get(name)), msgspec.json.encode(digests)


def note_changes(store: Store, ledger: Ledger, config: StationConfig) -> None:
    """At the start, in the store's thread: one ledger event when something is another. Raises StoreError."""
    names, digests = changed_tables(config, store.setting(SETTING))
    if names:
        ledger.event("configuration", {"tables": " ".join(names)}, {SETTING: digests})
