"""The proof slip in the form that the fitted printer takes: ESC/POS bytes, or a document that becomes an A4 sheet."""

from edge.devices.proof import encode_proof
from edge.enrolment.slip import Slip, SlipMaker
from protocols import escpos
from station_config.schema import Printer


def slip_maker(printer: Printer | None) -> SlipMaker:
    """For the printer of the configuration."""
    if printer is not None and printer.kind == "system":
        return a4_slip
    return escpos_slip(printer.width_mm if printer else 80)


def a4_slip(slip: Slip) -> bytes:
    """For `edge/devices/system_printer.py`."""
    return encode_proof(slip.title, slip.lines, slip.notes, slip.code)


def escpos_slip(width_mm: int) -> SlipMaker:
    """For paper of that width."""

    def document(slip: Slip) -> bytes:
        page = escpos.Slip(width_mm).title(slip.title).rule()
        for label, value in slip.lines:
            page.pair(label, value)
        page.rule().qr(slip.code)
        for note in slip.notes:
            page.line(note)
        return page.line().line().rule().cut().document

    return document
