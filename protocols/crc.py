"""CRC-32 as in IEEE 802.3 (zip, PNG), low byte first behind what it protects. Also runs on the board (MicroPython).

Check value (catalogue of CRC algorithms, CRC-32/ISO-HDLC): b"123456789" -> 0xCBF43926.
"""

from binascii import crc32

SIZE = 4
LOW = (
    0x0000, 0x1064, 0x20C8, 0x30AC, 0x4190, 0x51F4, 0x6158, 0x713C, 0x8320, 0x9344, 0xA3E8, 0xB38C, 0xC2B0, 0xD2D4, 0xE278, 0xF21C,
)
HIGH = (
    0x0000, 0x1DB7, 0x3B6E, 0x26D9, 0x76DC, 0x6B6B, 0x4DB2, 0x5005, 0xEDB8, 0xF00F, 0xD6D6, 0xCB61, 0x9B64, 0x86D3, 0xA00A, 0xBDBD,
)
"""remainders of the sixteen half bytes, cut in two"""


def append(data: bytes) -> bytes:
    """`data` and its CRC."""
    return data + crc32(data).to_bytes(SIZE, "little")


def seal(buffer: bytearray) -> None:
    """Write the CRC of all before them into the last four bytes. In halves, because a whole one is a long integer on the board and would be
    allocated; ten times slower than `append`."""
    low = high = 0xFFFF
    for index in range(len(buffer) - SIZE):
        low ^= buffer[index]
        for _ in range(2):
            row = low & 15
            low = low >> 4 ^ (high & 15) << 12 ^ LOW[row]
            high = high >> 4 ^ HIGH[row]
    end = len(buffer) - SIZE
    buffer[end] = ~low & 0xFF
    buffer[end + 1] = ~low >> 8 & 0xFF
    buffer[end + 2] = ~high & 0xFF
    buffer[end + 3] = ~high >> 8 & 0xFF


def strip(data: bytes) -> bytes | None:
    """What stands before a right CRC; None when it is wrong or missing."""
    body = data[:-SIZE]
    return body if len(data) >= SIZE and append(body) == data else None
