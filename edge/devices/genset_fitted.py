"""Which genset driver a configuration asks for. Constructs, and opens nothing."""

from collections.abc import Callable

from edge.devices.genset import GencommGenset
from edge.devices.genset_mapped import MappedGenset, read_map
from edge.devices.interfaces import Genset
from edge.links.modbus import Line, rtu_client, tcp_client
from station_config import schema


def genset_maker(section: schema.Genset | None) -> Callable[[schema.Genset], Genset]:
    """The mapping file is read once, at the start. Raises StationError."""
    if section is None or section.kind.startswith("gencomm"):
        return lambda found: GencommGenset(_modbus(found), found.unit)
    mapped = read_map(section.map)
    return lambda found: MappedGenset(_modbus(found), found.unit, mapped)


def _modbus(section: schema.Genset) -> Line:
    if section.kind.endswith("-tcp"):
        return tcp_client(section.host, int(section.port))
    return rtu_client(section.port, section.baud)
