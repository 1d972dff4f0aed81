"""Stand-in for libcamera's Python module: the names that picamera2's users need, with libcamera's numbers."""

from enum import IntEnum


class AfModeEnum(IntEnum):
    """controls.AfModeEnum"""

    Manual = 0
    Auto = 1
    Continuous = 2


class controls:  # noqa: N801  # the name libcamera gives it
    """libcamera.controls"""

    AfModeEnum = AfModeEnum
