"""The native measures of NFIQ 2.3 that need no minutiae, for a grey print at 500 ppi, finger dark.

Every formula follows the reference implementation to the printed digit, quirks included (ISO/IEC 29794-4:2024 and its open
sources): tests hold them against the values that the NFIQ 2 project publishes. The unified score is not computed here and ours is
never called NFIQ 2. Blocks are 32 x 32 px.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BLOCK = 32
BORDER = 2
"""local blocks start at (2, 2): room for the slanted window"""
WINDOW = BLOCK + 2 * BORDER
WHITE_MEAN = 250
FOREGROUND_DEVIATION = 0.1
OF_ANGLE_MIN_DEG = 4.0
RIDGE_PX = (3, 10)
VALLEY_PX = (2, 10)
WIDTH_SCALE_PX = 20
"""the reference compares widths in units of 20 px; other units round differently"""


@dataclass(frozen=True, slots=True)
class Region:
    """Where the finger is."""

    mask: Mask
    mean_grey: float
    coherence_mean: float


def trim(image: Grey) -> Grey:
    """Cut outer rows and columns that are white; an all-white picture stays as it is."""
    rows, columns = np.nonzero(image.mean(axis=1) <= WHITE_MEAN)[0], np.nonzero(image.mean(axis=0) <= WHITE_MEAN)[0]
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if rows.size and columns.size else image


def certainty(image: Grey) -> Array:
    """OCL: orientation certainty of each full block with any gradient."""
    values = []
    for _, _, block in _grid(image, full=True):
        a, b, c = _structure(block)
        root = np.sqrt((a - b) ** 2 + 4 * c**2)
        if a + b + root > 0:
            values.append(1 - (a + b - root) / (a + b + root))
    return np.array(values)


def region(image: Grey) -> Region:
    """ROI by two rounds of smoothing and Otsu; holes filled, the component with the largest bounding box kept."""
    smooth = cv2.GaussianBlur(cv2.erode(image, np.ones((5, 5), np.uint8)), (41, 41), 0)
    _, rough = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    _, fine = cv2.threshold(cv2.GaussianBlur(rough, (91, 91), 0), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(cv2.bitwise_not(fine), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = np.zeros(image.shape, np.uint8)
    if contours:
        largest = max(contours, key=lambda contour: cv2.boundingRect(contour)[2] * cv2.boundingRect(contour)[3])
        cv2.drawContours(mask, [largest], -1, 1, cv2.FILLED)
    inside = mask.astype(np.bool_)
    coherence = np.array([_coherence(block) for y, x, block in _grid(image) if inside[y : y + BLOCK, x : x + BLOCK].any()])
    mean = float(image[inside].mean()) if inside.any() else 255.0
    return Region(inside, mean, float(coherence.mean()) if coherence.size else 0.0)


@dataclass(frozen=True, slots=True)
class Local:
    """Block-wise values over the foreground: flow, clarity, frequency, ridge-valley ratios."""

    OF: Array
    LCS: Array
    FDA: Array
    RVUP: Array


def local(image: Grey) -> Local:
    """OF, LCS, FDA, RVU on the blocks that start at (2, 2) and lie wholly in the foreground."""
    foreground = _foreground(image)
    rows, columns = (image.shape[0] - 2 * BORDER) // BLOCK, (image.shape[1] - 2 * BORDER) // BLOCK
    theta, valid = np.zeros((rows, columns)), np.zeros((rows, columns), dtype=np.bool_)
    for row, column in np.ndindex(rows, columns):
        y, x = BORDER + row * BLOCK, BORDER + column * BLOCK
        a, b, c = _structure(image[y : y + BLOCK, x : x + BLOCK])
        theta[row, column] = 0.5 * np.arctan2(c, a - b)  # c, not 2c: the reference does so
        valid[row, column] = foreground[y : y + BLOCK, x : x + BLOCK].all()
    padded = np.pad(image, BORDER)
    clarity, frequency, ratios = [], [], []
    for row, column in np.argwhere(valid):
        y, x, angle = row * BLOCK, column * BLOCK, float(theta[row, column])
        window = image[y : y + WINDOW, x : x + WINDOW]
        wide = padded[y : y + WINDOW + 2 * BORDER, x : x + WINDOW + 2 * BORDER]
        clarity.append(_clarity(window, angle))
        frequency.append(_frequency(wide, angle))
        ratios.extend(_ratios(wide, angle))
    return Local(_flow(theta, valid), np.array(clarity), np.array(frequency), np.array(ratios))


def _grid(image: Grey, full: bool = False) -> list[tuple[int, int, Grey]]:
    rows, columns = image.shape
    last_row, last_column = (rows - BLOCK, columns - BLOCK) if full else (rows - 1, columns - 1)
    return [(y, x, image[y : y + BLOCK, x : x + BLOCK]) for y in range(0, last_row + 1, BLOCK) for x in range(0, last_column + 1, BLOCK)]


def _gradients(block: Grey) -> tuple[Array, Array]:
    """Centred differences, one-sided at the block's edges; 0 across a block one pixel wide."""
    field = block.astype(np.float64)
    return _differences(field), _differences(field.T).T


def _differences(field: Array) -> Array:
    """Along the rows; np.gradient does the same in four times the time."""
    if field.shape[1] == 1:
        return np.zeros_like(field)
    out = np.empty_like(field)
    out[:, 1:-1] = (field[:, 2:] - field[:, :-2]) / 2
    out[:, 0], out[:, -1] = field[:, 1] - field[:, 0], field[:, -1] - field[:, -2]
    return out


