"""The policies that this district has signed, one file each, never changed and never taken back: `policies/0000000007.policy`.

The highest number that applies to a station is what it shall keep to. Files are made by `./rekam policy` beside the running program, which
finds them by itself, and travel by broker (ingest.py) or stick (stick.py).
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from district.clock import Clock
from district.durable import make_folder, write_durably
from protocols.canonical import FormatError
from protocols.policy import POLICY_BYTES_MAX, Policy, read_policy, sign_policy
from protocols.sealing import ENVELOPE_BYTES, SealingError, Signer

SUFFIX = ".policy"
log = logging.getLogger(__name__)


class Policies:
    """The folder."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "policies"

    def next_number(self) -> int:
        """One more than was ever given to a file, readable or not."""
        return 1 + max((int(path.stem) for path in self._paths()), default=0)

    def newest(self, station: str | None) -> tuple[bytes, Policy] | None:
        """What a station shall keep to, signed and read; None asks for the newest that is meant for all."""
        return next((found for found in self._all() if found[1].station in (None, station)), None)

    def add(self, policy: Policy, signer: Signer) -> bytes:
        """Sign and keep; returns the signed bytes. Raises FormatError, OSError."""
        signed = sign_policy(policy, signer)
        make_folder(self._folder)
        write_durably(self._folder / f"{policy.sequence:010d}{SUFFIX}", signed)
        return signed

    def _paths(self) -> list[Path]:
        """Newest first."""
        return sorted((path for path in self._folder.glob(f"*{SUFFIX}") if path.stem.isdecimal()), reverse=True)

    def _all(self) -> Iterator[tuple[bytes, Policy]]:
        for path in self._paths():
            try:
                with path.open("rb") as file:
                    signed = file.read(POLICY_BYTES_MAX + ENVELOPE_BYTES + 1)
                yield signed, read_policy(signed)
            except (OSError, SealingError, FormatError) as error:
                log.warning("%s is left out: %s", path, error)


def blank(district: str, station: str | None, sequence: int, clock: Clock) -> Policy:
    """A policy that asks for nothing."""
    return Policy(
        district=district, station=station, sequence=sequence, wall_s=int(clock.wall_s()), online_only=False, waiting_max=0, retention_days=None,
        urgent=(), urgent_letters=(),
    )
