"""A district's keys and stations that make real, signed, sealed records: for tests that need true bytes."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from edge.clock import random_bytes
from protocols.sealing import SoftwareSigner, generate_audience, kid_of
from simulators.signing_station import NOW_S, SigningStation
from simulators.signing_station import Made as Made

INTAKE = generate_audience()
VAULT = generate_audience()


@dataclass
class StillClock:
    """Time passes only when told."""

    wall: float = NOW_S
    monotonic: float = 0.0

    def wall_s(self) -> float:
        return self.wall

    def monotonic_s(self) -> float:
        return self.monotonic

    async def sleep_s(self, seconds: float) -> None:
        self.monotonic += seconds


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def new_signer() -> SoftwareSigner:
    return SoftwareSigner(new_key())


def new_station(name: str = "s-1", key: ec.EllipticCurvePrivateKey | None = None) -> SigningStation:
    """A station that seals to INTAKE and VAULT."""
    return SigningStation(name, key or new_key(), {"intake": INTAKE[1], "vault": VAULT[1]}, random_bytes)


@dataclass
class KnownStations:
    """The district's certificates, as a table."""

    keys: dict[str, ec.EllipticCurvePublicKey]

    def known(self, station: str) -> bool:
        return station in self.keys

    def key(self, station: str, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        key = self.keys.get(station)
        return key if key is not None and kid_of(key) == kid else None
