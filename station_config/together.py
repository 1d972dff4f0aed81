"""What single keys cannot show: values that make no sense together. Each problem names its keys and the next step."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from station_config.schema import Broker, Devices, GensetRules, Gpio, Power, Section

STOP_MOST_PERCENT = 90
"""above, a station would stop at the first flicker: a full battery under load often reports less than 100"""
HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")


def power_problems(power: Power, where: str) -> Iterator[str]:
    """Sentences about [power]; where: prefix of its keys."""
    conserve, finish, stop = power.conserve_below_percent, power.finish_only_below_percent, power.stop_below_percent
    if not conserve > finish > stop:
        names = "conserve_below_percent, finish_only_below_percent and stop_below_percent"
        yield f"{where}{names}: {conserve:g}, {finish:g} and {stop:g} must fall in this order; give for example 60, 30 and 15"
    if stop > STOP_MOST_PERCENT:
        yield f"{where}stop_below_percent: {stop:g} would stop the station with a full battery; give at most {STOP_MOST_PERCENT}"
    if power.hysteresis_percent <= 0:
        yield f"{where}hysteresis_percent: {power.hysteresis_percent:g} lets the station change its mind at every percent; give more than 0, for example 5"
    if power.stale_on_battery_s < 2 * power.poll_s:
        told = f"{power.stale_on_battery_s:g} s of silence pass between two questions {power.poll_s:g} s apart"
        yield f"{where}stale_on_battery_s and poll_s: {told}; give stale_on_battery_s at least {2 * power.poll_s:g}, or a shorter poll_s"
    yield from _ordered(where, "low_v", power.low_v, "high_v", power.high_v, "V")
    for name, words in (("halt_command", power.halt_command), ("screen_command", power.screen_command), ("lamp_command", power.lamp_command)):
        if not all(word.strip() for word in words):
            yield f"{where}{name}: holds an empty word; give the program and its arguments, or [] for none"


def genset_problems(rules: GensetRules, where: str) -> Iterator[str]:
    """Sentences about [power.genset]."""
    yield from _ordered(where, "low_v", rules.low_v, "high_v", rules.high_v, "V")
    yield from _ordered(where, "low_hz", rules.low_hz, "high_hz", rules.high_hz, "Hz")
    if rules.stable_s >= rules.warm_up_timeout_s:
        told = f"{rules.stable_s:g} s of steady voltage cannot be seen within {rules.warm_up_timeout_s:g} s"
        yield f"{where}stable_s and warm_up_timeout_s: {told}; give a shorter stable_s or a longer warm_up_timeout_s"
    for number, hours in enumerate(rules.hours):
        yield from _hours(f"{where}hours.{number}", hours)
    if rules.quiet:
        yield from _hours(f"{where}quiet", rules.quiet)


def _ordered(where: str, low_name: str, low: float, high_name: str, high: float, unit: str) -> Iterator[str]:
    if low >= high:
        yield f"{where}{low_name} and {high_name}: {low:g} {unit} is not below {high:g} {unit}, so no supply is ever good; exchange or mend them"


def _hours(key: str, text: str) -> Iterator[str]:
    """A span that the pattern let pass: is each end a time of the day?"""
    found = HOURS.fullmatch(text)
    if found is None:
        return  # the pattern has told it
    begin, end = (60 * int(found[at]) + int(found[at + 1]) for at in (1, 3))
    if max(int(found[2]), int(found[4])) > 59 or max(begin, end) > 24 * 60:
        yield f"{key}: {text!r} is no time of the day; give 00:00 to 24:00, for example \"08:00-12:00\""
    elif begin == end:
        yield f"{key}: {text!r} begins when it ends; give two different times, or leave it out"


def devices_problems(devices: Devices, where: str) -> Iterator[str]:
    """Sentences about [devices]: what two of them cannot share."""
    ports = {name: device.port for name, device in (("fingerprint", devices.fingerprint), ("tablet", devices.tablet), ("board", devices.board)) if device}
    ports |= {"printer": devices.printer.port} if devices.printer and devices.printer.kind == "escpos" else {}
    ports |= {"genset": devices.genset.port} if devices.genset and devices.genset.kind.endswith("rtu") else {}
    yield from _shared(where, {f"{name}.port": port for name, port in ports.items()}, "serial port")
    cameras = {"camera": devices.camera, "iris": devices.iris}
    yield from _shared(where, {f"{name}.index": camera.index for name, camera in cameras.items() if camera}, "camera")
    yield from _shared(where, {f"ups.{number}": f"{ups.name}@{ups.host}:{ups.port}" for number, ups in enumerate(devices.ups)}, "UPS")


def gpio_problems(gpio: Gpio, where: str) -> Iterator[str]:
    """Sentences about [devices.gpio]."""
    outputs, inputs = ({f"{kind}.{name}": pin for name, pin in lines.items()} for kind, lines in (("outputs", gpio.outputs), ("inputs", gpio.inputs)))
    yield from _shared(where, {**outputs, **inputs}, "pin")


def _shared(where: str, used: Mapping[str, object], what: str) -> Iterator[str]:
    """`used`: key -> the one thing that it takes for itself."""
    users = defaultdict(list)
    for key, thing in used.items():
        users[thing].append(key)
    for thing, keys in users.items():
        if len(keys) > 1:
            yield f"{where}{' and '.join(keys)}: {what} {thing} serves one of them alone; give each its own"


def broker_problems(broker: Broker, where: str) -> Iterator[str]:
    """Sentences about [broker]: nothing that was meant to be secret goes out in the open."""
    if broker.tls_certificate and not broker.tls_ca:
        yield f"{where}tls_certificate: without tls_ca the connection would not be encrypted; give tls_ca, or leave tls_certificate out"
    if broker.tls_key and not broker.tls_certificate:
        yield f"{where}tls_key: it belongs to a tls_certificate; give both, or leave both out"
    if broker.password and not broker.username:
        yield f"{where}password: nobody is sent it without a username; give username, or leave password out"


TOGETHER: Mapping[type[Section], Callable[..., Iterator[str]]] = {
    Power: power_problems, GensetRules: genset_problems, Devices: devices_problems, Gpio: gpio_problems, Broker: broker_problems,
}
