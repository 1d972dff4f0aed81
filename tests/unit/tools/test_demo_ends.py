"""A demo that stands still, or a record that was changed, ends in a sentence and not in a traceback."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools import demo
from tools.demo_check import compare


def test_a_standstill_names_the_step() -> None:
    operator: Any = SimpleNamespace(snapshot={"step": "fingers", "activity": "capturing"}, current=3)

    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match=r"3 people were recorded .* step fingers, activity capturing"):
        asyncio.run(demo._within(0.0, never(), operator))


def test_a_changed_record_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "records" / "kec-1" / "one"
    folder.mkdir(parents=True)
    (folder / "manifest.cose").write_bytes(b"not a manifest")
    monkeypatch.setattr("tools.demo_check.STATION", "kec-1")
    monkeypatch.setattr("tools.demo_check.Opener.__init__", lambda self, site: setattr(self, "_station", SimpleNamespace(kid=b"k", public_key=None)))

    async def people(request: str, **_: Any) -> dict[str, Any]:
        return {"people": []}

    site: Any = SimpleNamespace(district_data=tmp_path)
    control: Any = SimpleNamespace(ask=people)
    with pytest.raises(RuntimeError, match="one cannot be opened"):
        asyncio.run(compare(site, control))
