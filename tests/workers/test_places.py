"""Who is recognised when, in simulated time: what a neighbour waits for is the others' share, and no more."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as some

from voicecli.workers.places import LATE, Claim, Places, Speaker

TICK = 0.25  # seconds between two looks at who has become due
PIECE = 0.5  # seconds of sound


@dataclass
class Talk:
    """A stream: utterances of `length` seconds, each `every` seconds; None: it stalls in the first."""

    name: str
    holder: str | None = None
    length: float = 2.0
    every: float | None = 5.0
    speed: float = 1.0  # times real time
    begin: float = 0.0


@dataclass
class World:
    """An engine with places that needs `cost` seconds for a second of sound, and those who talk to it."""

    places: int = 2
    cost: float = 0.3
    delays: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # from end to answer
    waiting: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def run(self, talks: list[Talk], until: float, after: float = 0.0) -> None:
        """Talk until then, and count who is not answered `after` that."""
        self.board = Places()
        self.board.open(0, self.places)
        self.events: list[tuple[float, int, object]] = []
        self.work: dict[Claim, tuple[str, float]] = {}
        self.until = until
        for talk in talks:
            self.at(talk.begin, self.speak(talk, Speaker(talk.holder)))
        self.at(0.0, self.tick())
        while self.events and self.events[0][0] < until + after:
            self.now, _, steps = heapq.heappop(self.events)
            wait = next(steps, None)  # type: ignore[call-overload]
            if wait is not None:
                self.at(self.now + wait, steps)
            while (move := self.board.next(self.now)) is not None:
                self.at(self.now, self.recognise(move.claim))

    def at(self, time: float, steps: object) -> None:
        self.count = getattr(self, "count", 0) + 1
        heapq.heappush(self.events, (time, self.count, steps))

    def tick(self) -> Iterator[float]:
        while True:
            yield TICK

    def speak(self, talk: Talk, speaker: Speaker) -> Iterator[float]:
        while self.now < self.until:
            while self.waiting[talk.name] >= 2:  # what is not answered holds the client back
                yield TICK
            claim = Claim(talk.holder, self.now)
            self.board.put(claim)
            self.work[claim] = talk.name, 0.0
            for _ in range(round(talk.length / PIECE)):
                yield PIECE / talk.speed
                speaker.came(PIECE, self.now)
                claim.sound += PIECE
            if talk.every is None:
                return
            self.waiting[talk.name] += 1
            self.work[claim] = talk.name, self.now
            self.board.end(claim, speaker.due(0.0), speaker.is_fast(self.now), self.now)
            yield 0.0
            pause = (talk.every - talk.length) / talk.speed
            if pause > 0:
                speaker.came(pause * talk.speed, self.now + pause)
                yield pause

    def recognise(self, claim: Claim) -> Iterator[float]:
        """Hear all that there is, and answer when it is complete; a place that is lost is begun anew."""
        given, heard = claim.given, 0.0
        while claim.room is not None and claim.given == given:
            if heard < claim.sound - 1e-9:
                step = min(PIECE, claim.sound - heard)
                heard += step
                yield self.cost * step
            elif claim.due is None:
                yield PIECE / 4
            else:
                name, ended = self.work.pop(claim)
                self.delays[name].append(self.now - ended)
                self.waiting[name] -= 1
                self.board.remove(claim)
                return

    def worst(self, name: str) -> float:
        assert self.delays[name]
        return max(self.delays[name])


def delay(talks: list[Talk], places: int = 2, cost: float = 0.3, until: float = 60.0) -> float:
    """The longest that the stream called "honest" waits for an answer after the end of its speech."""
    world = World(places, cost)
    world.run([Talk("honest", "bob", begin=10.0), *talks], until, 30.0)
    assert world.waiting["honest"] == 0
    assert len(world.delays["honest"]) > 8
    return world.worst("honest")


ALONE = delay([])
WHOLE = 0.3 * 2.0  # seconds for an utterance of which nothing was heard before its end


def test_an_idle_server_answers_at_once() -> None:
    assert ALONE < 0.4


def test_speakers_that_stall_hold_nothing_up() -> None:
    stalled = [Talk(f"stalled {n}", holder, 1.5, None) for n in range(10) for holder in ("bob", "eve")]
    assert delay(stalled) <= ALONE + WHOLE


def test_speakers_that_hesitate_hold_nothing_up() -> None:
    """Sound trickles in, a fifth of real time, for ever."""
    slow = [Talk(f"slow {n}", "bob", 30.0, 31.0, speed=0.2) for n in range(10)]
    assert delay(slow) <= ALONE + WHOLE


def test_speakers_without_end_leave_a_place() -> None:
    endless = [Talk(f"endless {n}", "bob", 28.0, 28.1) for n in range(3)]
    assert delay(endless, cost=0.2) <= ALONE + 28.0 * 0.2 + WHOLE


def test_bulk_waits_for_conversations() -> None:
    """Twenty files at a hundred times real time, of the same token as two who talk."""
    bulk = [Talk(f"bulk {n}", "bob", 9.0, 9.1, speed=100.0, begin=5.0) for n in range(20)]
    world = World()
    other = Talk("other", "bob", begin=12.0)
    world.run([Talk("honest", "bob", begin=10.0), other, *bulk], 12.0 + 20.0)
    assert world.worst("honest") <= 2 * WHOLE + TICK
    assert world.worst("other") <= 2 * WHOLE + TICK


def test_many_streams_of_a_token_do_not_delay_another() -> None:
    """Forty who talk without pause, where two would be too many."""
    crowd = [Talk(f"crowd {n}", "eve", 9.0, 9.1, begin=n / 10) for n in range(40)]
    assert delay(crowd) <= ALONE + WHOLE + TICK


def test_one_place_is_shared_by_turns() -> None:
    crowd = [Talk(f"crowd {n}", "eve", 9.0, 9.1, begin=n / 10) for n in range(40)]
    assert delay(crowd, places=1) <= 9.0 * 0.3 + WHOLE + TICK


@settings(max_examples=60, deadline=None)
@given(
    some.integers(1, 3),
    some.lists(
        some.builds(
            Talk,
            some.integers(0, 10**6).map(str),
            some.sampled_from(["alice", "bob", None]),
            some.sampled_from([0.4, 2.0, 9.0]),
            some.sampled_from([None, 3.0, 10.0]),
            some.sampled_from([0.1, 1.0, 20.0]),
            some.integers(0, 20).map(float),
        ),
        max_size=12,
        unique_by=lambda talk: talk.name,
    ),
)
def test_nobody_starves(places: int, talks: list[Talk]) -> None:
    """When all have fallen silent, all are answered; and the places are never more than there are."""
    world = World(places, 0.3)
    world.run(talks, 30.0, 600.0)
    assert not any(world.waiting.values())
    complete = {claim for claim in world.work if claim.due is not None}
    assert not complete


@settings(max_examples=60, deadline=None)
@given(some.data())
def test_places_are_counted(data: some.DataObject) -> None:
    """Whatever happens: no room has more than its places, and a free one is given to whoever may have it."""
    board, now, claims = Places(), 0.0, list[Claim]()
    rooms = {1: 2, 2: 1}
    for room, places in rooms.items():
        board.open(room, places)
    for _ in range(40):
        now += data.draw(some.sampled_from([0.0, 0.3, 2.0]))
        what = data.draw(some.sampled_from(["put", "end", "remove", "lose"]))
        if what == "put":
            holder, sound = (
                data.draw(some.sampled_from(["a", "b"])),
                data.draw(some.sampled_from([0.0, 60.0])),
            )
            claims.append(Claim(holder, now, data.draw(some.booleans()), sound))
            board.put(claims[-1])
        elif what == "lose":
            room = data.draw(some.sampled_from([1, 2]))
            assert all(claim.room is None for claim in board.close(room))
            board.open(room, rooms[room])
        elif claims:
            claim = data.draw(some.sampled_from(claims))
            if what == "end" and claim.due is None:
                board.end(
                    claim,
                    now + data.draw(some.sampled_from([-3.0, 0.0, 20.0])),
                    data.draw(some.booleans()),
                    now,
                )
            elif what == "remove":
                claims.remove(claim)
                board.remove(claim)
        while board.next(now) is not None:
            pass
        inside = [claim for claim in claims if claim.room is not None]
        for room, places in rooms.items():
            assert sum(claim.room == room for claim in inside) <= places
        may = [claim for claim in claims if claim.room is None and not claim.is_stalled(now)]
        assert not (board.is_free and may)


def test_a_queue_that_is_late_tells() -> None:
    board = Places()
    board.open(0, 1)
    first, second = Claim("eve", 0.0), Claim("eve", 0.0)
    for claim in (first, second):
        board.put(claim)
        board.end(claim, 1.0, False, 1.0)
    assert board.next(1.0)
    assert (board.late("eve", 2.0), board.late("bob", 2.0), board.busy(2.0)) == (0, 0, 0)
    late = 1.0 + LATE + 0.5
    assert board.late("eve", late) == board.late("bob", late) == board.busy(late) == LATE + 0.5
    board.remove(first)
    assert board.next(late)
    assert board.busy(late) == board.late("eve", late) == 0


def test_one_late_token_shuts_nobody_else_out() -> None:
    board = Places()
    board.open(0, 1)
    eve = [Claim("eve", 0.0) for _ in range(9)]
    for claim in eve:
        board.put(claim)
        board.end(claim, 1.0, False, 1.0)
    for time in range(1, 21):
        while (move := board.next(float(time))) is not None:
            if move.claim.holder == "bob":
                board.remove(move.claim)
        if time % 3 == 0:
            board.remove(eve.pop(0))
        elif time % 3 == 1:
            bob = Claim("bob", float(time))
            board.put(bob)
            board.end(bob, float(time), False, float(time))
    assert board.late("eve", 20.0) > LATE
    assert board.late("bob", 20.0) == board.busy(20.0) == 0


def test_a_stream_is_as_far_ahead_as_it_sends() -> None:
    live, bulk = Speaker(), Speaker()
    for step in range(100):
        live.came(0.1, 100.0 + step / 10)
    assert 109.9 - 1.5 <= live.due(0.0) <= 109.9
    assert not live.is_fast(109.9)
    for _ in range(30):
        bulk.came(1.0, 109.9)
    assert bulk.due(0.0) > 109.9 + 27
    assert bulk.is_fast(109.9)
    assert bulk.due(28.0) < 109.9 + 1
    for _ in range(1000):
        bulk.came(1.0, 109.9)
    assert bulk.due(0.0) <= 109.9 + 60
