"""A site for the power fault tests, and the sentences that an operator would read."""

import random
import tomllib
from pathlib import Path
from typing import Any

import station_config
from simulators.power import PowerWorld
from station_config.schema import GensetRules, Power
from tools.virtual_site import VirtualSite

TEXTS = tomllib.loads((Path(station_config.__file__).parent / "id.toml").read_text(encoding="utf-8"))


def site(*, upses: int = 1, genset: bool = False, rules: GensetRules | None = None, **power: Any) -> VirtualSite:
    """A site that has been up on steady mains for an hour."""
    made = VirtualSite(PowerWorld(random.Random(1), upses), Power(genset=rules or GensetRules(test_every_days=0), **power), genset=genset)
    made.run(3600, step_s=5)
    return made


def sentence(made: VirtualSite, message_id: str) -> str:
    """The Indonesian sentence with its values filled in; fails when it is not on the screen."""
    picture = made.watch.picture
    shown = {notice.id: notice for notice in (picture.sentence, *picture.notices)}
    return str(TEXTS[message_id]).format(**shown[message_id].values)
