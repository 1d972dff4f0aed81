"""Any schedule of loss, repetition, reordering, cuts and crashes ends with every record at the district exactly once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.custody import Ask, Chunk, Entry, Have, Item, Message, Receipt, SendEntry, Sender, WireError, decode, encode
from protocols.custody.spans import Spans
from tests.custody_model import World

SIZES = st.lists(st.integers(1, 5000), max_size=4).map(tuple)
ACTIONS = st.one_of(
    st.tuples(st.just("commit"), SIZES, st.booleans()),
    st.tuples(st.sampled_from(["pump", "turn", "crash_station", "crash_district", "reconnect", "lose_up", "lose_down"])),
    st.tuples(st.sampled_from(["deliver_up", "deliver_down", "repeat_up", "repeat_down"]), st.lists(st.integers(0, 40), min_size=1, max_size=8)),
    st.tuples(st.just("damage"), st.integers(0, 40), st.integers(0, 10_000)),
    st.tuples(st.just("wait"), st.floats(0.1, 100)),
)


def pick(frames: list[bytes], places: list[int], *, keep: bool) -> list[bytes]:
    """Some of the frames, in the order of `places`; they stay in the list when `keep`."""
    chosen = []
    for place in places:
        if frames:
            chosen.append(frames[place % len(frames)] if keep else frames.pop(place % len(frames)))
    return chosen


def act(world: World, action: tuple) -> None:
    match action:
        case ("commit", sizes, urgent):
            world.commit(sizes, urgent=urgent)
        case ("pump",):
            world.pump()
        case ("turn",):
            world.turn()
        case ("crash_station",):
            world.start_station()
        case ("crash_district",):
            world.start_district()
        case ("reconnect",):
            world.sender.disconnected()
            world.sender.connected(world.now_s)
        case ("lose_up",):
            world.up.clear()
        case ("lose_down",):
            world.down.clear()
        case ("deliver_up" | "repeat_up" as how, places):
            world.at_district(pick(world.up, places, keep=how == "repeat_up"))
        case ("deliver_down" | "repeat_down" as how, places):
            world.at_station(pick(world.down, places, keep=how == "repeat_down"))
        case ("damage", place, bit):
            damage(world.up, place, bit)
        case ("wait", seconds):
            world.now_s += seconds


def damage(frames: list[bytes], place: int, bit: int) -> None:
    """Flip one bit of a frame under way; the CRC finds it."""
    if frames:
        bad = bytearray(frames.pop(place % len(frames)))
        bad[bit // 8 % len(bad)] ^= 1 << bit % 8
        try:
            decode(bytes(bad))
        except WireError:
            return
        raise AssertionError("a flipped bit was not noticed")


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTIONS, max_size=60))
def test_any_schedule_delivers_exactly_once(actions: list[tuple]) -> None:
    world = World()
    world.commit((3000, 10, 2500))
    for action in actions:
        act(world, action)
    world.drain()
    world.check()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(0, 60))), st.integers(0, 60), st.integers(0, 60))
def test_spans_are_a_set(changes: list[tuple[bool, int, int]], start: int, end: int) -> None:
    spans, model = Spans(), set()
    for add, first, last in changes:
        (spans.add if add else spans.remove)(first, last)
        model = model | set(range(first, last)) if add else model - set(range(first, last))
        assert [n for s, e in spans for n in range(s, e)] == sorted(model)
        assert all(one[1] < two[0] for one, two in zip(list(spans), list(spans)[1:], strict=False))
    assert spans.total() == len(model)
    assert spans.covers(start, end) == (set(range(start, end)) <= model)


SEQUENCES = st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**32 - 1)), max_size=20).map(lambda pairs: tuple((s, s + n) for s, n in pairs))
PART_SPANS = st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=20).map(tuple)
ROUND = st.integers(0, 2**32 - 1)
RECORD = st.binary(min_size=16, max_size=16)
MESSAGES = st.one_of(
    st.builds(Entry, st.binary(min_size=1, max_size=300)),
    st.builds(Chunk, RECORD, st.integers(0, 65535), ROUND, st.binary(min_size=1, max_size=300)),
    st.builds(Ask, ROUND, SEQUENCES, st.lists(RECORD, max_size=32).map(tuple)),
    st.builds(Have, ROUND, SEQUENCES, SEQUENCES, st.lists(st.tuples(RECORD, PART_SPANS), max_size=32).map(tuple)),
    st.builds(Receipt, st.binary(min_size=1, max_size=300)),
)


@given(MESSAGES)
def test_messages_come_back_as_they_went(message: Message) -> None:
    assert decode(encode(message)) == message


@given(st.binary(max_size=400))
def test_garbage_is_refused_or_harmless(data: bytes) -> None:
    try:
        decode(data)
    except WireError:
        return
    raise AssertionError("random bytes with a right CRC")


@given(MESSAGES, st.integers(0, 3000), st.integers(0, 7))
def test_one_flipped_bit_is_noticed(message: Message, byte: int, bit: int) -> None:
    data = bytearray(encode(message))
    data[byte % len(data)] ^= 1 << bit
    try:
        decode(bytes(data))
    except WireError:
        return
    raise AssertionError("damage was not noticed")


def test_an_entry_whose_content_never_arrives_is_shown_again() -> None:
    """The district holds somebody else's entry under that number: it refuses our content without a word."""
    sender, now_s, shown = Sender(), 0.0, 0
    sender.offer([Item(7, b"r" * 16, (3_000,), 500)], fresh=False)
    sender.connected(now_s)
    for _ in range(60):
        while (effect := sender.next(now_s)) is not None:
            shown += isinstance(effect, SendEntry)
            if isinstance(effect, Ask):
                sender.have(Have(effect.round, held=((7, 8),)), now_s + 0.1)
        now_s += 5.0
        if shown:
            break
    assert shown == 1
    assert now_s < 200


def test_an_entry_that_the_district_disputes_is_shown_again_and_not_for_ever() -> None:
    sender, now_s, shown = Sender(), 0.0, 0
    sender.offer([Item(7, None, (), 500)], fresh=False)
    sender.connected(now_s)
    for _ in range(100):
        while (effect := sender.next(now_s)) is not None:
            if isinstance(effect, Ask):
                sender.have(Have(effect.round, held=((7, 8),), done=((7, 8),)), now_s)
                sender.disputed(7)
            shown += isinstance(effect, SendEntry)
        now_s += 1.0
    assert 2 <= shown <= 6, "at once, then at growing intervals"
    assert sender.knows(7)
