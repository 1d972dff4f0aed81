"""`./rekam demo --outage`: a bad day for the mains while people are recorded, played in the world and watched on the operator page.

    mains fail -> battery -> the genset fails to start -> second start, warm-up -> on genset -> mains are back -> cool-down, at rest
    mains fail with an empty battery -> orderly stop, the machine halts -> the board cuts its supply
    mains are back -> the board restores the supply once they are steady -> the machine boots, same person, same step

The times are shorter than a site would set them; the policy, the wires and the devices are the same. A scene counts once the page
has shown it, in this order.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from station_config.load import load_texts
from tools.auto_operator import AutoOperator, Snapshot
from tools.demo_cuts import RESUMED, resumed
from tools.demo_stage import Stage
from tools.demo_view import View

RULES: Mapping[str, Mapping[str, Any]] = {
    "power.genset": {
        "start_below_percent": 100, "debounce_s": 2, "start_timeout_s": 20, "rest_s": 2, "warm_up_timeout_s": 30, "stable_s": 3,
        "minimum_run_s": 5, "mains_return_s": 3, "cool_down_s": 4, "stop_timeout_s": 20, "test_every_days": 0,
    },
}
"""of station.toml: start at once, and seconds instead of minutes"""
BOARD = {"mains_stable_ms": 2_000, "off_ms": 500}
FINISH_BELOW_PERCENT, STOP_BELOW_PERCENT = 57, 55
SCENE_S = 90.0
"""longest wait for the page to show a scene"""
STOP_S = 30.0
"""longest wait for the station to end by itself once it has said so"""
ON_GENSET_S = 4.0
EMPTY_PERCENT, CHARGED_PERCENT = 25, 95
SWITCHED_S = 20.0
"""longest wait for the board to switch the Pi's supply"""
FIRST_STEP, LAST_STEP = "signature", "fingers"
"""where the mains fail: the first time with the first person, the second time with the last one"""
DONE_BEFORE = 2
"""fingers of the last person"""
ON_GENSET, AT_REST, STOPPING, SAME_PLACE = "on genset", "genset at rest", "orderly stop", "resumed at the same step"


def sections(stage: Stage) -> Mapping[str, Mapping[str, Any]]:
    """Of station.toml, for this day."""
    limits = {"finish_only_below_percent": FINISH_BELOW_PERCENT, "stop_below_percent": STOP_BELOW_PERCENT}
    power = {"poll_s": 0.4, "mains_stable_s": 2, **limits, "halt_command": stage.halt_command()}
    return {**RULES, "power": power, "devices.board": {"port": stage.addresses["board"], "parameters": BOARD}}


class Scene(NamedTuple):
    """Something that the page has to show."""

    name: str
    shown: Callable[[Snapshot, Snapshot], bool]
    """given the page now and the page when the station stopped"""


def _plan(page: Snapshot) -> str:
    return str((page["power"]["genset"] or {}).get("plan"))


def _refused(page: Snapshot, _: Snapshot) -> bool:
    return _plan(page) == "resting" and page["power"]["genset"]["code"] == "genset_did_not_start"


def _on_genset(page: Snapshot, _: Snapshot) -> bool:
    return bool(page["power"]["source"] == "genset" and page["power"]["state"] == "on_genset")


def _same_place(page: Snapshot, stopped: Snapshot) -> bool:
    return resumed(page) and place(page) == place(stopped)


def place(page: Snapshot) -> tuple[object, object]:
    """Who is at the desk, and at which step."""
    return (page["person"] or {}).get("ticket"), page["step"]


SCENES = (
    Scene("on battery", lambda page, _: bool(page["power"]["source"] == "battery")),
    Scene("genset start failed", _refused),
    Scene("genset warms up", lambda page, _: _plan(page) == "warm_up"),
    Scene(ON_GENSET, _on_genset),
    Scene("on mains again, genset cools down", lambda page, _: page["power"]["source"] == "mains" and _plan(page) == "cool_down"),
    Scene(AT_REST, lambda page, _: page["power"]["state"] == "normal" and _plan(page) == "idle"),
    Scene(STOPPING, lambda page, _: page["phase"] == page["power"]["state"] == "stopping"),
    Scene(SAME_PLACE, _same_place),
)


