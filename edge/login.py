"""Who may log in here: the operators of the roster file; without one anybody, under the name typed."""

import hashlib
from pathlib import Path

from protocols.canonical import FormatError
from protocols.roster import ROSTER_BYTES_MAX, OpenRoster, Operator, open_roster
from protocols.sealing import KeyOf


class Login:
    """`open` blocks while it stretches the PIN."""

    def __init__(self, roster: Path | None, station: str, key_of: KeyOf) -> None:
        self._roster, self._station, self._key_of = roster, station, key_of

    def open(self, operator: str, pin: str) -> OpenRoster:
        """The operator and the rows; the file is read at each log-in, so a new one holds from the next. Raises SealingError, FormatError."""
        if self._roster is None:
            pseudonym = hashlib.sha256(f"{self._station}/{operator}".encode()).digest()[:8]
            return OpenRoster(Operator(login=operator, name=operator, pseudonym=pseudonym), ())
        try:
            with self._roster.open("rb") as file:
                data = file.read(ROSTER_BYTES_MAX + 1)
        except OSError as error:
            raise FormatError("roster", f"{self._roster} cannot be read ({error.strerror})") from error
        return open_roster(data, operator, pin, self._key_of)
