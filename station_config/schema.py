"""The station's and the district's configuration as types: ranges and defaults stand beside each field.

An unknown key is an error; `load.py` reports every error of a file at once. Nothing here opens a device or a socket.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

Port = Annotated[int, Meta(ge=0, le=65535)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
Positive = Annotated[float, Meta(gt=0)]
FilePath = Annotated[str, Meta(extra={"path": True})]
"""a relative one counts from the folder of the configuration file; empty: none"""
NeededPath = Annotated[str, Meta(min_length=1, extra={"path": True})]
NeededText = Annotated[str, Meta(min_length=1)]


Loopback = Annotated[str, Meta(pattern=r"^(127\.0\.0\.1|localhost|::1)\Z")]
"""the page has no log-in of its own against the network: it is for the kiosk's browser, a proxy with TLS may stand in front"""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every table."""


class Station(Section, frozen=True):
    """[station]"""

    id: Name
    name: str = "Stasiun Rekam"
    place: str = ""
    language: Annotated[str, Meta(pattern=r"^(id|en)\Z")] = "id"
    data_dir: NeededPath = "/var/lib/rekam"
    page_host: Loopback = "127.0.0.1"
    page_port: Port = 8080
    retention_days: Annotated[float, Meta(ge=0, le=3650)] = 30
    """how long a sealed payload stays after its receipt"""
    reserve_mb: Annotated[int, Meta(ge=1, le=100_000)] = 64
    """space that new enrolments may not touch"""
    screen_ppi: Annotated[float, Meta(ge=0, le=1000)] = 0
    """pixels an inch of the operator's screen, for targets of 12.7 mm; 0: the page guesses by size"""


class Keys(Section, frozen=True):
    """[keys]: file paths. Only the station key is secret (mode 0600)."""

    station_key: NeededPath
    """PEM, or a file that points to a TPM, or one under a passphrase"""
    station_certificate: NeededPath
    district_certificate: NeededPath
    """receipts, roster and policy are verified against it"""
    audience_intake: NeededPath
    audience_vault: NeededPath
    """public HPKE keys"""
    station_passphrase: FilePath = ""
    """file with that passphrase, such as a systemd credential: the station must start alone after a power cut"""
    roster: FilePath = ""
    """sealed roster file; empty: names are typed in"""


class Broker(Section, frozen=True):
    """[broker]"""

    host: NeededText = "127.0.0.1"
    port: Port = 1883
    tls_ca: FilePath = ""
    tls_certificate: FilePath = ""
    tls_key: FilePath = ""
    username: str = ""
    password: str = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=600)] = 15


class Camera(Section, frozen=True):
    """[camera]: face camera, picamera2"""

    index: Annotated[int, Meta(ge=0, le=7)] = 0
    width_px: Annotated[int, Meta(ge=480, le=4608)] = 600
    height_px: Annotated[int, Meta(ge=640, le=4608)] = 800
    exposure_us: Annotated[int, Meta(ge=0, le=33_000)] = 0
    """0: the sensor's own choice; a kit with its own lamp fixes it"""
    gain: Annotated[float, Meta(ge=1, le=16)] = 1.0
    """used with a fixed exposure"""
    colour_gains: tuple[float, float] | None = None
    """red, blue; left out: automatic white balance"""
    focus: Annotated[str, Meta(pattern=r"^(continuous|sweep|fixed)\Z")] = "continuous"
    """sweep: search the focus before each photo (0.5 to 1 s); fixed: at `lens_dioptres`"""
    lens_dioptres: Annotated[float, Meta(ge=0, le=32)] = 1.0
    """1 / distance in metres"""


