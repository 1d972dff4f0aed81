"""Real sample pictures for tests: read where the bench would read them, skipped with a reason where they are not."""

from pathlib import Path

import pytest

from tools.paths import samples_folder


def samples() -> Path:
    """The folder; skips the test when there is none."""
    folder = samples_folder()
    if folder is None:
        pytest.skip("no folder of real samples (REKAM_SAMPLES)")
    return folder