def _structure(block: Grey) -> tuple[float, float, float]:
    gx, gy = _gradients(block)
    return float((gx * gx).mean()), float((gy * gy).mean()), float((gx * gy).mean())


def _coherence(block: Grey) -> float:
    gx, gy = _gradients(block)
    across, along = gx * gx - gy * gy, 2 * gx * gy
    total = float(np.hypot(across, along).sum())
    return float(np.hypot(across.sum(), along.sum())) / total if total > 0 else 0.0


def _foreground(image: Grey) -> Mask:
    """Blocks of the standardised picture whose deviation exceeds 0.1."""
    mask = np.zeros(image.shape, dtype=np.bool_)
    deviation = float(image.std())
    for y, x, block in _grid(image):
        mask[y : y + BLOCK, x : x + BLOCK] = deviation > 0 and float(block.std()) / deviation > FOREGROUND_DEVIATION
    return mask


def _flow(theta: Array, valid: Mask) -> Array:
    """OF: mean turn against the eight neighbours, for blocks whose neighbours all count."""
    values = []
    for row in range(1, theta.shape[0] - 1):
        for column in range(1, theta.shape[1] - 1):
            if not valid[row - 1 : row + 2, column - 1 : column + 2].all():
                continue
            turn = np.abs(theta[row, column] - theta[row - 1 : row + 2, column - 1 : column + 2])
            mean_deg = float(np.degrees(np.minimum(turn, 2 * np.pi - turn).sum() / 8))
            if mean_deg > OF_ANGLE_MIN_DEG:
                values.append((mean_deg - OF_ANGLE_MIN_DEG) / (90 - OF_ANGLE_MIN_DEG))
    return np.array(values)


def _turned(window: Grey, angle_rad: float) -> Grey:
    """Rotated about the middle in OpenCV's sense, nearest neighbour, 0 outside, same size."""
    middle = window.shape[0] / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), np.degrees(angle_rad), 1)
    return np.asarray(cv2.warpAffine(window, matrix, window.shape[::-1], flags=cv2.INTER_NEAREST), dtype=np.uint8)


def _profile(block: Grey) -> tuple[Array, Array, Mask]:
    """Column means, their least-squares line, and which columns are ridge (below the line)."""
    p = block.mean(axis=0)
    x = np.arange(1, len(p) + 1, dtype=np.float64)
    from_middle = x - x.mean()
    slope = float((from_middle * p).sum() / (from_middle * from_middle).sum())
    offset = float(p.mean()) - slope * float(x.mean())
    line = np.round(offset, 10) + np.round(slope, 10) * x
    return p, line, p < line


def _clarity(window: Grey, angle_rad: float) -> float:
    """LCS of one block: 1 is a clean separation of ridges and valleys."""
    block = _turned(window, angle_rad)[10:26, 2:34]
    _, line, ridge = _profile(block)
    changes = np.flatnonzero(ridge[1:] != ridge[:-1]) + 1
    if changes.size == 0 or not _plausible_widths(changes, bool(ridge[0])):
        return 0.0
    below = block < line
    return float(1 - (below[:, ~ridge].mean() + (~below[:, ridge]).mean()) / 2)


def _plausible_widths(changes: NDArray[np.intp], first_is_ridge: bool) -> bool:
    """Mean ridge 3-10 px, mean valley 2-10 px. The first run counts one short, the last is dropped, as in the reference."""
    widths = np.diff(np.concatenate(([0], changes - 1)))
    own, other = widths[0::2], widths[1::2]
    ridges, valleys = (own, other) if first_is_ridge else (other, own)
    return _within(ridges, RIDGE_PX) and _within(valleys, VALLEY_PX)


def _within(widths: NDArray[np.intp], limits_px: tuple[int, int]) -> bool:
    if widths.size == 0:
        return True
    mean = float((widths / WIDTH_SCALE_PX).sum() * (1 / widths.size))
    return limits_px[0] / WIDTH_SCALE_PX <= mean <= limits_px[1] / WIDTH_SCALE_PX


def _frequency(wide: Grey, angle_rad: float) -> float:
    """FDA of one block: how much of the ridge signal lies at one frequency."""
    block = _turned(wide, angle_rad + np.pi / 2)[2:34, 10:26]
    amplitude = np.abs(np.fft.fft(block.mean(axis=1)))[1:]
    k = int(np.argmax(amplitude))
    if k in (0, len(amplitude) - 1):
        return 1.0
    return float((amplitude[k] + 0.3 * (amplitude[k - 1] + amplitude[k + 1])) / amplitude[:15].sum())


def _ratios(wide: Grey, angle_rad: float) -> list[float]:
    """RVU of one block: widths of neighbouring ridges and valleys, ridge over valley."""
    _, _, ridge = _profile(_turned(wide, angle_rad)[10:26, 2:34])
    changes = np.flatnonzero(ridge[1:] != ridge[:-1]) + 1
    changes = changes[changes < len(ridge) - 1]
    widths = np.diff(changes)[1:]
    if widths.size < 2:
        return []
    first_is_ridge = bool(ridge[changes[0]])
    widths = widths[::-1].astype(np.float64)
    ratios = widths[:-1] / widths[1:]
    start = 1 if first_is_ridge else 0
    ratios[start::2] = 1 / ratios[start::2]
    return [float(ratio) for ratio in ratios]
