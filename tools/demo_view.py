"""What the demo shows while it runs: a live table on a terminal, plain lines when piped."""

import sys
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

MARK = {"done": "[green]selesai[/]", "now": "[bold yellow]sekarang[/]", "exception": "[magenta]pengecualian[/]", "todo": "[dim]nanti[/]"}


class View:
    """Told of snapshots and of news; shows them once."""

    def __init__(self) -> None:
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=8, transient=True) if sys.stdout.isatty() else None
        self._last = ""

    def __enter__(self) -> "View":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def show(self, snapshot: dict[str, Any]) -> None:
        """The station as it is now."""
        if self._live is not None:
            self._live.update(_picture(snapshot))
            return
        line = _line(snapshot)
        if line and line != self._last:
            self._last = line
            self.say(line)


def _line(snapshot: dict[str, Any]) -> str:
    person = snapshot.get("person") or {}
    if not person or not snapshot.get("step"):
        return ""
    queue = snapshot["queue"]
    return f"  ticket {person['ticket']}: {snapshot['step']:<10} station keeps {queue['saved']}, waiting {queue['waiting']}, receipts {queue['received']}"


def _picture(snapshot: dict[str, Any]) -> Group:
    person, queue = snapshot.get("person") or {}, snapshot["queue"]
    table = Table(title=f"{snapshot['station']['name']}   ticket {person.get('ticket', '-')}   {person.get('name') or ''}", title_justify="left")
    states = {step["id"]: MARK.get(step["state"], step["state"]) for step in snapshot["steps"]}
    for name in states:
        table.add_column(name)
    if states:
        table.add_row(*states.values())
    saved = [f"{target['kind']} {target['position']}" for target in snapshot["targets"] if target["state"] == "done"]
    devices = "  ".join(f"{name}:{device['state']}" for name, device in snapshot["devices"].items())
    return Group(
        table,
        Text(f"saved now: {', '.join(saved) or '-'}"),
        Text(f"devices   {devices}"),
        Text(f"queue     kept {queue['saved']}  waiting {queue['waiting']}  receipts {queue['received']}"),
    )
