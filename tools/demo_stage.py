"""The demo's programs: the world, a broker, the district, the station, each a process of its own on loopback."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from simulators.control import ControlClient
from simulators.world import WorldClock
from tools.broker import Broker
from tools.children import Child
from tools.demo_site import DemoSite, new_boot
from tools.paths import STANDINS, samples_folder
from tools.usage import cpu_s, peak_rss_mb

READY_S = 60.0


class Stage:
    """Starts, cuts and stops them."""

    def __init__(self, folder: Path, seed: int, people: int) -> None:
        self._folder = folder
        self._world = Child("world", self._rekam("world", str(folder), "--seed", str(seed), "--people", str(people)), folder / "world.log")
        self.broker = Broker(folder)
        self._programs: list[Child] = []
        self._spent_cpu_s = 0.0
        self._peak_rss_mb = 0.0
        self.clock = WorldClock()
        self.addresses: dict[str, str] = {}
        self._control: ControlClient | None = None

    @property
    def control(self) -> ControlClient:
        """The world's control channel, once it is up."""
        assert self._control is not None
        return self._control

    @staticmethod
    def _rekam(*words: str) -> list[str]:
        return [sys.executable, "-m", "tools.cli", *words]

    async def start_world(self) -> list[str]:
        """World and broker; returns what a person should know of them. Raises RuntimeError when one does not come up."""
        await self._world.start()
        await self.broker.start()
        ready = self._folder / "bench.json"
        await self._until(ready.exists, self._world)
        told = json.loads(ready.read_text(encoding="utf-8"))
        self.addresses = told["addresses"]
        self._control = ControlClient(self.addresses["control"])
        images = "real samples" if samples_folder() else "generated images"
        notes = [f"{name} runs {how}" for name, how in told["notes"].items()]
        broker = "Mosquitto" if self.broker.kind == "mosquitto" else "amqtt stands in for Mosquitto, which could not be installed"
        return [f"world: {images}; {'; '.join(notes)}", f"broker: {broker} on 127.0.0.1:{self.broker.port}"]

    def halt_command(self) -> list[str]:
        """What the station runs at the end of an orderly stop, in place of `systemctl poweroff`."""
        return [sys.executable, "-m", "simulators.halt", self.addresses["control"]]

    async def people(self) -> list[dict[str, Any]]:
        people: list[dict[str, Any]] = (await self.control.ask("people"))["people"]
        return people

    async def start_programs(self, site: DemoSite) -> list[str]:
        """District and station; returns the addresses of their pages."""
        await self.start_district(site)
        await self.start_station(site)
        return self.pages(site)

    async def start_district(self, site: DemoSite) -> None:
        self.district = Child("district", self._rekam("district", "--config", str(site.district_config)), self._folder / "district.log")
        await self._start(self.district, site.district_port)

    async def start_station(self, site: DemoSite) -> None:
        self._site = site
        command = self._rekam("station", "--config", str(site.station_config))
        self.station = Child("station", command, self._folder / "station.log", self._bench_environment())
        await self._start(self.station, site.station_port)

    async def _start(self, child: Child, port: int) -> None:
        self._programs.append(child)
        await child.start()
        await self._until_listening(port, child)

    @staticmethod
    def pages(site: DemoSite) -> list[str]:
        return [f"operator page: http://127.0.0.1:{site.station_port}/", f"district page: http://127.0.0.1:{site.district_port}/"]

    async def cut_station(self) -> None:
        """Kill the station as a power cut would end it, then start its machine again."""
        self._account()
        await self.station.kill()
        await self.boot_station()

    async def station_ended(self, within_s: float) -> int:
        """Wait until the station has ended by itself; its exit code. Raises RuntimeError."""
        self._account()
        try:
            return await asyncio.wait_for(self.station.ended(), within_s)
        except TimeoutError:
            raise RuntimeError(f"the station did not end by itself within {within_s:g} s:\n{self.station.tail()}") from None

    async def boot_station(self) -> None:
        """A new boot of its machine; systemd starts it."""
        new_boot(self._folder)
        await self.station.start()
        await self._until_listening(self._site.station_port, self.station)

    def costs(self) -> dict[str, float]:
        """The station's processor seconds of all its lives, and its largest resident set."""
        self._account()
        return {"station_cpu_s": round(self._spent_cpu_s, 2), "station_rss_mb": round(self._peak_rss_mb, 1)}

    def _account(self) -> None:
        self._spent_cpu_s += cpu_s(self.station.pid)
        self._peak_rss_mb = max(self._peak_rss_mb, peak_rss_mb(self.station.pid))

    async def stop_programs(self) -> None:
        """District and station; the world goes on."""
        while self._programs:
            await self._programs.pop().stop()

    async def stop(self) -> None:
        await self.stop_programs()
        if self._control is not None:
            await self._control.close()
        for child in (self.broker.child, self._world):
            await child.stop()

    def _bench_environment(self) -> dict[str, str]:
        """What a Pi's own packages would provide: stand-ins for picamera2 and lgpio that ask the world."""
        return {
            "PYTHONPATH": f"{STANDINS}:{STANDINS.parent.parent}",
            "REKAM_CAMERAS": f"{self.addresses['camera']},{self.addresses['iris']}",
            "REKAM_GPIO_WORLD": self.addresses["gpio"],
            "RPI_LGPIO_REVISION": "c03114",
            "RPI_LGPIO_CHIP": "0",
        }

    async def _until_listening(self, port: int, child: Child) -> None:
        async def listening() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            await writer.wait_closed()
            return True

        await self._wait(listening, child)

    async def _until(self, ready: Any, child: Child) -> None:
        async def found() -> bool:
            return bool(ready())

        await self._wait(found, child)

    async def _wait(self, ready: Any, child: Child) -> None:
        try:
            async with asyncio.timeout(READY_S):
                while not await ready():
                    if not child.running:
                        raise RuntimeError(f"{child.name} ended at once:\n{child.tail()}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise RuntimeError(f"{child.name} was not ready within {READY_S:g} s:\n{child.tail()}") from None
