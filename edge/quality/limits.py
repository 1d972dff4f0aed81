"""Every limit of the verdicts, in one table, with where it comes from. [quality].limits of the configuration overrides by name."""

from collections.abc import Mapping

from edge.errors import StationError

Limits = Mapping[str, float]

DEFAULTS: Limits = {
    # -- finger: shares of the glass, grey 0..255, block measures 0..1 --
    # Measured: rolled and synthetic prints of public test sets and pictures of this shape degraded by known amounts.
    "finger_deviation_min": 6,  # NFIQ 2 calls below 1 uniform; the noise of a bare sensor alone has 2 to 4
    "finger_mean_max": 250,  # NFIQ 2: empty or too little contrast
    "finger_present_share_min": 0.12,
    "finger_tip_share_min": 0.3,  # the tip alone covers 0.2
    "finger_share_min": 0.38,  # a good print covers about 0.67 (median of 80 prints cut to 256 x 288)
    "finger_off_centre_max": 0.16,  # share of the side; half a finger lies 0.20 off
    "finger_wet_mean_max": 70,  # wet impressions 30 to 72 against 92 and more; of the sensor: calibrate
    "finger_unclear_wet_mean_max": 110,
    "finger_dry_mean_min": 195,  # dry impressions 185 to 212 against at most 178; of the sensor: calibrate
    "finger_unclear_dry_mean_min": 180,
    "finger_contrast_min": 28,  # good 39 and more, blurred by 2 px at most 25
    "finger_lcs_min": 0.48,  # good 0.56 and more; fine ridges (6 px) lower it
    "finger_ocl_min": 0.5,  # good 0.65 and more
    "finger_same_score": 14,  # different fingers at most 12.5 (540 pairs); real displaced repeats score far below the bench's
    # -- face: grey 0..255 of the face box, shares of the picture, px of the full picture --
    "face_picture_dark_max": 35,
    "face_picture_bright_min": 225,
    "face_mean_min": 60,  # a portrait at 0.35 of its light has 50
    "face_mean_max": 215,
    "face_blown_max": 0.25,
    "face_backlit_behind_min": 180,
    "face_head_share_min": 0.38,
    "face_head_share_max": 0.92,
    "face_eye_distance_px_min": 70,  # OFIQ 1.0 scores 50 of 100 at 70 px; 90 is wanted
    "face_off_centre_max": 0.14,
    "face_eye_height_min": 0.25,
    "face_eye_height_max": 0.58,
    "face_roll_deg_max": 8,
    "face_sharpness_min": 450,  # portraits 2100 and more; blurred by 5 px at 600 x 800 about 300
    "face_relative_sharpness_min": 0.7,  # of the face's variance: portraits 1.3 and more, blurred by 3 px 0.4 to 0.9
    "face_eye_hits_min": 2,  # of four detectors; 5 of 399 open eyes have one or none
    "face_eyes_min": 1,
    "cloth_share_min": 0.6,  # plain cloth 0.99, another colour 0.00
    "cloth_uneven_max": 30,  # CIELAB: even 3, lit from the side 33, patterned 66
    # -- iris: px, percent; from BIQT-Iris's documentation unless said otherwise --
    "iris_brightness_min": 90,  # 95th percentile; without the light it stays below 10
    "iris_mean_max": 230,
    "iris_pupil_contrast_min": 30,
    "iris_sclera_contrast_min": 5,
    "iris_margin_min": 80,
    "iris_radius_px_min": 80,  # 160 px across the iris, common practice
    "iris_radius_px_max": 170,
    "iris_sharpness_min": 20,  # sharp pictures 35 and more, blurred by 3 px below 1
    "iris_usable_min": 70,  # common practice
    "iris_concentricity_min": 85,  # BIQT-Iris says 90; a real eye with both circles right measured 89 to 92 here
    "iris_dilation_min": 20,
    "iris_dilation_max": 70,
    "iris_grey_bits_min": 5.5,  # BIQT-Iris says 6
    "iris_same_distance": 0.33,  # see iris_match
    # -- signature: mm, shares --
    "signature_ink_mm_min": 8,
    "signature_extent_mm_min": 12,
    "signature_rim_share_max": 0.05,
}


def with_overrides(overrides: Mapping[str, float]) -> Limits:
    """The defaults with some replaced. Raises StationError naming every limit that does not exist."""
    unknown = sorted(set(overrides) - set(DEFAULTS))
    if unknown:
        known = ", ".join(sorted(DEFAULTS))
        raise StationError("limits_unknown", f"[quality.limits] names {', '.join(unknown)}, which there is not", f"Known are: {known}")
    return {**DEFAULTS, **overrides}
