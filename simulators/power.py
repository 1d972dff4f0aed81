"""Power as it is at the site: mains, UPS batteries, genset, and the wires between them. The wires to the station are elsewhere.

    mains --+
            +-- transfer switch -- UPS (battery) -- the station's load
    genset -+

`process(dt_s)` moves everything; between `follow` and `unfollow` real time does. The mains follow a schedule (`simulators.mains`) or the control
methods. All electrical figures are volts, watts, watt-hours; unknown to nobody: this is the truth that the station guesses at.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Protocol

NOMINAL_V = 230.0
NOMINAL_HZ = 50.0
UPS_LOW_V, UPS_HIGH_V = 176.0, 276.0
"""a line-interactive UPS of this class goes to battery outside (Megatec family data sheets)"""
CONTACT_LOAD_S = 10.0
"""started by the two-wire contact, the controller itself puts the load on after this warm-up"""
STEP_S = 1.0
"""longest step of the model; longer ones are cut into such pieces"""

RELAY_LOW_V = 180.0
"""voltage relays of the board drop out below"""
TICK_S = 0.2
"""real-time steps of `follow`"""


class Clock(Protocol):
    """What `follow` needs of the world's clock."""

    def now_s(self) -> float: ...

    async def sleep_s(self, seconds: float) -> None: ...


@dataclass
class Mains:
    """The public supply as the control methods or a schedule set it."""

    volts: float = NOMINAL_V
    hz: float = NOMINAL_HZ
    flicker_s: float = 0.0
    """> 0: there for so long, gone for so long, and so on"""
    outages: int = 0
    _t_s: float = 0.0

    def process(self, dt_s: float) -> None:
        self._t_s += dt_s

    @property
    def now_v(self) -> float:
        if self.flicker_s and int(self._t_s / self.flicker_s) % 2:
            return 0.0
        return self.volts


@dataclass
class UpsBattery:
    """A line-interactive UPS with a lead battery that ages.

    The charge it reports is derived from the loaded voltage, as cheap units do, so it is not proportional to the energy left.
    """

    capacity_wh: float = 500.0
    health: float = 1.0
    """usable share of the nominal capacity; falls with use and time"""
    nominal_w: float = 600.0
    load_w: float = 120.0
    efficiency: float = 0.85
    own_draw_w: float = 8.0
    charger_w: float = 60.0
    v_full: float = 27.0
    v_empty: float = 20.8
    sag_v_at_nominal: float = 1.6
    soc: float = 1.0
    on_battery: bool = False
    dead: bool = False
    lies: bool = False
    """reports 100 % until two minutes before the end"""
    input_v: float = NOMINAL_V
    input_hz: float = NOMINAL_HZ
    runtime_jumps: bool = False
    replace_battery: bool = False
    _seconds: float = 0.0

    @property
    def usable_wh(self) -> float:
        return self.capacity_wh * self.health

    @property
    def drain_w(self) -> float:
        return self.load_w / self.efficiency + self.own_draw_w

    @property
    def left_wh(self) -> float:
        return self.usable_wh * self.soc

    def process(self, dt_s: float, input_v: float, input_hz: float) -> None:
        self._seconds += dt_s
        self.input_v, self.input_hz = input_v, input_hz
        self.on_battery = not UPS_LOW_V <= input_v <= UPS_HIGH_V
        if not self.on_battery:
            self.dead = False
            self.soc = min(1.0, self.soc + self.charger_w * (1.05 - self.soc) * dt_s / 3600 / self.usable_wh)
        elif not self.dead:
            self._discharge(dt_s)

    def _discharge(self, dt_s: float) -> None:
        used_wh = self.drain_w * dt_s / 3600
        self.soc = max(0.0, self.soc - used_wh / self.usable_wh)
        self.health = max(0.2, self.health - 0.0006 * used_wh / self.capacity_wh)
        self.dead = self.soc <= 0.0

    @property
    def battery_v(self) -> float:
        rest = self.v_empty + (self.v_full - self.v_empty) * (1.6 * self.soc - 0.6 * self.soc**2)
        return rest - (self.sag_v_at_nominal * self.load_w / self.nominal_w if self.on_battery else -0.2)

    @property
    def charge_percent(self) -> float:
        if self.lies and self.minutes_left > 2:
            return 100.0
        return max(0.0, min(100.0, 100 * (self.battery_v - self.v_empty) / (self.v_full - self.v_empty)))

    @property
    def minutes_left(self) -> float:
        """The truth."""
        return 60 * self.left_wh / self.drain_w

    @property
    def runtime_s(self) -> float:
        """What the UPS says: its firmware still believes in the nominal capacity."""
        told = 36 * self.charge_percent * self.capacity_wh / self.drain_w
        return told * (0.25, 3.0, 1.0, 0.1)[int(self._seconds / 7) % 4] if self.runtime_jumps else told

    @property
    def load_percent(self) -> float:
        return 100 * self.load_w / self.nominal_w

    @property
    def low(self) -> bool:
        """Its low-battery flag: by voltage, and by nothing else."""
        return self.on_battery and (self.soc < 0.08 or self.charge_percent < 8)


