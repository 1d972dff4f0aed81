"""CRC-32 as in IEEE 802.3 (zip, PNG), low byte first behind what it protects. Also runs on the board (MicroPython).

Check value (catalogue of CRC algorithms, CRC-32/ISO-HDLC): b"123456789" -> 0xCBF43926.
"""

from binascii import crc32

SIZE = 4


def append(data: bytes) -> bytes:
    """`data` and its CRC."""
    return data + crc32(data).to_bytes(SIZE, "little")


def strip(data: bytes) -> bytes | None:
    """What stands before a right CRC; None when it is wrong or missing."""
    body = data[:-SIZE]
    return body if len(data) >= SIZE and append(body) == data else None
