"""The proof slip as ESC/POS bytes."""

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
