"""Whose utterance is recognised when: values in, values out, time as an argument.

An engine hears so many utterances at once: it has so many places. A complete utterance comes before one that
is still spoken, which only borrows a place that nobody needs. Among the complete ones those come first that
would be complete by now had their sound come in real time: who sends faster has no hurry. The holders of
tokens have places in turn, who has fewest first; so have, within a token, those who talk and those who send
faster; and among these it goes by what is due first.

So a stream that stalls, or sends for hours at once, or a token with a hundred streams, takes what the others
leave. Clocks as in L. Zhang, "VirtualClock" (1990).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["LATE", "Claim", "Move", "Places", "Speaker"]

LATE = 5.0  # seconds after which a complete utterance should have had a place
_STALLED = 1.0  # seconds that the sound of an utterance may lag behind the clock
_CREDIT = 1.0  # seconds by which a stream may have been late before, and then be as much faster
_AHEAD = 60.0  # seconds of sound at most that a stream is thought to be ahead


class Speaker:
    """The streams of one client: whose they are, and how far their sound is ahead of real time."""

    def __init__(self, holder: str | None = None) -> None:
        self.holder = holder  # of the token
        self._clock = 0.0  # when the sound so far would have been spoken to its end

    def came(self, seconds: float, now: float) -> None:
        """So much sound came."""
        self._clock = min(max(self._clock, now - seconds - _CREDIT) + seconds, now + _AHEAD)

    def is_fast(self, now: float) -> bool:
        """Whether the sound comes faster than it was spoken."""
        return self._clock > now

    def due(self, behind: float) -> float:
        """When the sound would have been spoken that lies `behind` seconds before the last that came."""
        return self._clock - behind


@dataclass(eq=False, slots=True)
class Claim:
    """What an utterance has to say for itself."""

    holder: str | None  # of the token
    since: float  # when it began to come
    fast: bool = False  # it comes faster than it was spoken
    sound: float = 0.0  # seconds that have come
    due: float | None = None  # when it would have been complete in real time; None while it is spoken
    room: int | None = None  # where it has a place
    given: float = 0.0  # when it got that

    def is_stalled(self, now: float) -> bool:
        """Whether it is still spoken, and no sound comes."""
        return self.due is None and now - self.since > self.sound + _STALLED


@dataclass(frozen=True, slots=True)
class Move:
    """`claim` gets a place in `room`, which `out` leaves, if it was somebody's."""

    claim: Claim
    room: int
    out: Claim | None = None


class _Rank(IntEnum):
    DUE = 0  # complete
    EARLY = 1  # complete before its time
    SPOKEN = 2
    STALLED = 3


@dataclass(slots=True)
class _Share:
    """What some claims have together."""

    places: int = 0
    turn: int = 0  # when one of them was last given one: a number that grows


@dataclass(slots=True)
class _Holder(_Share):
    """The claims of one token."""

    claims: set[Claim] = field(default_factory=set)
    kinds: tuple[_Share, _Share] = field(default_factory=lambda: (_Share(), _Share()))  # talking, fast