@dataclass
class GensetModel:
    """An engine with its controller: cranks by itself, makes voltage, burns fuel, fails to start when told to."""

    tank_l: float = 60.0
    fuel_l: float = 45.0
    idle_l_h: float = 0.8
    litre_kwh: float = 0.45
    crank_s: float = 4.0
    spin_up_s: float = 5.0
    failures_left: int = 0
    """so many cranks will not catch"""
    no_voltage: bool = False
    fuel_sensor_broken: bool = False
    low_v: bool = False
    """its regulator gives 185 V"""
    demands: set[str] = field(default_factory=set)
    """who wants it to run: telemetry (Modbus), contact (two wires), hand"""
    mode: str = "auto"
    loaded: bool = False
    """its contactor feeds the site"""
    run_time_s: float = 412 * 3600.0
    starts: int = 388
    alarms: set[str] = field(default_factory=set)
    _crank_left_s: float = 0.0
    _running_s: float = -1.0

    @property
    def running(self) -> bool:
        return self._running_s >= 0

    @property
    def speed(self) -> float:
        """0..1 of nominal."""
        return min(1.0, self._running_s / self.spin_up_s) if self.running else 0.0

    @property
    def volts(self) -> float:
        if self.no_voltage or not self.running:
            return 0.0
        return (185.0 if self.low_v else NOMINAL_V) * self.speed

    @property
    def hz(self) -> float:
        return NOMINAL_HZ * self.speed

    @property
    def rpm(self) -> float:
        return 1500 * self.speed

    @property
    def coolant_c(self) -> float:
        return 30 + min(52.0, max(0.0, self._running_s) / 6)

    @property
    def oil_kpa(self) -> float:
        return 410 * self.speed

    @property
    def fuel_percent(self) -> float:
        return 100 * self.fuel_l / self.tank_l

    def request(self, run: bool, by: str = "telemetry") -> None:
        """One more or one less who wants it to run; when nobody does it stops."""
        if run and not self.demands:
            self._crank_left_s = self.crank_s
            self.starts += 1
        (self.demands.add if run else self.demands.discard)(by)
        if not self.demands:
            self.loaded = False
            self._running_s = -1.0

    def process(self, dt_s: float, load_w: float) -> None:
        if self.running:
            self._burn(dt_s, load_w if self.loaded else 0.0)
        elif self.demands and self.mode == "auto" and "fail_to_start" not in self.alarms:
            self._crank(dt_s)

    def _crank(self, dt_s: float) -> None:
        self._crank_left_s -= dt_s
        if self._crank_left_s > 0:
            return
        if self.failures_left > 0 or self.fuel_l <= 0:
            self.failures_left = max(0, self.failures_left - 1)
            self.alarms.add("fail_to_start")
            return
        self._running_s = 0.0

    def _burn(self, dt_s: float, load_w: float) -> None:
        self._running_s += dt_s
        self.run_time_s += dt_s
        if "contact" in self.demands and self._running_s >= CONTACT_LOAD_S:
            self.loaded = True
        self.fuel_l = max(0.0, self.fuel_l - (self.idle_l_h + self.litre_kwh * load_w / 1000) * dt_s / 3600)
        if self.fuel_l == 0.0:
            self._running_s = -1.0
            self.loaded = False

    def reset_alarms(self) -> None:
        self.alarms.clear()
        self._crank_left_s = self.crank_s


