"""The board is silent: work goes on, the UPS alone tells of outages, the operator is told which cable to look at."""

from edge.power.picture import Source, State
from tests.faults.site import sentence, site


def test_work_goes_on_and_the_cable_is_named() -> None:
    here = site()
    here.silences.board = True
    here.run(30)
    picture = here.watch.picture
    assert picture.state is State.NORMAL
    assert not picture.board_mv.known
    assert sentence(here, "board_silent") == "Papan kendali tidak menjawab. Periksa kabel USB-nya."


def test_an_outage_is_still_seen_through_the_ups() -> None:
    here = site()
    here.silences.board = True
    here.world.outage()
    here.run(10)
    assert here.watch.picture.source is Source.BATTERY


def test_board_and_ups_silent_together_is_unknown_and_changes_nothing() -> None:
    here = site()
    here.silences.board = here.silences.upsd = True
    here.run(120)
    assert here.watch.picture.state is State.NORMAL
    assert {"board_silent", "ups_no_news"} <= set(here.reads())


def test_nobody_is_blamed_for_not_having_answered_in_the_first_seconds() -> None:
    here = site()
    here.silences.board = here.silences.upsd = True
    here.restart()
    here.run(8)
    assert not {"board_silent", "ups_no_news"} & set(here.reads())
    here.run(8)
    assert {"board_silent", "ups_no_news"} <= set(here.reads())
