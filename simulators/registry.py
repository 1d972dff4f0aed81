"""Which simulated devices there are and where they live: the one table that `./rekam sim` and the bench read."""

import importlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from simulators.world import SimDevice, World, check_faults

MODULES: Mapping[str, str] = {
    "board": "simulators.board",
    "camera": "simulators.camera",
    "fingerprint": "simulators.fingerprint",
    "genset": "simulators.genset",
    "gpio": "simulators.gpio",
    "iris": "simulators.iris_camera",
    "printer": "simulators.printer",
    "tablet": "simulators.tablet",
    "ups": "simulators.ups",
}


def faults_of(device: str) -> Mapping[str, str]:
    """Fault name -> one line, of one device."""
    found: Mapping[str, str] = importlib.import_module(MODULES[device]).FAULTS
    return found


def build(device: str, world: World, link: Path | str, faults: Collection[str] = (), **options: Any) -> SimDevice:
    """One device, not yet started; options: what its own `build` takes besides. Raises ValueError for an unknown fault."""
    check_faults(faults_of(device), faults)
    made: SimDevice = importlib.import_module(MODULES[device]).build(world, link, faults, **options)
    return made
