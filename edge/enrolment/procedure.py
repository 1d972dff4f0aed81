"""The recording procedure (SOP, FIELD.md) as data: steps in order, what each takes, which reasons may stand in for it.

Positions: fingers ISO/IEC 19794-2 (1 right thumb .. 5 right little, 6 left thumb .. 10 left little), eyes ISO/IEC 19794-6 (1 right, 2 left).
Nothing here decides; `machine.py` does.
"""

from typing import Annotated

from msgspec import Meta, Struct

Kind = Annotated[str, Meta(max_length=16)]
Position = Annotated[int, Meta(ge=0, le=10)]


class Target(Struct, frozen=True, order=True):
    """One thing to be taken of a person."""

    kind: Kind
    """population, face, signature, finger, iris, exception_photo; check: an index finger once more, not kept"""
    position: Position = 0
    """finger 1..10, eye 1..2, otherwise 0"""


class Step(Struct, frozen=True):
    """One line of the procedure."""

    id: str
    targets: tuple[Target, ...] = ()
    device: str = ""
    """its name in the configuration; without it the step ends as an exception"""
    retries_itself: bool = False
    """a failed target is asked for again without a touch: people keep their hand at the sensor"""


POPULATION = Target("population")
EXCEPTION_PHOTO = Target("exception_photo")
FINGER_ORDER = (2, 3, 4, 5, 7, 8, 9, 10, 1, 6)
"""four right, four left, both thumbs: the order of the national rule"""
INDEX_FINGERS = (2, 7)
EYES = (1, 2)

STEPS = (
    Step("letter"),
    Step("data", (POPULATION,)),
    Step("face", (Target("face"),), "camera"),
    Step("signature", (Target("signature"),), "tablet"),
    Step("fingers", tuple(Target("finger", n) for n in FINGER_ORDER), "fingerprint", retries_itself=True),
    Step("irises", tuple(Target("iris", n) for n in EYES), "iris"),
    Step("check", (EXCEPTION_PHOTO, *(Target("check", n) for n in INDEX_FINGERS)), retries_itself=True),
    Step("review"),
    Step("slip"),
)
STEP = {step.id: step for step in STEPS}
DEVICE_OF_KIND = {"face": "camera", "signature": "tablet", "finger": "fingerprint", "iris": "iris", "check": "fingerprint", "exception_photo": "camera"}

AWAITED_KINDS = ("finger", "check", "signature")
"""the device waits until the person comes: such a capture may be called off; the others are taken at once"""
ON_THE_WAY_MAX = 4
"""parts that are taken but not durable yet: a slow station waits rather than have a power cut take more of them"""
AIMED_KINDS = ("face", "iris")
"""a live picture says how to hold still before they are taken"""
TRIES_BEFORE_BEST = 3
"""after so many failed verdicts the best capture may be used with a reason (Aadhaar, MOSIP and the national rule all stop near three)"""

DEVICE_UNAVAILABLE = "device_unavailable"
NOT_MATCHED = "not_matched"
"""an index finger that did not match after three tries: the comparison misses three true pairs in ten, so it never holds anybody up"""
EXCEPTION_REASONS = {
    "face": ("injured", "refused", "other", DEVICE_UNAVAILABLE),
    "signature": ("cannot_sign", "paralysed", "missing", "injured", "refused", "other", DEVICE_UNAVAILABLE),
    "finger": ("missing", "injured", "leprosy", "paralysed", "rough_hands", "refused", "other", DEVICE_UNAVAILABLE),
    "iris": ("blind", "missing", "injured", "cataract", "refused", "other", DEVICE_UNAVAILABLE),
    "check": ("injured", "rough_hands", "refused", "other", DEVICE_UNAVAILABLE),
    "exception_photo": ("refused", "other", DEVICE_UNAVAILABLE),
}
BEST_REASONS = ("rough_hands", "injured", "elderly", "cataract", "other")
ABANDON_REASONS = ("wrong_person", "went_away", "data_wrong", "no_power", "other")
PHOTOGRAPHED_KINDS = ("finger", "iris")
"""an exception of these wants a photo that shows it"""
