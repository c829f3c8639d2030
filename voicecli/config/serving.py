"""The settings of `voicecli serve`: where it listens, who may come in, and how much each may take.

The server reads these dataclasses themselves, so that each limit stands here and nowhere else.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import Annotated, TypeAlias

from voicecli.config.ranges import HIDDEN, LONG, MANY
from voicecli.providers.bounds import Within
from voicecli.speech.endpoint import EndpointOptions
from voicecli.speech.gate import GateOptions
from voicecli.speech.segmenter import Segmenter
from voicecli.speech.utterance import UtteranceOptions
from voicecli.speech.vad import WINDOW_SECONDS
from voicecli.wire.recognition import WireLimits

__all__ = ["ConnectionSettings", "SegmentSettings", "ServerSettings", "SessionSettings", "TokenSettings"]

Amount: TypeAlias = Annotated[int, Within(1, MANY)]
Wait: TypeAlias = Annotated[float, Within(0.1, LONG)]
Span: TypeAlias = Annotated[float, Within(1, math.inf)]
Size: TypeAlias = Annotated[int, Within(1024, math.inf)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """How many sockets there may be, and how long each may take."""

    most: Amount = 4000  # sockets at once
    per_address: Amount = 3000  # of them from one address, or one /64 of IPv6
    waiting: Amount = 500  # of them without a whole request yet; one more drops the oldest
    reserved: Annotated[float, Within(0, 1)] = 0.25  # part of them that only holders of a token may take
    memory: Size = 268_435_456  # bytes of all that was sent and not taken yet; more drop who has most there
    header_timeout: Wait = 5.0  # seconds for the head of a request
    body_timeout: Wait = 30.0  # seconds for the rest of it
    send_timeout: Wait = 10.0  # seconds in which a client reads nothing before it is dropped
    header: Size = 16_384  # bytes of the head of a request
    body: Size = 33_554_432  # bytes of the rest of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How many sessions there may be, and how much each may send."""

    most: Amount = 1500  # sessions at once
    length: Span = 14_400.0  # seconds that one may last
    idle: Span = 300.0  # seconds without a message before one is ended
    start: Wait = 10.0  # seconds to the first message, where that brings the token
    message: Size = 1_048_576  # bytes of a message
    frame: Size = 1_048_576  # bytes of a frame of a message
    queued: Annotated[float, Within(0.1, 600)] = 10.0  # seconds of audio that wait before the client must
    channels: Annotated[int, Within(1, WireLimits().channels)] = 8  # of one session's audio
    questions: Amount = 16  # asked by POST that are answered at once
    events: int = field(default=1024, metadata=HIDDEN)  # that the client has not read


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSettings:
    """Where the segments of recognised speech begin and end."""

    min_silence: Annotated[float, Within(0.03, 10)] = 0.3  # seconds of silence that end one
    pre_roll: Annotated[float, Within(0, 5)] = 0.4  # seconds before the speech that the model hears as well
    longest: Annotated[float, Within(1, 300)] = 30.0  # seconds of speech in one at most
    interim: Annotated[float, Within(0.1, 60)] = 0.5  # seconds between interim results at least
    piece: Annotated[float, Within(4, 300)] = 10.0  # seconds of one at most where everything is recognised
    search: float = field(default=3.0, metadata=HIDDEN)  # seconds at its end whose quietest moment is cut

    def segmenter(self, gate: GateOptions) -> Segmenter:
        """What ends a segment by silence alone; `gate` is of the detector, but for its silence."""
        return Segmenter(
            # The gate waits out the silence: it begins anew with every voiced window.
            gate=replace(gate, min_silence=self.min_silence),
            endpoint=EndpointOptions(cap=self.longest).by_silence(WINDOW_SECONDS),
            utterance=UtteranceOptions(
                pre_roll=self.pre_roll, longest=self.pre_roll + self.longest + WINDOW_SECONDS
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """What the holder of one token may take."""

    sessions: Amount = 100  # at once
    audio: Span = 6000.0  # seconds of audio a minute; more of it waits


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What `voicecli serve` is, and what it allows."""

    host: str = "127.0.0.1"  # name or address of the interface; any but this machine's own needs a token
    port: Annotated[int, Within(0, 65_535)] = 8080  # TCP port; 0: any that is free
    workers: Annotated[int, Within(0, 256)] = 0  # processes that recognise; 0: one for each processor but one
    batched: bool = True  # ask the voice detector about all streams in one call; false: one call a stream
    token_env: str = "VOICECLI_SERVER_TOKENS"  # environment variable or keyring entry that holds the tokens
    token_file: str = ""  # file that holds them instead, one a line; nobody else may read it
    origins: list[str] = field(
        default_factory=list
    )  # web pages that may connect, as in "https://example.org"
    hosts: list[str] = field(default_factory=list)  # names that it may be called by, where there is no token
    trusted_proxies: list[str] = field(
        default_factory=list
    )  # addresses or networks whose X-Forwarded-For is believed, as in "127.0.0.1"
    grace: Annotated[float, Within(0, 600)] = 10.0  # seconds to finish what is under way when told to stop
    metrics_open: bool = False  # show /metrics without a token, wherever it listens
    log_text: bool = False  # let the log show what was said
    otlp: str = ""  # URL of an OpenTelemetry collector, as in "http://localhost:4318"; empty: no traces
    connections: ConnectionSettings = ConnectionSettings()
    sessions: SessionSettings = SessionSettings()
    segments: SegmentSettings = SegmentSettings()
    tokens: TokenSettings = TokenSettings()

    @property
    def processes(self) -> int:
        """That recognise."""
        return self.workers or max(1, (os.cpu_count() or 2) - 1)
