"""What the events before the captures do: log-in, next person, letter, population data; and the conditions around the station."""

from msgspec.structs import replace

from edge.enrolment import events as ev
from edge.enrolment.captures import stop_captures
from edge.enrolment.handling import Result, Table, at_desk, moved, refuse
from edge.enrolment.population import Person, corrected, missing_fields
from edge.enrolment.procedure import POPULATION
from edge.enrolment.state import Enrolment, Operator, State, decode_progress

FREE_PINS = 3
"""wrong PINs before the station makes the operator wait"""
FIRST_WAIT_MS = 5_000
LONGEST_WAIT_MS = 300_000


def on_log_in(state: State, event: ev.LogIn, at_ms: int) -> Result:
    wait_ms = state.pins_locked_until_ms - at_ms
    if wait_ms > 0:
        raise refuse("pin_wait", "too many wrong PINs", wait_s=-(-wait_ms // 1000))
    return replace(state, opening=True, login_problem=""), (ev.OpenRoster(event.operator, event.pin),)


def on_logged_in(state: State, event: ev.LoggedIn, at_ms: int) -> Result:
    state = replace(state, operator=Operator(event.operator, event.name), opening=False, wrong_pins=0, login_problem="")
    note = ev.Note("login", {"operator": event.operator})
    if state.enrolment is None:
        return state, (note,)
    enrolment = replace(state.enrolment, progress=replace(state.enrolment.progress, operator=event.operator))
    find = (ev.FindRow(enrolment.progress.row),) if enrolment.progress.row and enrolment.person is None else ()
    return moved(state, enrolment, note, *find)


def on_login_refused(state: State, event: ev.LoginRefused, at_ms: int) -> Result:
    wrong = state.wrong_pins + 1
    wait_ms = min(FIRST_WAIT_MS * 2 ** (wrong - FREE_PINS), LONGEST_WAIT_MS) if wrong >= FREE_PINS else 0
    state = replace(state, opening=False, wrong_pins=wrong, pins_locked_until_ms=at_ms + wait_ms, login_problem=event.code)
    return state, (ev.Note("login_refused", {"count": str(wrong)}),) if wait_ms else ()


def on_log_out(state: State, event: ev.LogOut, at_ms: int) -> Result:
    operator = state.operator.pseudonym if state.operator else ""
    return replace(state, operator=None), (ev.CloseRoster(), ev.Note("logout", {"operator": operator}))


def on_next_person(state: State, event: ev.NextPerson, at_ms: int) -> Result:
    assert state.operator is not None
    enrolment = Enrolment(b"", event.ticket, at_ms, busy="beginning")
    enrolment = replace(enrolment, progress=replace(enrolment.progress, operator=state.operator.pseudonym))
    return moved(replace(state, begin_problem=""), enrolment, ev.Begin(event.ticket))


def on_begun(state: State, event: ev.Begun, at_ms: int) -> Result:
    return moved(state, replace(at_desk(state), record_id=event.record_id, busy=""))


def on_begin_refused(state: State, event: ev.BeginRefused, at_ms: int) -> Result:
    return moved(replace(state, begin_problem=event.code), None)


def on_resumed(state: State, event: ev.Resumed, at_ms: int) -> Result:
    progress = decode_progress(event.progress, event.saved)
    if event.sequence:
        progress = replace(progress, sequence=event.sequence)
    enrolment = Enrolment(event.record_id, event.ticket, at_ms, progress=progress, saved=frozenset(event.saved), resumed=True)
    return moved(state, enrolment)


def on_letter(state: State, event: ev.Letter, at_ms: int) -> Result:
    return moved(state, replace(at_desk(state), busy="finding", resumed=False), ev.FindLetter(event.number))


def on_letter_found(state: State, event: ev.LetterFound, at_ms: int) -> Result:
    enrolment = at_desk(state)
    progress = replace(enrolment.progress, letter=True, row=event.row)
    return moved(state, replace(enrolment, busy="", person=event.person, progress=progress))


def on_confirm_data(state: State, event: ev.ConfirmData, at_ms: int) -> Result:
    enrolment = at_desk(state)
    person = corrected(enrolment.person or Person(), event.corrections)
    if missing := missing_fields(person):
        raise refuse("data_incomplete", "required fields are empty", fields=missing)
    enrolment = replace(enrolment, person=person, saving=enrolment.saving | {POPULATION}, problem="")
    return moved(state, enrolment, ev.SavePopulation(person))


def on_conditions(state: State, event: ev.Conditions, at_ms: int) -> Result:
    state = replace(state, conditions=event)
    return stop_captures(state) if event.stopping else (state, ())


def on_language(state: State, event: ev.Language, at_ms: int) -> Result:
    return replace(state, language=event.language), ()


def on_genset(state: State, event: ev.Genset, at_ms: int) -> Result:
    """Whoever sees a danger may stop it; all else is for somebody whose name is known."""
    if state.operator is None and event.act != "stop":
        raise refuse("genset_log_in", "nobody has logged in")
    return state, (ev.CommandGenset(event.act),)


def on_waiting(state: State, event: ev.Waiting, at_ms: int) -> Result:
    return state, (ev.TellWaiting(event.people),)


def on_stop(state: State, event: ev.Stop, at_ms: int) -> Result:
    state, commands = stop_captures(state)
    return state, (*commands, ev.StopStation())


HANDLERS: Table = {
    ev.LogIn: on_log_in,
    ev.LoggedIn: on_logged_in,
    ev.LoginRefused: on_login_refused,
    ev.LogOut: on_log_out,
    ev.NextPerson: on_next_person,
    ev.Begun: on_begun,
    ev.BeginRefused: on_begin_refused,
    ev.Resumed: on_resumed,
    ev.Letter: on_letter,
    ev.LetterFound: on_letter_found,
    ev.ConfirmData: on_confirm_data,
    ev.Conditions: on_conditions,
    ev.Language: on_language,
    ev.Genset: on_genset,
    ev.Waiting: on_waiting,
    ev.Stop: on_stop,
}
