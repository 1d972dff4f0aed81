"""Runs first on the Pico: every output at its safe level before anything else can fail."""

import hal_rp2

hal_rp2.safe_pins()
