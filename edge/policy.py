"""The district's policy at this station: taken in by link or stick, kept in the store, in force from that commit on.

What no district signed changes nothing. What the district signed and this program does not understand is kept for the program that will, told
to the district once, and the policy before stays in force. Everything but `policy` runs in the store's thread.
"""

import hashlib
import logging
from typing import Literal

from edge.store.ledger import Ledger
from edge.store.store import Store
from protocols.canonical import FormatError, UnknownVersion
from protocols.policy import Policy, open_policy, read_policy
from protocols.sealing import KeyOf, SealingError

IN_FORCE, NOT_UNDERSTOOD = "policy", "policy.not_understood"
"""settings of the store, each the signed bytes"""
PUPIL = "PELAJAR"
log = logging.getLogger(__name__)
Taken = Literal["new", "unchanged", "older", "refused", "not_understood"]


class StationPolicy:
    """`policy` is what holds now, None before the first; replaced as a whole, so any thread may read it."""

    def __init__(self, store: Store, ledger: Ledger, station: str, key_of: KeyOf) -> None:
        self.policy: Policy | None = None
        self._store, self._ledger, self._station, self._key_of = store, ledger, station, key_of
        self._told: set[bytes] = set()

    def load(self) -> None:
        """At the start; what an older program did not understand is tried again. Raises StoreError.

        A program that was put back to an older version may find one that it cannot read: the bytes stay, and the station records all the same.
        """
        kept, puzzling = self._store.setting(IN_FORCE), self._store.setting(NOT_UNDERSTOOD)
        try:
            self.policy = read_policy(kept) if kept is not None else None
        except (SealingError, FormatError) as error:
            log.error("the policy in force is not understood by this program and rests: %s", error)
        if puzzling is not None:
            self.take(puzzling)

    def take(self, signed: bytes) -> Taken:
        """Believe, keep and note a policy; in one commit with its ledger event. Raises StoreError; then the one before holds."""
        try:
            policy = open_policy(signed, self._key_of)
        except SealingError:
            return "refused"
        except FormatError as error:
            return self._keep_for_later(signed, "version" if isinstance(error, UnknownVersion) else "format")
        if policy.station not in (None, self._station):
            return "refused"
        if signed == self._store.setting(IN_FORCE):
            self.policy = policy
            return "unchanged"
        if self.policy is not None and policy.sequence <= self.policy.sequence:
            return "older"
        self._ledger.event("configuration", _detail(policy), {IN_FORCE: signed})
        self.policy = policy
        return "new"

    def _keep_for_later(self, signed: bytes, reason: str) -> Taken:
        digest = hashlib.sha256(signed).digest()
        if digest not in self._told and signed != self._store.setting(NOT_UNDERSTOOD):
            self._ledger.event("configuration_refused", {"what": "policy", "reason": reason}, {NOT_UNDERSTOOD: signed})
        self._told.add(digest)
        return "not_understood"


def _detail(policy: Policy) -> dict[str, bool | int | str]:
    """What the ledger says of it: the district sees that and when it came into force."""
    return {"policy": policy.sequence, "online_only": policy.online_only, "waiting_max": policy.waiting_max}


def held_back(policy: Policy | None, connected: bool, waiting: int) -> str:
    """Notice id that says why no next person may begin under this policy; empty: one may."""
    if policy is None:
        return ""
    if policy.online_only and not connected:
        return "policy_online"
    return "policy_waiting" if 0 < policy.waiting_max <= waiting else ""


def retention_days(policy: Policy | None, own: float) -> float:
    """How long payloads stay after their receipt; `own` is what the station's file says."""
    return own if policy is None or policy.retention_days is None else policy.retention_days


def goes_first(policy: Policy | None, *, exception: bool, recapture: bool, occupation: str, letter: str) -> bool:
    """Whether the district wants this record before others."""
    if policy is None:
        return False
    holds = {"exception": exception, "recapture": recapture, "pupil": occupation.strip().upper().startswith(PUPIL)}
    return any(holds[rule] for rule in policy.urgent) or letter.strip().upper().startswith(tuple(text.upper() for text in policy.urgent_letters))
