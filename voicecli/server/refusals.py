"""Who is sent away and why: told, counted, and written down so that a flood of them fills no disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Final

from voicecli.errors import VoiceError
from voicecli.server.bucket import Bucket
from voicecli.server.subnet import subnet_of
from voicecli.telemetry.prometheus import Exposition

__all__ = ["Reason", "Refusal", "Refusals"]

log = logging.getLogger(__name__)


class Reason(StrEnum):
    """Why a client was sent away; a label of the metrics."""

    CONNECTIONS = "connections"  # too many sockets
    ADDRESS = "address"  # too many from there
    WAITING = "waiting"  # too many sockets that ask for nothing
    GUEST = "guest"  # had shown no token, or was idle, and its room was needed
    MEMORY = "memory"  # what it sent, and nobody had taken yet, was most of too much
    HEADER = "header"  # the head of a request took too long or too much
    BODY = "body"  # the rest of it did
    MALFORMED = "malformed"  # no HTTP
    UNREAD = "unread"  # reads nothing of what it is sent
    FLOOD = "flood"  # frames without end that say nothing
    HOST = "host"  # called by a name that is not ours
    ORIGIN = "origin"  # a web page of somebody else's
    TOKEN = "token"  # none, or a wrong one
    SHARE = "share"  # its token has as many sessions as it may
    SESSIONS = "sessions"  # everybody together has
    BUSY = "busy"  # recognition does not keep up with those who are there
    IDLE = "idle"  # sent nothing for long
    LENGTH = "length"  # has been there for long
    STOPPING = "stopping"  # the server is going


class Refusal(VoiceError):
    """No, in words fit to be shown to the client, and with the status of HTTP that says why.

    It may be raised where there is something to answer, and is a value where somebody only decides.
    """

    def __init__(
        self, status_code: int, message: str, kind: str = "request", retry_after: int | None = None
    ) -> None:
        """`kind` is a `Reason` for what is counted."""
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after  # seconds
        self._kind = kind

    @property
    def kind(self) -> str:
        return str(self._kind)

    @property
    def reason(self) -> Reason:
        """Why the client is sent away. Raises ValueError for what is not counted."""
        return Reason(self._kind)

    @property
    def close_code(self) -> int:
        """Of RFC 6455, 7.4.1, and of IANA's registry: it may not come, or may try again later."""
        return 1008 if self.status_code in (401, 403) else 1013


_EVERY: Final = 10.0  # seconds between two lines about the same subnet, and the same reason
_LINES: Final = (50, 1)  # at once, and a second, about all of them
_SUBNETS: Final = 1000  # that are told apart
_LOUD: Final = frozenset({Reason.TOKEN, Reason.SHARE})  # which whoever runs the server will want to know


@dataclass(slots=True)
class _Said:
    """A line about a subnet."""

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
        if len(self._said) > _SUBNETS:
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
