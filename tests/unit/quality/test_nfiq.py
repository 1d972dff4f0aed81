"""Native measures against the values that the NFIQ 2 project publishes, to the printed digit."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.quality import nfiq
from tests.samples import samples

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "nfiq2"
NOT_OURS = ("FingerJetFX", "FJFX", "FingerprintImageWithMinutiae", "UnifiedQualityScore")
"""measures that need minutiae, and the score"""


def _print(name: str) -> nfiq.Grey:
    kept = VECTORS / f"{name}.png"
    path = kept if kept.is_file() else samples() / "finger" / f"{name}.pgm"
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _published(name: str) -> dict[str, float]:
    lines = (VECTORS / f"{name}_output.txt").read_text(encoding="ascii").splitlines()
    values = {key.strip(): float(value) for key, value in (line.split(":") for line in lines if ":" in line)}
    return {key: value for key, value in values.items() if not key.startswith(NOT_OURS)}


def _measured(image: nfiq.Grey) -> dict[str, float]:
    region, local = nfiq.region(image), nfiq.local(image)
    found = {
        "UniformImage": float(image.std()), "EmptyImageOrContrastTooLow": float(image.mean()), "Mu": float(image.mean()), "MMB": nfiq.block_mean(image),
        "SufficientFingerprintForeground": float(region.area_px), "ImgProcROIArea_Mean": region.mean_grey,
        "OrientationMap_ROIFilter_CoherenceRel": region.coherence_mean, "OrientationMap_ROIFilter_CoherenceSum": region.coherence_sum,
    }
    for name, values in {"OCL": nfiq.certainty(image), "LCS": local.LCS, "FDA": local.FDA, "OF": local.OF, "RVUP": local.RVUP}.items():
        found |= {f"{name}_Bin10_Mean": float(values.mean()), f"{name}_Bin10_StdDev": float(values.std())}
        found |= {f"{name}_Bin10_{number}": float(count) for number, count in enumerate(nfiq.histogram(values, name))}
    return found


@pytest.mark.parametrize("name", [f"SFinGe_Test0{number}" for number in range(1, 6)])
def test_equal_to_the_published_values(name: str) -> None:
    published = _published(name)
    measured = _measured(nfiq.trim(_print(name)))
    differing = {key: (value, measured[key]) for key, value in published.items() if float(f"{measured[key]:.6g}") != value}
    assert len(published) == 68
    assert differing == {}


def test_trim_leaves_an_all_white_picture_alone() -> None:
    white = np.full((64, 64), 255, np.uint8)
    assert nfiq.trim(white).shape == (64, 64)
