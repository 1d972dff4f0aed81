"""`./rekam roster`: a spreadsheet becomes what operators open at their station, and nothing else does."""

import json
from pathlib import Path

import pytest

from protocols.roster import open_roster
from protocols.sealing import SoftwareSigner
from tools.cli import main
from tools.keys import SitePaths, make_site

HEAD = "letter,nik,name,sex,birth_place,birth_date,address,occupation"
SITI = "SP-1001,7201054101900001,Siti Rahmawati,P,Poso,1990-01-01,Dusun 1 RT 02,PELAJAR"
BUDI = "SP-1002,7201050101880002,Budi Wijaya,L,Poso,1988-01-01,Dusun 2,"


@pytest.fixture
def site(tmp_path: Path) -> SitePaths:
    keys = make_site(tmp_path / "keys", ["s-1", "s-2"], district="poso")
    tables = {"district": {"id": "poso", "data_dir": str(tmp_path / "data")}, "keys": keys.district_section()}
    lines = [line for name, table in tables.items() for line in (f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items()))]
    (tmp_path / "district.toml").write_text("\n".join(lines))
    (tmp_path / "stick").mkdir()
    return keys


def call(folder: Path, text: str | bytes, *words: str) -> int:
    (folder / "people.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    given = words or ("--station", "s-1", "--operator", "ani:Ani Lestari:482913")
    return main(["roster", str(folder / "people.csv"), str(folder / "stick"), "--config", str(folder / "district.toml"), *given])


@pytest.mark.parametrize("text", [
    f"{HEAD}\n{SITI}\n{BUDI}\n", f"\ufeff{HEAD}\r\n{SITI}\r\n{BUDI}\r\n,,,,,,,\r\n", f"{HEAD}\n{SITI}\n{BUDI}\n".replace(",", ";"),
    f"{HEAD.upper()}\n{SITI}\n {BUDI} \n",
])
def test_a_spreadsheet_becomes_a_roster_that_opens_with_the_pin(site: SitePaths, tmp_path: Path, text: str) -> None:
    assert call(tmp_path, text, "--station", "s-1", "--station", "s-2", "--operator", "ani:Ani Lestari:482913") == 0
    signed = (tmp_path / "stick/rekam/s-1/roster").read_bytes()
    assert (tmp_path / "stick/rekam/s-2/roster").read_bytes() == signed
    assert b"Siti" not in signed
    district = SoftwareSigner.from_pem(site.district_key.read_bytes())
    opened = open_roster(signed, "ani", "482913", lambda kid: district.public_key if kid == district.kid else None)
    assert opened.operator.name == "Ani Lestari"
    assert [(row.name, row.nik, row.occupation, row.status) for row in opened.rows] == [
        ("Siti Rahmawati", "7201054101900001", "PELAJAR", "BELUM REKAM"), ("Budi Wijaya", "7201050101880002", "", "BELUM REKAM"),
    ]
    assert len({row.row_id for row in opened.rows}) == 2


@pytest.mark.parametrize(("text", "told"), [
    ("", "its first row lacks letter"),
    (HEAD, "nobody in it"),
    (f"{HEAD},blood\n{SITI},A\n", "has unknown blood"),
    (f"{HEAD},name\n{SITI},A\n", "names a column twice"),
    (f"{HEAD}\n{SITI}\n{SITI}\n", "letter stands there twice in 1 cases; nik stands there twice"),
    (f"{HEAD}\n{SITI}\n{BUDI}".replace("7201054101900001", "7.20105E+15").replace("1988-01-01", "01/01/1988"),
     "line 2: nik takes 16 digits; line 3: birth_date takes YYYY-MM-DD"),
    (f"{HEAD}\nSP-1,72\n", "line 2: has another number of columns"),
    (f"{HEAD}\n{SITI},more\n", "line 2: has another number of columns"),
    (f'{HEAD}\n"{SITI}\n', "unexpected end of data"),
    (f"{HEAD}\nSP-1,x,,,,,\n".encode("utf-16"), "is not UTF-8"),
    (b"x" * (9 << 20), "has more than"),
], ids=range(11))
def test_a_table_that_cannot_be_used_writes_nothing(site: SitePaths, tmp_path: Path, text: str | bytes, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path, text) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "7.20105E+15" not in said
    assert list((tmp_path / "stick").iterdir()) == []


def test_every_bad_row_is_told_at_once(site: SitePaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path, "\n".join([HEAD, *(SITI.replace(",P,", ",X,") for _ in range(12))])) == 2
    said = capsys.readouterr().err
    assert all(f"line {line}: sex takes L or P" in said for line in range(2, 12))
    assert "and 2 more" in said


@pytest.mark.parametrize("words", [
    ("--station", "s-9", "--operator", "ani:Ani:482913"), ("--station", "s-1", "--operator", "ani:Ani:12"),
])
def test_a_wrong_call_writes_nothing(site: SitePaths, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert call(tmp_path, f"{HEAD}\n{SITI}\n", *words) == 2
    assert list((tmp_path / "stick").iterdir()) == []


def test_no_stick_is_a_sentence(site: SitePaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stick").rmdir()
    assert call(tmp_path, f"{HEAD}\n{SITI}\n") == 2
    assert "Put the stick in" in capsys.readouterr().err
