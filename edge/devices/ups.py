"""One UPS behind NUT's upsd: a small asyncio client of its text protocol (NUT developer guide, "Network protocol").

    LIST VAR rekam        BEGIN LIST VAR rekam / VAR rekam ups.status "OL" / ... / END LIST VAR rekam
    anything refused      ERR UNKNOWN-UPS, ERR DRIVER-NOT-CONNECTED, ERR DATA-STALE ...

Stale data are a reading with `stale`, never an old value served as new. Read-only: the station never commands the UPS through
upsd. Not responsible for what a reading means (edge/power) nor for trying again (the caller does).
"""

import asyncio
import contextlib
import math
import shlex
from collections.abc import Mapping

from edge.devices.interfaces import Identity, UpsReading
from edge.errors import DeviceAbsent, DeviceProtocolError, DeviceRefused, DeviceTimeout
from edge.links.tail import WireTail

DEADLINE_S = 3.0
"""upsd answers from memory; a whole list on loopback takes milliseconds"""
LINE_LIMIT_BYTES = 2048
"""NUT's own limit of a line is 512 (include/parseconf.h, early) with room for long descriptions"""
LINES_LIMIT = 500
"""the richest drivers have about 200 variables"""
STALE_WORDS = frozenset({"DATA-STALE", "DRIVER-NOT-CONNECTED"})


class UpsdClient:
    """A `Ups`."""

    def __init__(self, name: str, host: str = "127.0.0.1", port: int = 3493, device: str = "ups") -> None:
        self.name = device
        self._ups = name
        self._host, self._port = host, port
        self._address = f"{host}:{port}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._tail = WireTail()

    async def open(self) -> Identity:
        await self.close()
        try:
            async with asyncio.timeout(DEADLINE_S):
                self._streams = await asyncio.open_connection(self._host, self._port, limit=LINE_LIMIT_BYTES)
        except (OSError, TimeoutError) as error:
            what = f"upsd does not answer at {self._address} within {DEADLINE_S:g} s"
            next_step = "Start NUT (systemctl start nut-server)."
            raise DeviceAbsent("ups_absent", self.name, what, next_step, address=self._address, waited_s=DEADLINE_S) from error
        variables = await self.variables()
        return Identity(
            maker=variables.get("device.mfr", variables.get("ups.mfr", "")).strip(),
            model=variables.get("device.model", variables.get("ups.model", "")).strip(),
            serial=variables.get("device.serial", variables.get("ups.serial", "")).strip(),
            firmware=variables.get("ups.firmware", "").strip(),
        )

    async def health(self) -> None:
        await self.reading()

    async def close(self) -> None:
        if self._streams is None:
            return
        writer, self._streams = self._streams[1], None
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), DEADLINE_S)

    async def reading(self) -> UpsReading:
        return reading_of(await self.variables())

    def wire(self) -> str:
        return self._tail.text()

    async def variables(self) -> dict[str, str]:
        """All variables by NUT name; empty while upsd has no fresh data from its driver."""
        if self._streams is None:
            raise self._closed("no connection to upsd")
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._list_variables(*self._streams)
        except TimeoutError as error:
            await self.close()
            what, next_step = f"upsd at {self._address} did not answer within {DEADLINE_S:g} s", "Look at the NUT service."
            raise DeviceTimeout("ups_silent", self.name, what, next_step, address=self._address, waited_s=DEADLINE_S) from error
        except ValueError as error:  # a line beyond the limit, or quotes that do not close
            await self.close()
            raise self._garbage(f"upsd sent a line that is none ({error})") from error
        except (OSError, EOFError) as error:
            await self.close()
            raise self._closed("upsd closed the connection") from error

    async def _list_variables(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, str]:
        question = f"LIST VAR {self._ups}\n".encode("ascii")
        self._tail.add(">", question)
        writer.write(question)
        await writer.drain()
        first = await self._line(reader)
        if first[0] == "ERR":
            return self._refused(first)
        if first != ["BEGIN", "LIST", "VAR", self._ups]:
            raise self._garbage(f"upsd answered {' '.join(first)[:60]!r}")
        found: dict[str, str] = {}
        for _ in range(LINES_LIMIT):
            words = await self._line(reader)
            if words[0] == "END":
                return found
            if len(words) != 4 or words[0] != "VAR":
                break
            found[words[2]] = words[3]
        await self.close()
        raise self._garbage(f"upsd sent a list that is none after {len(found)} variables")

    def _refused(self, words: list[str]) -> dict[str, str]:
        if words[1:2] and words[1] in STALE_WORDS:
            return {}
        what = f"upsd refuses UPS {self._ups!r}: {' '.join(words[1:])}"
        raise DeviceRefused("ups_unknown", self.name, what, "Compare its name with ups.conf.", ups=self._ups, address=self._address)

    def _garbage(self, what: str) -> DeviceProtocolError:
        return DeviceProtocolError("ups_garbage", self.name, what, "Check that this port belongs to upsd.", address=self._address)

    def _closed(self, what: str) -> DeviceAbsent:
        return DeviceAbsent("ups_absent", self.name, f"{what} at {self._address}", "It is opened again by itself.", address=self._address)

    async def _line(self, reader: asyncio.StreamReader) -> list[str]:
        line = await reader.readline()
        self._tail.add("<", line)
        if not line.endswith(b"\n"):
            raise EOFError
        words = shlex.split(line.decode("utf-8", "replace"))
        return words or [""]


def reading_of(variables: Mapping[str, str]) -> UpsReading:
    """NUT variables as a reading; what is missing or no finite number stays None."""
    return UpsReading(
        status=frozenset(variables.get("ups.status", "").split()),
        charge_percent=_number(variables, "battery.charge"),
        runtime_s=_number(variables, "battery.runtime"),
        load_percent=_number(variables, "ups.load"),
        input_v=_number(variables, "input.voltage"),
        input_hz=_number(variables, "input.frequency"),
        battery_v=_number(variables, "battery.voltage"),
        power_nominal_w=_number(variables, "ups.realpower.nominal"),
        stale=not variables,
    )


def _number(variables: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(variables[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) and value >= 0 else None
