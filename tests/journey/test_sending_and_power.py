"""The real power watch and the real custody cores in one virtual time: mains fail while a day's records are on their way."""

from edge.power.picture import State
from tests.custody_model import World
from tests.faults.site import site
from tools.virtual_site import VirtualSite

RECORD = (60_000, 30_000)


def pass_time(site: VirtualSite, transfer: World, seconds: float) -> None:
    """Both live on; the station looks at its permission as often as the uplink does."""
    end_s = site.now_s + seconds
    while site.now_s < end_s:
        site.run(1.0)
        transfer.sender.permit(site.watch.picture.permissions.sending)
        transfer.now_s = site.now_s
        transfer.turn()


def state(site: VirtualSite) -> State:
    return site.watch.picture.state


def test_big_things_wait_for_mains_and_go_by_themselves_when_they_are_back() -> None:
    here, transfer = site(), World()
    for _ in range(20):
        transfer.commit(RECORD)
    pass_time(here, transfer, 5)
    here.world.outage()
    pass_time(here, transfer, 30)
    assert state(here) is State.ON_BATTERY
    arrived, sent = set(transfer.receipts), transfer.sent_bytes
    assert len(transfer.shelf.now.entries) == 20, "the district knows of everybody"
    transfer.commit(RECORD, urgent=True)
    transfer.commit(())
    pass_time(here, transfer, 600)
    assert transfer.receipts - arrived == {21, 22}, "the urgent one and the event"
    assert transfer.sent_bytes - sent < 2 * sum(RECORD)
    here.world.restore()
    pass_time(here, transfer, 600)
    assert state(here) is State.NORMAL
    assert len(transfer.receipts) == 22
    transfer.check()