class Outage:
    """Plays the day: moves the world, and notes what the page shows of it."""

    def __init__(self, people: int, stage: Stage, view: View) -> None:
        self._last_person = people - 1
        self._stage = stage
        self._view = view
        self._words = PowerWords(view.say)
        self._seen: list[str] = []
        self._person = 0
        self._page: Snapshot = {}
        self._stopped: Snapshot = {}
        self._looked = asyncio.Event()

    def figures(self) -> dict[str, Any]:
        return {"resumed": int(self._shown(SAME_PLACE)), "power_seen": self._seen}

    def look(self, person: int, snapshot: Snapshot) -> None:
        """Raises RuntimeError for a power sentence without words."""
        self._person, self._page = person, snapshot
        self._words.tell(snapshot)
        if snapshot["phase"] == "stopping":
            self._stopped = snapshot
        if len(self._seen) < len(SCENES) and (scene := SCENES[len(self._seen)]).shown(snapshot, self._stopped):
            self._seen.append(scene.name)
            self._view.say(f"  seen on the page: {scene.name}")
        self._looked.set()

    async def run(self, operator: AutoOperator) -> None:
        """Raises RuntimeError when the page does not show what it should."""
        operator.may_call = lambda person: person < self._last_person or self._shown(AT_REST)
        await self._genset_day()
        await self._empty_battery()

    async def _genset_day(self) -> None:
        await self._until(lambda: self._recording(0, FIRST_STEP), "the first person's enrolment")
        await self._world("the mains fail; the genset's first start will fail", ("genset_fails", {"times": 1}), ("outage", {}))
        await self._scene(ON_GENSET)
        await self._stage.clock.sleep_s(ON_GENSET_S)
        await self._world("the mains are back", ("restore", {}))
        await self._scene(AT_REST)

    async def _empty_battery(self) -> None:
        await self._until(lambda: self._recording(self._last_person, LAST_STEP) and self._in_the_middle(), "the last person's fingers")
        await self._world(f"the mains fail, the battery holds {EMPTY_PERCENT} %", ("charge", {"percent": EMPTY_PERCENT}), ("outage", {}))
        await self._scene(STOPPING)
        if code := await self._stage.station_ended(STOP_S):
            raise RuntimeError(f"the station ended with exit code {code} after an orderly stop")
        self._view.say("  the station has ended by itself, in good order")
        await self._supply(False, "the machine has halted and the board has cut its supply")
        await self._world("the mains are back", ("restore", {}), ("charge", {"percent": CHARGED_PERCENT}))
        await self._supply(True, "the board has seen steady mains and gives the machine its supply again")
        await self._stage.control.ask("power", act="pi", runs=True)
        await self._stage.boot_station()
        await self._scene(SAME_PLACE)

    async def _supply(self, on: bool, sentence: str) -> None:
        """Wait for the board's switch on the Pi's 5 V."""
        try:
            async with asyncio.timeout(SWITCHED_S):
                while (await self._stage.control.ask("power", act="pi_powered"))["result"] is not on:
                    await self._stage.clock.sleep_s(0.1)
        except TimeoutError:
            raise RuntimeError(f"within {SWITCHED_S:g} s it never happened that {sentence}") from None
        self._view.say(f"  {sentence}")

    def _recording(self, person: int, step: str) -> bool:
        return self._person == person and (self._page.get("phase"), self._page.get("step")) == ("enrolling", step)

    def _in_the_middle(self) -> bool:
        done = [target for target in self._page["targets"] if (target["step"], target["state"]) == (LAST_STEP, "done")]
        return len(done) >= DONE_BEFORE

    async def _world(self, sentence: str, *acts: tuple[str, Mapping[str, Any]]) -> None:
        self._view.say(f"  world: {sentence}")
        for act, arguments in acts:
            await self._stage.control.ask("power", act=act, **arguments)

    async def _scene(self, name: str) -> None:
        """Wait until the page has shown this scene, and so all before it."""
        while not self._shown(name):
            due = SCENES[len(self._seen)].name
            await self._until(partial(self._shown, due), due)

    def _shown(self, name: str) -> bool:
        return name in self._seen

    async def _until(self, found: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(SCENE_S):
                while not found():
                    self._looked.clear()
                    await self._looked.wait()
        except TimeoutError:
            raise RuntimeError(f"the page did not show within {SCENE_S:g} s: {what}") from None


class PowerWords:
    """What the page says of power, in plain lines: once for each change of source, state or sentence, and once for each news."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._texts = load_texts()["id"]
        self._say = say
        self._told: tuple[object, ...] = ()
        self._lines: dict[str, str] = {}

    def tell(self, page: Snapshot) -> None:
        """Raises RuntimeError where the page has no words for what it should say."""
        power = page["power"]
        sentence = self._words(**power["sentence"])
        told = (power["source"], power["state"], power["sentence"]["id"])
        if told != self._told:
            self._told = told
            self._say(f"  page: power from {power['source']} ({power['state']}): {sentence}")
        lines = self._news(page)
        for code in lines.keys() - self._lines.keys():
            self._say(f"  page: {lines[code]}")
        self._lines = lines

    def _news(self, page: Snapshot) -> dict[str, str]:
        """Notices of power, the genset's own sentence, and where the work goes on after a stop."""
        power = page["power"]
        notices = [*power["notices"], *(notice for notice in page["notices"] if notice["id"] in RESUMED)]
        found = {notice["id"]: self._words(notice["id"], notice["values"]) for notice in notices}
        if genset := power["genset"]:
            found[genset["code"]] = self._words(genset["code"], {"alarms": ", ".join(genset["alarms"])})
        return found

    def _words(self, id: str, values: Mapping[str, Any]) -> str:
        text = self._texts.get(f"notice_{id}", self._texts.get(id))
        if text is None:
            raise RuntimeError(f"the page has no words for {id!r}")
        step = self._texts.get(f"step_{values.get('step')}", "")
        return text.format_map(defaultdict(str, {**values, "step": step}))