class Iris(Section, frozen=True):
    """[iris]: second camera, light by the board"""

    index: Annotated[int, Meta(ge=0, le=7)] = 1
    width_px: Annotated[int, Meta(ge=320, le=2592)] = 640
    height_px: Annotated[int, Meta(ge=240, le=1944)] = 480
    light_ms: Annotated[int, Meta(ge=1, le=250)] = 200
    exposure_us: Annotated[int, Meta(ge=100, le=33_000)] = 30_000
    """nearly the whole frame of 33 ms: the pulse of light is the shutter"""
    lens_dioptres: Annotated[float, Meta(ge=0, le=32)] = 8.0
    """1 / distance in metres, where the lens can move: the distance bar holds the eye, not the autofocus"""
    gain: Annotated[float, Meta(ge=1, le=16)] = 2.0


class Fingerprint(Section, frozen=True):
    """[fingerprint]: ZFM / R30x / R50x on a serial port"""

    port: NeededText
    baud: Annotated[int, Meta(ge=9600, le=921600)] = 57600
    fastest_baud: Annotated[int, Meta(ge=9600, le=921600)] = 115200
    """raised to this by SetSysPara where the sensor holds it"""
    width_px: Annotated[int, Meta(ge=64, le=640)] = 256
    height_px: Annotated[int, Meta(ge=64, le=640)] = 288
    ppi: Annotated[float, Meta(ge=250, le=2000)] = 508
    finger_timeout_s: Positive = 15


class Tablet(Section, frozen=True):
    """[tablet]"""

    port: NeededText
    kind: Annotated[str, Meta(pattern=r"^(isdv4|evdev)\Z")] = "isdv4"
    baud: Annotated[int, Meta(ge=9600, le=115200)] = 38400


class Board(Section, frozen=True):
    """[board]: the Pico"""

    port: NeededText
    baud: Annotated[int, Meta(ge=9600, le=921600)] = 115200
    parameters: dict[str, Annotated[int, Meta(ge=0)]] = {}
    """by name, where they differ from the defaults in protocols/board_link.py (PARAMETERS)"""


class Ups(Section, frozen=True):
    """[[ups]]: one entry per UPS behind upsd"""

    name: NeededText
    host: NeededText = "127.0.0.1"
    port: Port = 3493
    capacity_wh: Positive = 500
    """of a new battery; the usable part is learnt"""
    nominal_w: Positive = 600
    """what 100 % load means, where the driver does not tell"""


class Genset(Section, frozen=True):
    """[genset]"""

    kind: Annotated[str, Meta(pattern=r"^(gencomm|map)-(tcp|rtu)\Z")] = "gencomm-tcp"
    """gencomm: DSE; map: another maker's, by mapping file"""
    map: FilePath = ""
    """mapping file, as station_config/gensets/comap-intelilite.toml"""
    host: NeededText = "127.0.0.1"
    port: NeededText = "502"
    """TCP port number, or the serial port's path for RTU"""
    baud: Annotated[int, Meta(ge=1200, le=115200)] = 19200
    unit: Annotated[int, Meta(ge=1, le=247)] = 10


class Gpio(Section, frozen=True):
    """[gpio]: BCM numbers by line name. Outputs: lamp_green, lamp_yellow, lamp_red, backdrop, buzzer (edge/signals.py) and supply_DEVICE, which feeds
    that device and is switched off and on when it does not recover. Inputs, to ground: power_button"""

    outputs: dict[str, Annotated[int, Meta(ge=0, le=27)]] = {}
    inputs: dict[str, Annotated[int, Meta(ge=0, le=27)]] = {}


class Printer(Section, frozen=True):
    """[printer]"""

    port: NeededText
    """serial port; for `system` the name of the print queue"""
    kind: Annotated[str, Meta(pattern=r"^(escpos|system)\Z")] = "escpos"
    """system: A4 through the print command of the operating system (CUPS)"""
    baud: Annotated[int, Meta(ge=1200, le=921600)] = 115200
    width_mm: Annotated[int, Meta(ge=58, le=80)] = 80