class PowerWorld:
    """The site's supply. Public attributes are the truth; methods are what the tester may do."""

    def __init__(self, rng: random.Random, upses: int = 1) -> None:
        self.rng = rng
        self.mains = Mains()
        self.upses = [UpsBattery() for _ in range(upses)]
        self.genset = GensetModel()
        self.ups_silent = False
        """the UPS answers nobody (NUT's driver goes stale)"""
        self.button_held = False
        self.pi_power = True
        """the board's switch on the Pi's 5 V; the simulated board sets it"""
        self.kernel_runs = True
        """the Pi has not halted"""
        self._followers = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def supply_v(self) -> float:
        """What arrives at the UPS's input."""
        return self.genset.volts if self.genset.loaded else self.mains.now_v

    # contacts that the board reads

    @property
    def mains_ok(self) -> bool:
        """Relay on the mains: present and within its limits."""
        return self.mains.now_v >= RELAY_LOW_V

    @property
    def ups_ok(self) -> bool:
        """Relay on the UPS's output."""
        return any(not ups.dead for ups in self.upses)

    @property
    def genset_running(self) -> bool:
        """Relay on the generator's voltage."""
        return self.genset.volts >= RELAY_LOW_V

    @property
    def genset_alarm(self) -> bool:
        """The controller's common alarm relay."""
        return bool(self.genset.alarms)

    @property
    def pi_alive(self) -> bool:
        """The Pi's own line to the board: high until its kernel has halted, or its supply is cut."""
        return self.pi_power and self.kernel_runs

    def start_contact(self, closed: bool) -> None:
        """The board's two-wire start contact."""
        self.genset.request(closed, by="contact")

    def process(self, dt_s: float) -> None:
        while dt_s > 0:
            step_s = dt_s if self._quiet else min(STEP_S, dt_s)
            self._step(step_s)
            dt_s -= step_s

    @property
    def _quiet(self) -> bool:
        """Nothing but a charging battery: one long step is as good as many."""
        return not self.mains.flicker_s and not self.genset.demands and self.mains.volts >= UPS_LOW_V

    def _step(self, dt_s: float) -> None:
        self.mains.process(dt_s)
        self.genset.process(dt_s, sum(ups.load_w for ups in self.upses))
        hz = self.genset.hz if self.genset.loaded else self.mains.hz
        for ups in self.upses:
            ups.process(dt_s, self.supply_v, hz)

    def follow(self, clock: Clock) -> None:
        """Real time drives the model until as many `unfollow` were called; each simulated device on the supply calls both."""
        self._followers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run(clock), name="power world")

    async def unfollow(self) -> None:
        self._followers -= 1
        if self._followers == 0 and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, clock: Clock) -> None:
        last_s = clock.now_s()
        while True:
            await clock.sleep_s(TICK_S)
            now_s = clock.now_s()
            self.process(now_s - last_s)
            last_s = now_s

    # what the tester may do, by the control channel's names

    def outage(self) -> None:
        """The mains fail."""
        self.mains.volts = 0.0
        self.mains.flicker_s = 0.0
        self.mains.outages += 1

    def restore(self) -> None:
        """The mains are back, and steady."""
        self.mains.volts = NOMINAL_V
        self.mains.flicker_s = 0.0

    def voltage(self, volts: float) -> None:
        """Low evening voltage, brown-out."""
        self.mains.volts = float(volts)

    def flicker(self, period_s: float = 1.0) -> None:
        """There and gone, `period_s` each."""
        self.mains.volts, self.mains.flicker_s = NOMINAL_V, float(period_s)

    def charge(self, percent: float, ups: int = 0) -> None:
        """Set a battery's true state of charge."""
        self.upses[ups].soc = float(percent) / 100

    def capacity(self, wh: float, ups: int = 0) -> None:
        """Another battery: a small one makes an outage short to watch."""
        self.upses[ups].capacity_wh = float(wh)

    def load(self, watts: float) -> None:
        """What the station draws, shared by the UPSes."""
        for ups in self.upses:
            ups.load_w = float(watts) / len(self.upses)

    def genset_fails(self, times: int) -> None:
        """The next `times` cranks do not catch."""
        self.genset.failures_left = int(times)

    def refuel(self, litres: float) -> None:
        self.genset.fuel_l = min(self.genset.tank_l, self.genset.fuel_l + float(litres))

    def button(self, held: bool) -> None:
        """The power button."""
        self.button_held = bool(held)

    def pi(self, runs: bool) -> None:
        """The Pi's kernel has started, or has halted."""
        self.kernel_runs = bool(runs)

    def pi_powered(self) -> bool:
        """Has the Pi its 5 V?"""
        return self.pi_power

    def status(self) -> str:
        """One line for people."""
        ups, genset = self.upses[0], self.genset
        battery = f"battery {ups.soc:.0%}{' in use' if ups.on_battery else ''}"
        return f"mains {self.mains.now_v:.0f} V, {battery}, genset {genset.rpm:.0f} rpm{' on load' if genset.loaded else ''}"
