"""Who was sent away and why: counted, and written down so that a flood of them fills no disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from voicecli.server.guard import Bucket, Reason
from voicecli.server.subnet import subnet_of
from voicecli.telemetry.prometheus import Exposition

__all__ = ["Refusals"]

log = logging.getLogger(__name__)

_EVERY: Final = 10.0  # seconds between two lines about the same place, and the same reason
_LINES: Final = (50, 1)  # at once, and a second, about all of them
_PLACES: Final = 1000  # that are told apart
_LOUD: Final = frozenset({Reason.TOKEN, Reason.SHARE})  # which whoever runs the server will want to know


@dataclass(slots=True)
class _Said:
    """A line about a place."""

    when: float
    since: int = field(default=0)  # refusals that it does not count


class Refusals:
    """Tells the log and the metrics; names of tokens, and never a token."""

    def __init__(self, exposition: Exposition, clock: Callable[[], float] = monotonic) -> None:
        self._exposition = exposition
        self._clock = clock
        self._lines = Bucket(*_LINES, clock())
        self._said: dict[tuple[str, Reason, str | None], _Said] = {}

    def note(self, reason: Reason, peer: str, holder: str | None = None) -> None:
        """Somebody at `peer` was sent away; `holder` is the name of the token, where it is known."""
        self._exposition.refused(reason, holder)
        now = self._clock()
        key = (subnet_of(peer), reason, holder)
        said = self._said.get(key)
        if said is not None and now < said.when + _EVERY:
            said.since += 1
            return
        if self._lines.take(1, now):
            self._lines.take(-1, now)
            self._said.setdefault(key, _Said(-_EVERY)).since += 1
        else:
            self._write(reason, peer, holder, 0 if said is None else said.since)
            self._said.pop(key, None)  # the one that was said of last is the last to be forgotten
            self._said[key] = _Said(now)
        if len(self._said) > _PLACES:
            self._said.pop(next(iter(self._said)))

    def _write(self, reason: Reason, peer: str, holder: str | None, more: int) -> None:
        log.log(
            logging.WARNING if reason in _LOUD else logging.INFO,
            "%s was refused (%s)%s.%s",
            repr(peer)[1:-1],
            reason.value,
            "" if holder is None else f", with the token of {holder}",
            f" So were {more} more from there since the last line." if more else "",
        )
