"""Slip bytes against python-escpos, status bytes against Epson's table."""

import pytest
from escpos.printer import Dummy

from protocols import escpos
from protocols.escpos import Slip, Status


def test_qr_is_what_python_escpos_sends() -> None:
    other = Dummy()
    other.qr("rekam:0123456789", native=True, size=8, ec=1)  # 1: level M
    assert escpos.qr("rekam:0123456789", 8) in other.output


def test_slip_holds_its_lines_in_order_and_ends_with_the_cut() -> None:
    document = Slip(58).title("BUKTI").pair("Antrean", "7").rule().qr("x").cut().document
    assert document.startswith(b"\x1b@")
    assert document.endswith(b"\x1dVB\x00")
    assert document.index(b"BUKTI") < document.index(b"Antrean" + b" " * 24 + b"7") < document.index(b"-" * 32)


def test_long_lines_break_between_words_and_long_words_are_cut() -> None:
    assert escpos.wrap("satu dua tiga", 8) == ["satu dua", "tiga"]
    assert escpos.wrap("ab" * 5, 4) == ["abab", "abab", "ab"]
    assert escpos.wrap("", 10) == [""]
    assert escpos.wrap("  ditarik", 20) == ["  ditarik"]


@pytest.mark.parametrize(("came", "answered"), [
    (b"\x18\x00\x0c\x0f", b""), (b"\x18\x00", b""), (b"\x12\x18\x00\x0c\x0f\x03", b"\x12\x03"), (b"\x10\x00\x00\x0f\x00", b"\x00"),
    (b"\x10\x12\x00", b"\x10\x12\x00"), (b"_REKAM\0", b"_REKAM\0"),
])
def test_reports_that_nobody_asked_for_are_no_answers(came: bytes, answered: bytes) -> None:
    """Automatic status back of a TM-T88V (Epson, GS a): paper out, all well; then what only resembles one."""
    assert escpos.answers(came) == answered


def test_a_pair_that_does_not_fit_takes_two_lines() -> None:
    assert b"Nomor rekam\n  0123456789abcdef0123456789\n" in Slip(58).pair("Nomor rekam", "0123456789abcdef0123456789").document


def test_columns_follow_the_paper() -> None:
    assert (Slip(58).columns, Slip(80).columns) == (32, 48)


def test_what_the_code_page_lacks_becomes_a_question_mark() -> None:
    assert b"\xe9?" in Slip(80).line("é漢").document


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ((0x12, 0x12, 0x12), Status(False, False, False, False, False)),
        ((0x1A, 0x16, 0x12), Status(True, True, False, False, False)),
        ((0x1A, 0x32, 0x72), Status(True, False, False, True, False)),
        ((0x12, 0x12, 0x1E), Status(False, False, True, False, False)),
        ((0x1A, 0x52, 0x12), Status(True, False, False, False, True)),
    ],
)
def test_status_bytes(answers: tuple[int, int, int], status: Status) -> None:
    """Epson's table of DLE EOT n; python-escpos reads 0x72 as paper out and 0x1E as paper low."""
    assert escpos.decode_status(*answers) == status
    assert all(escpos.is_status(answer) for answer in answers)
    assert escpos.decode_status(*(escpos.encode_status(status, n) for n in (1, 2, 4))) == status