class Devices(Section, frozen=True):
    """[devices.*]; a device that is left out is not fitted, and its steps end as exceptions"""

    camera: Camera | None = None
    iris: Iris | None = None
    fingerprint: Fingerprint | None = None
    tablet: Tablet | None = None
    board: Board | None = None
    ups: tuple[Ups, ...] = ()
    genset: Genset | None = None
    gpio: Gpio | None = None
    printer: Printer | None = None


class GensetRules(Section, frozen=True):
    """[power.genset]: when the station asks for the genset and how it judges it (edge/power/genset_plan.py)"""

    automatic: bool = True
    """False: by hand only"""
    by_contact: bool = False
    """the board's two-wire start contact reaches the genset: used where no controller on Modbus is fitted, or when it is silent"""
    start_below_percent: Annotated[float, Meta(ge=0, le=100)] = 50
    start_below_minutes: Annotated[float, Meta(ge=0, le=600)] = 20
    debounce_s: Annotated[float, Meta(ge=0, le=600)] = 10
    """mains must be away so long"""
    start_timeout_s: Annotated[float, Meta(ge=1, le=600)] = 80
    """the controller's own three cranks: 5 + 3 x (10 + 10) + 15 s"""
    warm_up_timeout_s: Annotated[float, Meta(ge=1, le=600)] = 60
    stable_s: Annotated[float, Meta(ge=1, le=600)] = 20
    """voltage and frequency within limits so long before the load goes over"""
    low_v: Annotated[float, Meta(ge=90, le=260)] = 207
    high_v: Annotated[float, Meta(ge=90, le=280)] = 253
    low_hz: Annotated[float, Meta(ge=40, le=60)] = 48
    high_hz: Annotated[float, Meta(ge=40, le=65)] = 52
    minimum_run_s: Annotated[float, Meta(ge=0, le=86_400)] = 900
    mains_return_s: Annotated[float, Meta(ge=0, le=3600)] = 120
    cool_down_s: Annotated[float, Meta(ge=0, le=3600)] = 120
    stop_timeout_s: Annotated[float, Meta(ge=1, le=600)] = 60
    rest_s: Annotated[float, Meta(ge=0, le=600)] = 30
    """between two attempts"""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    """failed requests before the lock-out; `load` is sent as often before it counts as failed"""
    load_timeout_s: Annotated[float, Meta(ge=1, le=600)] = 30
    """the UPS still on battery so long after `load`: it is sent again"""
    hand_minutes: Annotated[float, Meta(ge=1, le=1440)] = 60
    """started by hand, it stops by itself after good mains for so long"""
    look_minutes: Annotated[float, Meta(ge=0, le=1440)] = 30
    """where no board sees the mains behind a running genset: so often the load is taken off to look; 0: never, it is stopped by hand"""
    hold_minutes: Annotated[float, Meta(ge=0, le=1440)] = 15
    """stopped by hand, it is not started by itself for so long, unless the mains return before"""
    starts_an_hour: Annotated[int, Meta(ge=1, le=60)] = 6
    tank_l: Positive = 60
    litres_hour: Positive = 2.0
    """at this site's load"""
    service_every_h: Positive = 250
    test_every_days: Annotated[float, Meta(ge=0, le=365)] = 7
    """0: no test run"""
    test_minutes: Annotated[float, Meta(ge=0, le=60)] = 10
    hours: tuple[Annotated[str, Meta(pattern=r"^\d\d:\d\d-\d\d:\d\d\Z")], ...] = ()
    """local hours in which it runs by schedule, "08:00-12:00"; needs a clock that can be trusted"""
    quiet: Annotated[str, Meta(pattern=r"^(\d\d:\d\d-\d\d:\d\d)?\Z")] = ""
    """local hours without automatic starts"""


