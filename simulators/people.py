"""Simulated residents: names, numbers and bodies, all invented from the seed."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

GIVEN = {
    "P": ("Siti", "Dewi", "Sri", "Ratna", "Wahyuni", "Ayu", "Nurul", "Lestari", "Indah", "Maria"),
    "L": ("Budi", "Agus", "Joko", "Ahmad", "Made", "Yohanes", "Rizal", "Bambang", "Petrus", "Hasan"),
}
FAMILY = ("Wijaya", "Saputra", "Rahmawati", "Sihombing", "Tarigan", "Lamonge", "Hidayat", "Pattiasina", "Wulandari", "Kusuma")
PLACES = ("Poso", "Ende", "Wamena", "Sampit", "Bima", "Ternate", "Sorong", "Luwuk")
DISTRICT_CODE = "720105"


@dataclass(frozen=True, slots=True)
class Person:
    """One resident with the body the devices will meet."""

    number: int
    ticket: int
    letter: str
    """number of the summons letter (surat panggilan)"""
    nik: str
    name: str
    sex: str
    """L or P, as on the card"""
    birth_place: str
    birth_date: str
    """YYYY-MM-DD"""
    address: str
    missing_fingers: frozenset[int] = frozenset()
    missing_eyes: frozenset[int] = frozenset()


def make_people(count: int, rng: random.Random) -> list[Person]:
    """`count` residents; every seventh or so lacks a finger or the sight of an eye."""
    return [_person(number, rng) for number in range(count)]


def _person(number: int, rng: random.Random) -> Person:
    sex = rng.choice("LP")
    born = date(1950, 1, 1) + timedelta(days=rng.randrange(21_000))
    return Person(
        number=number,
        ticket=number + 1,
        letter=f"SP-{1000 + number}",
        nik=_nik(sex, born, rng.randrange(1, 9999)),
        name=f"{rng.choice(GIVEN[sex])} {rng.choice(FAMILY)}",
        sex=sex,
        birth_place=rng.choice(PLACES),
        birth_date=born.isoformat(),
        address=f"Dusun {rng.randrange(1, 9)} RT {rng.randrange(1, 20):02d}",
        missing_fingers=frozenset({rng.randrange(1, 11)}) if rng.random() < 0.15 else frozenset(),
        missing_eyes=frozenset({rng.choice((1, 2))}) if rng.random() < 0.05 else frozenset(),
    )


def _nik(sex: str, born: date, serial: int) -> str:
    """Province, regency, district, birth date with 40 added to the day for women, serial."""
    day = born.day + (40 if sex == "P" else 0)
    return f"{DISTRICT_CODE}{day:02d}{born.month:02d}{born.year % 100:02d}{serial:04d}"
