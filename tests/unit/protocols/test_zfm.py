"""Fingerprint packets against the R503 manual's bytes and the figures of adafruit_fingerprint's and pyfingerprint's users."""

import pytest

from protocols import zfm

VERIFY_PASSWORD = bytes.fromhex("EF01FFFFFFFF010007130000000000 1B")
"""R503 manual V1.1, VfyPwd with password 0"""
ACK_OK = bytes.fromhex("EF01FFFFFFFF07000300000A")


def test_command_and_acknowledge_are_the_manuals() -> None:
    assert zfm.command(zfm.VFY_PWD, bytes(4)) == VERIFY_PASSWORD
    assert zfm.ack(zfm.OK) == ACK_OK


def test_decoder_reads_the_manuals_bytes() -> None:
    assert zfm.Decoder().feed(VERIFY_PASSWORD + ACK_OK) == [zfm.Packet(zfm.COMMAND, b"\x13\0\0\0\0"), zfm.Packet(zfm.ACK, b"\0")]


def test_wrong_checksum_is_damage_and_the_next_packet_is_found() -> None:
    spoilt = ACK_OK[:-1] + b"\x0b"
    damaged, packet = zfm.Decoder().feed(spoilt + ACK_OK)
    assert isinstance(damaged, zfm.Damaged)
    assert packet == zfm.Packet(zfm.ACK, b"\0")


def test_power_up_byte_and_noise_are_skipped_and_counted() -> None:
    decoder = zfm.Decoder()
    assert decoder.feed(b"\x55\x00" + ACK_OK) == [zfm.Packet(zfm.ACK, b"\0")]
    assert decoder.stray == 2


@pytest.mark.parametrize(("packet", "wire"), [(32, 49_560), (64, 43_224), (128, 40_056), (256, 38_472)])
def test_wire_size_of_a_large_image(packet: int, wire: int) -> None:
    """Measured on the wire with command and acknowledge, 12 bytes each."""
    assert zfm.wire_bytes(256 * 288 // 2, packet) + 24 == wire
    assert sum(map(len, zfm.data_packets(bytes(36_864), packet))) + 24 == wire


def test_wire_size_of_an_r503_image() -> None:
    assert zfm.wire_bytes(192 * 192 // 2, 128) + 24 == 20_040


def test_nibbles_expand_high_first_times_17() -> None:
    assert zfm.expand(bytes([0x0F, 0xA1])) == bytes([0, 255, 170, 17])


def test_system_parameters_are_16_bytes() -> None:
    parameters = zfm.SystemParameters(0, 9, 1000, 3, zfm.ADDRESS, 2, 6)
    assert parameters.encode() == bytes.fromhex("0000 0009 03E8 0003 FFFFFFFF 0002 0006")
    assert (parameters.packet_size, parameters.baud) == (128, 57_600)


def test_upload_gives_the_content_at_its_end_packet() -> None:
    content = bytes(range(256)) * 2
    upload = zfm.Upload(len(content))
    packets = zfm.data_packets(content, 128)
    assert upload.feed(zfm.ack(zfm.OK) + b"".join(packets[:-1])) is None
    assert upload.progress == 0.75
    assert upload.feed(packets[-1]) == content


def test_upload_skips_what_an_older_upload_left_behind() -> None:
    old, new = zfm.data_packets(bytes(64), 32), zfm.data_packets(b"\x11" * 64, 32)
    assert zfm.Upload(64).feed(b"".join(old) + zfm.ack(zfm.OK) + b"".join(new)) == b"\x11" * 64


def test_refused_upload_carries_the_code() -> None:
    with pytest.raises(zfm.UploadRefused, match="upload image failed") as refused:
        zfm.Upload(64).feed(zfm.ack(zfm.UPLOAD_FAILED))
    assert refused.value.code == 0x0F


def test_upload_with_a_damaged_packet_is_an_error_that_says_which_checksum() -> None:
    packets = zfm.data_packets(bytes(64), 32)
    packets[0] = packets[0][:-1] + b"\xff"
    with pytest.raises(zfm.ZfmError, match=r"32 bytes instead of 64.*checksum"):
        zfm.Upload(64).feed(zfm.ack(zfm.OK) + b"".join(packets))


def test_upload_that_is_too_long_is_an_error() -> None:
    with pytest.raises(zfm.ZfmError, match="96 bytes instead of 64"):
        zfm.Upload(64).feed(zfm.ack(zfm.OK) + b"".join(zfm.data_packets(bytes(96), 32)))


def test_product_information_as_in_the_manuals_table() -> None:
    """R503 manual V1.2.2, ReadProdInfo (3C): the command with its checksum, and an answer put together by the table by hand."""
    assert zfm.command(zfm.READ_PROD_INFO).hex() == "ef01ffffffff010003" + "3c" + "0040"
    assert zfm.command(zfm.GET_FW_VER).hex() == "ef01ffffffff010003" + "3a" + "003e"
    model, batch, serial, sensor = b"R503".ljust(16, b"\0"), b"2210", b"00004711", b"ZW0903\0\0"
    values = model + batch + serial + bytes([1, 2]) + sensor + bytes.fromhex("00c0 00c0 0600 00c8")
    assert len(values) == 46
    found = zfm.ProductInfo.decode(values)
    assert found == zfm.ProductInfo("R503", "2210", "00004711", "1.2", "ZW0903", 192, 192)
    assert found is not None
    assert found.encode(0x600, 200) == values
    assert zfm.ProductInfo.decode(values + bytes(4)) == found, "the table's reserved bytes"
    assert zfm.ProductInfo.decode(values[:45]) is None