class Power(Section, frozen=True):
    """[power]: thresholds of the policy (edge/power/policy.py says what each does)"""

    conserve_below_percent: Annotated[float, Meta(ge=0, le=100)] = 60
    finish_only_below_percent: Annotated[float, Meta(ge=0, le=100)] = 30
    stop_below_percent: Annotated[float, Meta(ge=0, le=100)] = 15
    stop_below_minutes: Annotated[float, Meta(ge=0, le=600)] = 5
    stale_on_battery_s: Annotated[float, Meta(ge=1, le=600)] = 30
    hysteresis_percent: Annotated[float, Meta(ge=0, le=50)] = 5
    """so much more than a threshold before the state gets better again"""
    mains_stable_s: Annotated[float, Meta(ge=0, le=600)] = 10
    """mains must be back so long before it counts"""
    low_v: Annotated[float, Meta(ge=90, le=260)] = 198
    """230 V less 14 %: below, devices begin to misbehave"""
    high_v: Annotated[float, Meta(ge=200, le=300)] = 253
    poll_s: Annotated[float, Meta(ge=0.1, le=60)] = 2
    queue_a_day: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """queue numbers that are handed out a day: who of them still waits decides on the genset; 0: the operator tells, or nobody knows"""
    screen_command: tuple[str, ...] = ()
    """sets the screen's brightness, e.g. ["brightnessctl", "set", "{percent}%"]; empty: the screen has no dimmer. The shipped unit says what it needs"""
    lamp_command: tuple[str, ...] = ()
    """the same for the lamp on the cloth, where a PWM output dims it; empty: it is only switched (devices.gpio, backdrop)"""
    halt_command: tuple[str, ...] = ()
    """run at the end of an orderly stop, e.g. ["systemctl", "poweroff"]; empty: the station only stops itself"""
    genset: GensetRules = GensetRules()


class Clock(Section, frozen=True):
    """[clock]: where this machine keeps what the station knows of time (edge/clock.py); the defaults are Linux with systemd"""

    boot_id: NeededPath = "/proc/sys/kernel/random/boot_id"
    """another one at each start of the machine"""
    rtc: FilePath = "/sys/class/rtc/rtc0"
    """exists where a real-time clock is fitted"""
    network: FilePath = "/run/systemd/timesync/synchronized"
    """exists once GPS or NTP has set the time in this boot"""


class Capture(Section, frozen=True):
    """[capture]"""

    automatic: bool = False
    """face and eyes are taken by themselves after a second of a good live picture; the operator may always press"""


class Quality(Section, frozen=True):
    """[quality]: limits of the verdicts (edge/quality says where each comes from)"""

    limits: dict[str, float] = {}
    """name -> value, overriding the defaults"""


class StationConfig(Section, frozen=True):
    """A whole station file."""

    station: Station
    keys: Keys
    broker: Broker = Broker()
    devices: Devices = Devices()
    power: Power = Power()
    clock: Clock = Clock()
    capture: Capture = Capture()
    quality: Quality = Quality()


class District(Section, frozen=True):
    """[district]"""

    id: Name
    name: str = "Kabupaten"
    data_dir: NeededPath = "/var/lib/rekam-district"
    page_host: NeededText = "127.0.0.1"
    page_port: Port = 8090
    quota_records_day: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    """records that one station may deliver in a day"""
    quota_events_day: Annotated[int, Meta(ge=1, le=10_000_000)] = 20_000
    """ledger events that one station may deliver in a day; the rest stays there until tomorrow"""
    people: dict[Name, Annotated[int, Meta(ge=1, le=10_000_000)]] = {}
    """station -> people to be recorded in its area, where that is known: the page shows how many are"""


class DistrictKeys(Section, frozen=True):
    """[keys]"""

    signing_key: NeededPath
    certificate: NeededPath
    station_certificates: NeededPath
    """folder of one certificate a station, named <station>.pem"""
    authority: FilePath = ""
    """certificate of the authority that issued them; empty: whatever lies in the folder is believed"""


class DistrictConfig(Section, frozen=True):
    """A whole district file."""

    district: District
    keys: DistrictKeys
    broker: Broker = Broker()
