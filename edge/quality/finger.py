"""Is this a good print? Native measures of NFIQ 2 on the finger's share of the glass, turned into one reason and one fix.

The 256 x 288 sensor covers fewer pixels than NFIQ 2's fixed foreground limit, so area is a share of the glass. Pictures are brought
to 500 ppi to be measured, never to be kept. Dry and wet limits belong to the sensor: calibrate them in the configuration.
"""

import cv2
import numpy as np

from edge.devices.interfaces import Frame
from edge.quality import nfiq
from edge.quality.limits import DEFAULTS, Limits
from edge.quality.verdict import Verdict, could_not_judge, failed, first_failure, judged
from edge.ranks import median

MEASURED_PPI = 500
SIDE_MIN_PX = 96
"""three blocks: less holds no measure"""


@judged
def assess(frame: Frame, limits: Limits = DEFAULTS) -> Verdict:
    """frame: grey (rows, columns), finger dark on light."""
    image = frame.pixels
    if image.ndim != 2 or image.dtype != np.uint8 or min(image.shape) < SIDE_MIN_PX or frame.ppi is None or not 250 <= frame.ppi <= 2000:
        return could_not_judge("finger_not_judged")
    grey = at_500_ppi(image, frame.ppi)
    measures = {"deviation": float(grey.std()), "mean": float(grey.mean())}
    if measures["deviation"] < limits["finger_deviation_min"] or measures["mean"] > limits["finger_mean_max"]:
        return failed("finger_missing", measures)
    region = nfiq.region(grey)
    measures |= _place(region.mask) | {"roi_mean": region.mean_grey, "coherence": region.coherence_mean}
    if measures["roi_share"] < limits["finger_present_share_min"]:
        return failed("finger_missing", measures)
    measures |= _ridges(grey) | {"contrast": _contrast(grey, region.mask)}
    return first_failure(_checks(measures, limits), measures)


def at_500_ppi(image: nfiq.Grey, ppi: float) -> nfiq.Grey:
    """The same print on NFIQ 2's scale."""
    if ppi == MEASURED_PPI:
        return image
    scale = MEASURED_PPI / ppi
    return np.asarray(cv2.resize(image, (0, 0), fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 0.9 else cv2.INTER_LINEAR), dtype=np.uint8)


def _place(mask: nfiq.Mask) -> dict[str, float]:
    """Share of the glass, and where its middle lies (0.5, 0.5 is the middle of the glass)."""
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return {"roi_share": 0.0, "roi_x": 0.5, "roi_y": 0.5}
    return {"roi_share": float(mask.mean()), "roi_x": float(columns.mean()) / mask.shape[1], "roi_y": float(rows.mean()) / mask.shape[0]}


def _ridges(grey: nfiq.Grey) -> dict[str, float]:
    """Means of the block measures; 0 where no block counts."""
    local = nfiq.local(grey)
    named = {"OCL": nfiq.certainty(grey), "LCS": local.LCS, "FDA": local.FDA, "OF": local.OF, "RVU": local.RVUP}
    return {name: float(values.mean()) if values.size else 0.0 for name, values in named.items()}


def _contrast(grey: nfiq.Grey, mask: nfiq.Mask) -> float:
    """Median local deviation of ridges against valleys, well inside the finger: blur and smear take it away first."""
    inside = cv2.erode(np.pad(mask.astype(np.uint8), 1), np.ones((25, 25), np.uint8))[1:-1, 1:-1].astype(np.bool_)
    if not inside.any():
        return 0.0
    field = grey.astype(np.float32)
    detail = field - cv2.GaussianBlur(field, (0, 0), 8)
    local = cv2.GaussianBlur(detail * detail, (0, 0), 8)
    return float(np.sqrt(median(np.asarray(local)[inside])))


def _checks(m: dict[str, float], limits: Limits) -> list[tuple[str, bool]]:
    off = max(abs(m["roi_x"] - 0.5), abs(m["roi_y"] - 0.5))
    faint = m["contrast"] < limits["finger_contrast_min"]
    unclear = faint or m["LCS"] < limits["finger_lcs_min"] or m["OCL"] < limits["finger_ocl_min"]
    return [
        ("finger_small", m["roi_share"] < limits["finger_tip_share_min"]),
        ("finger_off_centre", off > limits["finger_off_centre_max"]),
        ("finger_small", m["roi_share"] < limits["finger_share_min"]),
        ("finger_wet", m["roi_mean"] < limits["finger_wet_mean_max"] or (unclear and m["roi_mean"] < limits["finger_unclear_wet_mean_max"])),
        ("finger_dry", m["roi_mean"] > limits["finger_dry_mean_min"] or (unclear and m["roi_mean"] > limits["finger_unclear_dry_mean_min"])),
        ("finger_smudged", unclear),
    ]
