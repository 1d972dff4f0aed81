"""What the sender puts on the line, and in which order."""

from math import inf

from protocols.custody import Ask, Effect, Have, SendChunk, SendEntry
from protocols.custody.sender import LOOK_MAX_S
from tests.custody_model import World


def answered(world: World) -> list[Effect]:
    """What goes out at once after the district's answer to the first ask."""
    ask = world.sender.next(world.now_s)
    assert isinstance(ask, Ask)
    world.now_s += 0.5
    world.sender.have(Have(ask.round), world.now_s)
    return effects(world)


def effects(world: World) -> list[Effect]:
    found = []
    while (effect := world.sender.next(world.now_s)) is not None:
        found.append(effect)
    return found


def entries(found: list[Effect]) -> list[int]:
    return [effect.sequence for effect in found if isinstance(effect, SendEntry)]


def chunks(found: list[Effect]) -> set[int]:
    return {effect.sequence for effect in found if isinstance(effect, SendChunk)}


def test_scarce_power_lets_everything_small_go_and_nothing_big() -> None:
    world = World()
    for _ in range(5):
        world.commit((3000, 2000))
    world.commit(())
    world.sender.permit("small")
    found = answered(world)
    assert (entries(found), chunks(found)) == ([1, 2, 3, 4, 5, 6], set())
    world.up += [world.frame(effect) for effect in found]
    for _ in range(20):
        world.turn()
    assert world.receipts == {6}, "the event has its receipt, the records wait"
    world.sender.permit("all")
    world.drain()
    world.check()


def test_an_urgent_record_goes_whole_although_power_is_scarce() -> None:
    world = World()
    world.commit((3000,))
    world.commit((3000,), urgent=True)
    world.sender.permit("small")
    for _ in range(20):
        world.turn()
    assert world.receipts == {2}


def test_power_that_fails_in_the_middle_stops_content_at_once() -> None:
    world = World()
    world.commit((20_000,))
    assert chunks(answered(world)) == {1}
    world.sender.permit("small")
    for _ in range(20):
        world.turn()
    assert not chunks(effects(world))
    world.sender.permit("all")
    world.drain()
    world.check()


def test_a_station_that_stops_says_nothing_more() -> None:
    world = World()
    world.commit((3000,))
    world.sender.permit("none")
    assert world.sender.next(1e9) is None
    assert world.sender.wake_s() == inf
    world.sender.permit("all")
    world.drain()
    world.check()


def test_a_full_line_is_looked_at_again_soon() -> None:
    """Nobody tells when TCP has got rid of bytes."""
    world = World()
    world.commit((50_000,))
    for _ in range(4):
        world.turn()
    world.sender.line_holds(1e9, 0.5)
    assert world.sender.next(world.now_s) is None
    assert 0 < world.sender.wake_s() - world.now_s <= LOOK_MAX_S
    world.sender.line_holds(0, 0.5)
    world.now_s = world.sender.wake_s()
    assert isinstance(world.sender.next(world.now_s), SendChunk)


def test_a_full_line_without_anything_to_send_wakes_nobody() -> None:
    world = World()
    world.commit((1_000,))
    world.drain()
    world.sender.line_holds(1e9, 0.5)
    assert world.sender.next(world.now_s) is None
    assert world.sender.wake_s() == inf
