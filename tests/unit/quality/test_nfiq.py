"""Native measures against the values that the NFIQ 2 project publishes, to the printed digit."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.quality import nfiq
from tests.samples import samples

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "nfiq2"
NOT_OURS = ("FingerJetFX", "FJFX", "FingerprintImageWithMinutiae", "UnifiedQualityScore", "OrientationMap_ROIFilter_CoherenceSum")
"""measures that need minutiae, the score, and a sum whose mean is here"""

BINS = {
    "OCL": (0.337, 0.479, 0.579, 0.655, 0.716, 0.766, 0.81, 0.852, 0.898),
    "LCS": (0.0, 0.70, 0.74, 0.77, 0.79, 0.81, 0.83, 0.85, 0.87),
    "FDA": (0.268, 0.304, 0.33, 0.355, 0.38, 0.407, 0.44, 0.50, 1.0),
    "OF": (0.01715, 0.035, 0.0557, 0.081, 0.115, 0.1718, 0.2569, 0.4758, 0.748),
    "RVUP": (0.5, 0.667, 0.8, 1.0, 1.25, 1.5, 2.0, 24.0, 30.0),
}
"""upper ends of the published histograms, right-open"""


def _print(name: str) -> nfiq.Grey:
    kept = VECTORS / f"{name}.png"
    path = kept if kept.is_file() else samples() / "finger" / f"{name}.pgm"
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _published(name: str) -> dict[str, float]:
    lines = (VECTORS / f"{name}_output.txt").read_text(encoding="ascii").splitlines()
    values = {key.strip(): float(value) for key, value in (line.split(":") for line in lines if ":" in line)}
    return {key: value for key, value in values.items() if not key.startswith(NOT_OURS)}


def _block_mean(image: nfiq.Grey) -> float:
    """MMB: mean of the means of all blocks, partial ones too; it holds trimming and the grid against theirs."""
    rows, columns = image.shape
    blocks = [image[y : y + nfiq.BLOCK, x : x + nfiq.BLOCK] for y in range(0, rows, nfiq.BLOCK) for x in range(0, columns, nfiq.BLOCK)]
    return float(np.mean([block.mean() for block in blocks]))


def _measured(image: nfiq.Grey) -> dict[str, float]:
    region, local = nfiq.region(image), nfiq.local(image)
    found = {
        "UniformImage": float(image.std()), "EmptyImageOrContrastTooLow": float(image.mean()), "Mu": float(image.mean()), "MMB": _block_mean(image),
        "SufficientFingerprintForeground": float(region.mask.sum()), "ImgProcROIArea_Mean": region.mean_grey,
        "OrientationMap_ROIFilter_CoherenceRel": region.coherence_mean,
    }
    for name, values in {"OCL": nfiq.certainty(image), "LCS": local.LCS, "FDA": local.FDA, "OF": local.OF, "RVUP": local.RVUP}.items():
        found |= {f"{name}_Bin10_Mean": float(values.mean()), f"{name}_Bin10_StdDev": float(values.std())}
        found |= {f"{name}_Bin10_{number}": float(count) for number, count in enumerate(np.bincount(np.digitize(values, BINS[name]), minlength=10))}
    return found


@pytest.mark.parametrize("name", [f"SFinGe_Test0{number}" for number in range(1, 6)])
def test_equal_to_the_published_values(name: str) -> None:
    published = _published(name)
    measured = _measured(nfiq.trim(_print(name)))
    differing = {key: (value, measured[key]) for key, value in published.items() if float(f"{measured[key]:.6g}") != value}
    assert len(published) == 67
    assert differing == {}


def test_trim_leaves_an_all_white_picture_alone() -> None:
    white = np.full((64, 64), 255, np.uint8)
    assert nfiq.trim(white).shape == (64, 64)
