"""The proof slip in the language of the printer that is fitted."""

from edge.devices.proof import encode_proof
from edge.enrolment.slip import Slip, SlipMaker
from protocols import escpos


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


def a4_slip(slip: Slip) -> bytes:
    """For a printer behind the system's print command."""
    return encode_proof(slip.title, slip.lines, slip.notes, slip.code)