class Places:
    """Every claim there is, and who has a place."""

    def __init__(self, late: float = LATE) -> None:
        self._late = late
        self._rooms: dict[int, int] = {}  # places of each
        self._taken: Counter[int] = Counter()
        self._holders: dict[str | None, _Holder] = {}
        self._waiting: dict[Claim, None] = {}
        self._inside: dict[Claim, None] = {}
        self._turns = 0
        self._in_time = float("-inf")  # when somebody last got a place who was not late

    @property
    def is_free(self) -> bool:
        """Whether somebody could have a place at once."""
        return any(self._taken[room] < places for room, places in self._rooms.items())

    @property
    def are_wanted(self) -> bool:
        """Whether somebody waits for one."""
        return bool(self._waiting)

    def open(self, room: int, places: int) -> None:
        """`room` has so many places from now on; whoever is inside stays."""
        self._rooms[room] = places

    def close(self, room: int) -> list[Claim]:
        """There is no such room any more; those who were inside, who wait now."""
        self._rooms.pop(room, None)
        out = [claim for claim in self._inside if claim.room == room]
        for claim in out:
            self._leave(claim)
            self._waiting[claim] = None
        return out

    def put(self, claim: Claim) -> None:
        """Somebody wants a place."""
        self._holders.setdefault(claim.holder, _Holder()).claims.add(claim)
        self._waiting[claim] = None

    def end(self, claim: Claim, due: float, fast: bool, now: float) -> None:
        """The utterance is complete, and would be at `due` in real time."""
        claim.due = due
        if claim.room is not None:
            kinds = self._holders[claim.holder].kinds
            kinds[claim.fast].places -= 1
            kinds[fast].places += 1
            self._in_time = now
        claim.fast = fast

    def remove(self, claim: Claim) -> None:
        """It has been answered, or nobody wants it any more."""
        self._waiting.pop(claim, None)
        if claim.room is not None:
            self._leave(claim)
        self._holders[claim.holder].claims.discard(claim)

    def next(self, now: float) -> Move | None:
        """Who gets a place next, if anybody can; it is done with the answer."""
        if not self._waiting or not self._rooms:
            return None
        first: dict[str | None, Claim] = {}  # of each holder
        for claim in self._waiting:
            best = first.get(claim.holder)
            if best is None or self._within(claim, now) < self._within(best, now):
                first[claim.holder] = claim
        for claim in sorted(first.values(), key=lambda claim: self._across(claim, now)):
            if _rank(claim, now) is _Rank.STALLED:
                return None
            room = min(
                (room for room, places in self._rooms.items() if self._taken[room] < places),
                key=lambda room: self._taken[room],
                default=None,
            )
            out = None
            if room is None:
                out = self._victim(claim, now)
                room = None if out is None else out.room
            if room is not None:
                return self._move(claim, room, out, now)
        return None

    def late(self, holder: str | None, now: float) -> float:
        """Seconds by which a new stream of `holder` would come too late; 0 if it would be served in time."""
        mine = self._holders.get(holder)
        return self._lateness(() if mine is None else mine.claims, now) or self.busy(now)

    def busy(self, now: float) -> float:
        """The same for whoever comes: seconds by which all are late."""
        return 0.0 if now - self._in_time <= self._late else self._lateness(self._waiting, now)

    def _lateness(self, claims: Iterable[Claim], now: float) -> float:
        late = max(
            (now - claim.due for claim in claims if claim.room is None and claim.due is not None), default=0.0
        )
        return late if late > self._late else 0.0

    def _within(self, claim: Claim, now: float) -> tuple[int, int, int, float]:
        """The order of what one token has."""
        kind = self._holders[claim.holder].kinds[claim.fast]
        return _rank(claim, now), kind.places, kind.turn, claim.since if claim.due is None else claim.due

    def _across(self, claim: Claim, now: float) -> tuple[int, int, int]:
        """The order of the tokens."""
        holder = self._holders[claim.holder]
        return _rank(claim, now), holder.places, holder.turn

    def _victim(self, claim: Claim, now: float) -> Claim | None:
        """Who has to give a place to `claim`: where the least is lost."""
        found = [other for other in self._inside if self._must_leave(other, claim, now)]
        return max(
            found,
            key=lambda other: (_rank(other, now), self._holders[other.holder].places, other.given),
            default=None,
        )

    def _must_leave(self, other: Claim, claim: Claim, now: float) -> bool:
        its = _rank(other, now)
        if its is _Rank.STALLED:
            return True
        if _rank(claim, now) is not _Rank.DUE:
            return False
        mine, theirs = self._holders[claim.holder], self._holders[other.holder]
        if its is not _Rank.DUE:
            return theirs is mine or theirs.places > mine.places
        if theirs is mine:
            return mine.kinds[other.fast].places >= mine.kinds[claim.fast].places + 2
        return theirs.places >= mine.places + 2  # and has still as many afterwards

    def _move(self, claim: Claim, room: int, out: Claim | None, now: float) -> Move:
        if out is not None:
            self._leave(out)
            self._waiting[out] = None
        del self._waiting[claim]
        self._inside[claim] = None
        self._taken[room] += 1
        claim.room, claim.given = room, now
        self._turns += 1
        holder = self._holders[claim.holder]
        for share in (holder, holder.kinds[claim.fast]):
            share.places += 1
            share.turn = self._turns
        if claim.due is not None and now - claim.due <= self._late:
            self._in_time = now
        return Move(claim, room, out)

    def _leave(self, claim: Claim) -> None:
        assert claim.room is not None
        del self._inside[claim]
        self._taken[claim.room] -= 1
        holder = self._holders[claim.holder]
        for share in (holder, holder.kinds[claim.fast]):
            share.places -= 1
        claim.room = None


def _rank(claim: Claim, now: float) -> _Rank:
    if claim.due is None:
        return _Rank.STALLED if claim.is_stalled(now) else _Rank.SPOKEN
    return _Rank.DUE if claim.due <= now else _Rank.EARLY
