"""Started by MicroPython after boot.py. Which pins and which wire: hal_rp2 on a Pico, hal_unix in the bench."""

import sys

import board

if sys.platform == "rp2":
    from hal_rp2 import Hal, in_maintenance
else:
    from hal_unix import Hal, in_maintenance

if not in_maintenance():
    board.run(Hal())
