"""Where things lie around a checkout."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STANDINS = ROOT / "simulators" / "standins"


def samples_folder() -> Path | None:
    """Real sample images: $REKAM_SAMPLES, else ../shared/samples beside the checkout, else none (generators serve)."""
    folder = Path(os.environ.get("REKAM_SAMPLES", ROOT.parent / "shared" / "samples"))
    return folder if folder.is_dir() else None
