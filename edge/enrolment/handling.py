"""What a handler of the machine takes and gives back."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from edge.enrolment.events import Command
from edge.enrolment.state import Enrolment, State
from edge.errors import RefusedEvent

Result = tuple[State, tuple[Command, ...]]
Handler = Callable[[State, Any, int], Result]
Table = Mapping[type, Handler]


def refuse(code: str, what: str, **values: object) -> RefusedEvent:
    """The error for an event that the procedure does not take; `code` and `code`_next are texts."""
    return RefusedEvent(code, what, "Look at the screen and follow the step it shows.", **values)


def at_desk(state: State) -> Enrolment:
    """The open enrolment; the table admits no event that needs one without it."""
    assert state.enrolment is not None
    return state.enrolment


def moved(state: State, enrolment: Enrolment | None, *commands: Command) -> Result:
    """The state with that enrolment, and what to do."""
    return replace(state, enrolment=enrolment), commands
