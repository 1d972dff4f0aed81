"""A signature in the forms that other programs read, beside the master that `./rekam record open` wrote.

InkML carries everything; ISO/IEC 19794-7, SVG and PNG drop what protocols/signature.py says. The master stays the only original.
"""

from collections.abc import Callable, Iterator

from protocols import signature
from protocols.canonical import FormatError

FORMS: dict[str, Callable[[signature.Series], bytes]] = {
    "inkml": signature.inkml, "sdi": signature.iso_19794_7, "svg": signature.svg, "png": signature.png,
}


def views(master: bytes) -> Iterator[tuple[str, bytes]]:
    """File suffix and content. A form that cannot hold this signature is left out; what is no master of ours has none."""
    try:
        series = signature.decode_series(master)
    except FormatError:
        return
    for suffix, form in FORMS.items():
        try:
            yield suffix, form(series)
        except ValueError:
            continue
