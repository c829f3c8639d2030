"""The messages of the recognition WebSocket: JSON text to and from values, without I/O.

A client sends `start`, then binary interleaved little-endian PCM, then `stop`; the server sends `active`,
`inactive`, `segment` and `error`. Compatible with github.com/xd009642/streamer-template. Keys that are not
known are skipped on both sides; what is known must have its type. A binary message is not decoded here: see
`Format` for what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NoReturn, TypeAlias

from voicecli.errors import WireError
from voicecli.printable import brief

__all__ = [
    "Active",
    "Event",
    "Failure",
    "Format",
    "Inactive",
    "Other",
    "Request",
    "Segment",
    "Start",
    "Stop",
    "WireLimits",
    "decode_event",
    "decode_request",
    "encode_event",
    "encode_request",
]

_SHAPES: Final = frozenset({(16, False), (32, False), (32, True)})
_DIGITS: Final = 4  # of a second: 0.1 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """How much of a message is believed."""

    text: int = 65_536  # characters of a text message, and of one text in it
    channels: int = 32  # of one stream
    least_rate: int = 1_000  # samples a second
    most_rate: int = 384_000  # samples a second


@dataclass(frozen=True, slots=True)
class Format:
    """Interleaved little-endian PCM: s16 (16, not float), s32 (32, not float) or f32 (32, float)."""

    channels: int = 1
    sample_rate: int = 16_000  # frames a second
    bit_depth: int = 16
    is_float: bool = False

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return self.bit_depth // 8

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.sample_bytes * self.channels

    @property
    def byte_rate(self) -> int:
        """Bytes a second."""
        return self.frame_bytes * self.sample_rate

    def check(self, limits: WireLimits = WireLimits()) -> None:
        """Raise WireError, saying what is possible, for a format that cannot be."""
        if not 1 <= self.channels <= limits.channels:
            raise WireError(
                f"format.channels is {brief(self.channels)}.", f"It goes from 1 to {limits.channels}."
            )
        if not limits.least_rate <= self.sample_rate <= limits.most_rate:
            raise WireError(
                f"format.sample_rate is {brief(self.sample_rate)}.",
                f"It goes from {limits.least_rate} to {limits.most_rate} samples a second.",
            )
        if (self.bit_depth, self.is_float) not in _SHAPES:
            kind = "float" if self.is_float else "integer"
            raise WireError(
                f"format.bit_depth {brief(self.bit_depth)} is not spoken here for {kind} samples.",
                "Send 16-bit or 32-bit integers (is_float false) or 32-bit floats (is_float true).",
            )


@dataclass(frozen=True, slots=True)
class Start:
    """Begins a stream; within a stream, ends it first."""

    format: Format
    trace_id: str | None = None  # W3C traceparent, if the client knows what that is
    interim_results: bool = False
    token: str | None = field(default=None, repr=False)  # of a client that cannot send headers


@dataclass(frozen=True, slots=True)
class Stop:
    """Ends the stream, and with `disconnect` the session once everything has been answered."""

    disconnect: bool = False


@dataclass(frozen=True, slots=True)
class Active:
    """Speech began."""

    time: float  # seconds from the start of the stream
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Inactive:
    """Speech ended."""

    time: float  # seconds from the start of the stream
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """What the model made of a stretch of sound."""

    start_time: float  # seconds from the start of the stream
    end_time: float  # seconds from the start of the stream
    text: str = ""
    channel: int = 0
    is_final: bool | None = None  # None where nothing but final ones are sent
    output: Mapping[str, Any] = field(default_factory=dict)  # what else the model of another server said


@dataclass(frozen=True, slots=True)
class Failure:
    """Something went wrong; the session goes on unless it is closed after it."""

    message: str
    channel: int | None = None  # None: it concerns all of them; on the wire that is channel 0


@dataclass(frozen=True, slots=True)
class Other:
    """An event that this version does not know."""

    type: str
    fields: Mapping[str, Any]


Request: TypeAlias = Start | Stop
Event: TypeAlias = Active | Inactive | Segment | Failure | Other


def decode_request(text: str | bytes, limits: WireLimits = WireLimits()) -> Request:
    """What a client asks for, its format checked.

    Raises WireError, whose words are fit to be sent back.
    """
    fields = _Fields(_object(text, limits), limits)
    request = fields.text("request")
    if request == "start":
        shape = fields.inner("format")
        channels, rate, depth = map(shape.integer, ("channels", "sample_rate", "bit_depth"))
        format = Format(channels, rate, depth, shape.flag("is_float"))
        format.check(limits)
        trace_id = fields.optional_text("trace_id")  # nonsense in it costs the trace, not the stream
        interim = fields.flag("interim_results", False)
        return Start(format, trace_id, interim, fields.optional_text("token"))
    if request == "stop":
        return Stop(fields.flag("disconnect", False))
    raise WireError(f'The request "{brief(request)}" is not known.', "Send start or stop.")


def encode_request(request: Request) -> str:
    """As `decode_request` reads it."""
    if isinstance(request, Stop):
        return _json({"request": "stop", "disconnect": request.disconnect})
    fields = {"request": "start", "trace_id": request.trace_id, "token": request.token}
    told = {name: value for name, value in fields.items() if value is not None}
    format = asdict(request.format)
    return _json({**told, "format": format, "interim_results": request.interim_results})


def decode_event(text: str | bytes, limits: WireLimits = WireLimits()) -> Event:
    """What a server says. Raises WireError."""
    found = _object(text, limits)
    fields = _Fields(found, limits)
    kind = fields.text("type")
    if kind in ("active", "inactive"):
        return (Active if kind == "active" else Inactive)(fields.seconds("time"), fields.integer("channel"))
    if kind == "segment":
        own = {"type", "start_time", "end_time", "is_final", "text", "channel"}
        return Segment(
            fields.seconds("start_time"),
            fields.seconds("end_time"),
            fields.optional_text("text") or "",
            fields.integer("channel"),
            None if found.get("is_final") is None else fields.flag("is_final"),
            {key: value for key, value in found.items() if key not in own},
        )
    if kind == "error":
        return Failure(
            fields.text("message"), None if found.get("channel") is None else fields.integer("channel")
        )
    return Other(kind, {key: value for key, value in found.items() if key != "type"})


def encode_event(event: Event) -> str:
    """As `decode_event` reads it; times are rounded to 0.1 ms."""
    match event:
        case Active(time, channel) | Inactive(time, channel):
            kind = "active" if isinstance(event, Active) else "inactive"
            return _json({"type": kind, "time": _rounded(time), "channel": channel})
        case Segment():
            begin, end = _rounded(event.start_time), _rounded(event.end_time)
            final = {} if event.is_final is None else {"is_final": event.is_final}
            fields = {"type": "segment", "start_time": begin, "end_time": end, **final, "text": event.text}
            return _json({**fields, **event.output, "channel": event.channel})
        case Failure():
            # The protocol has a channel in every event, and strict clients refuse one without.
            return _json({"type": "error", "message": event.message, "channel": event.channel or 0})
        case Other():
            return _json({"type": event.type, **event.fields})


def _rounded(seconds: float) -> float:
    return round(float(seconds), _DIGITS)


def _json(fields: Mapping[str, Any]) -> str:
    # Without spaces, and in ASCII: half a surrogate pair from an engine must not break the socket.
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def _object(text: str | bytes, limits: WireLimits) -> dict[str, Any]:
    if len(text) > limits.text:
        raise WireError(f"The message has {len(text)} characters.", f"At most {limits.text} are read.")
    try:
        found = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text, parse_constant=_refuse)
    except UnicodeDecodeError:
        raise WireError("The message is not UTF-8.", "Send JSON as UTF-8 text.") from None
    except RecursionError:
        raise WireError("The message is nested too deeply.", "An object in an object is enough.") from None
    except ValueError as exc:
        # JSON that is none, and integers of thousands of digits.
        raise WireError(f"The message is not JSON ({brief(str(exc))}).", _EXAMPLE) from None
    if not isinstance(found, dict):
        raise WireError(f"The message is {_named(found)}, not an object.", _EXAMPLE)
    return found


_EXAMPLE: Final = 'It looks like {"request": "stop", "disconnect": true}.'


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


class _Fields:
    """The fields of an object, each asked for with the type it must have."""

    def __init__(self, found: Mapping[str, Any], limits: WireLimits, place: str = "") -> None:
        self._found = found
        self._limits = limits
        self._place = place

    def inner(self, name: str) -> _Fields:
        value = self._get(name, "an object", lambda value: isinstance(value, dict))
        return _Fields(value, self._limits, f"{self._place}{name}.")

    def integer(self, name: str) -> int:
        # Some JSON writers know one kind of number.
        return int(self._get(name, "a whole number", lambda value: _is_number(value) and value == value // 1))

    def flag(self, name: str, default: bool | None = None) -> bool:
        value = self._get(name, "true or false", lambda value: isinstance(value, bool), default)
        return bool(value)

    def text(self, name: str) -> str:
        value: str = self._get(name, "a text", lambda value: isinstance(value, str))
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise WireError(f"{self._place}{name} has half a surrogate pair.", "Send valid Unicode.")
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._found.get(name) is None else self.text(name)

    def seconds(self, name: str) -> float:
        return float(
            self._get(name, "a number of seconds", lambda value: _is_number(value) and abs(value) <= 1e12)
        )

    def _get(self, name: str, expected: str, fits: Callable[[Any], bool], default: object = None) -> Any:
        value = self._found.get(name, default)
        if value is None:
            raise WireError(f"{self._place}{name} is missing.", f"It must be {expected}.")
        if not fits(value):
            raise WireError(f"{self._place}{name} is {_named(value)}.", f"It must be {expected}.")
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _named(value: object) -> str:
    """A value in the words of JSON."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict | list):
        return brief(value)
    return f'the text "{brief(value)}"' if isinstance(value, str) else f"the number {brief(value)}"
