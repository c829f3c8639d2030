"""Twilio Media Streams: the messages of a telephone call on a WebSocket, to and from values, without I/O.

Twilio sends `connected`, `start`, then `media` (20 ms of μ-law at 8 kHz in base64), `dtmf` and `mark`, and at
the end `stop`. It takes `media`, `mark` (which it sends back once the sound before it has been played) and
`clear` (which drops the sound that waits). As twilio.com/docs/voice/media-streams/websocket-messages has it;
keys and events that are not known are skipped.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from voicecli.errors import WireError

__all__ = [
    "TWILIO_RATE",
    "Connected",
    "Digit",
    "Mark",
    "Media",
    "MediaStream",
    "Message",
    "Other",
    "Start",
    "Stop",
    "decode_message",
    "encode_clear",
    "encode_mark",
    "encode_media",
    "media_fields",
    "message_of",
]

TWILIO_RATE: Final = 8_000  # samples, and so bytes, a second
LIMIT: Final = 65_536  # characters of a message; Twilio's own have about 400
_SHOWN: Final = 60  # characters of a wrong value that an error repeats
_DIGITS: Final = 18  # of a number


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket is open; nothing is known of the call yet."""

    protocol: str
    version: str


@dataclass(frozen=True, slots=True)
class Start:
    """The call, and the stream whose name every message to Twilio carries."""

    stream_sid: str
    call_sid: str
    account_sid: str = ""
    tracks: tuple[str, ...] = ("inbound",)
    parameters: Mapping[str, str] = field(default_factory=dict)  # as the TwiML of the stream has them
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """A piece of sound."""

    audio: bytes  # μ-law, mono, at `TWILIO_RATE`
    track: str = "inbound"  # who is heard: the caller, or with `outbound` the other side
    time: float = 0.0  # seconds from the start of the stream
    stream_sid: str = ""
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key."""

    digit: str  # 0 to 9, *, # or A to D
    stream_sid: str = ""
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """From Twilio: the sound sent before the mark was played, or cleared. To Twilio: tell me when."""

    name: str
    stream_sid: str = ""
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The stream is over: the call ended, or its TwiML went on."""

    call_sid: str = ""
    stream_sid: str = ""
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """An event that is not known here."""

    event: str
    stream_sid: str = ""
    sequence: int | None = None


Message: TypeAlias = Connected | Start | Media | Digit | Mark | Stop | Other


def decode_message(text: str | bytes, limit: int = LIMIT) -> Message:
    """One message of Twilio's. Raises WireError for more than `limit` characters and for what is none."""
    if len(text) > limit:
        raise WireError(f"A message of Twilio's has {len(text)} characters: more than {limit}.")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"A message that should be Twilio's is no JSON: {error}.") from error
    return message_of(fields)


def message_of(fields: object) -> Message:
    """The message that a decoded JSON object is. Raises WireError when it is none of Twilio's."""
    message = _mapping("A message", fields)
    event = _text(message, "event")
    if event == "connected":
        return Connected(_text(message, "protocol", ""), _text(message, "version", ""))
    sequence = _number(message, "sequenceNumber")
    if event == "start":
        return _start(message, sequence)
    stream_sid = _text(message, "streamSid", None if event in _KNOWN else "")
    if event == "media":
        media = _part(message, "media")
        milliseconds = _number(media, "timestamp") or 0
        track = _text(media, "track", "inbound")
        return Media(_audio(media), track, milliseconds / 1000, stream_sid, sequence)
    if event == "dtmf":
        return Digit(_text(_part(message, "dtmf"), "digit"), stream_sid, sequence)
    if event == "mark":
        return Mark(_text(_part(message, "mark"), "name"), stream_sid, sequence)
    if event == "stop":
        stop = _mapping("stop", message.get("stop", {}))
        return Stop(_text(stop, "callSid", ""), stream_sid, sequence)
    return Other(event, stream_sid, sequence)


def media_fields(stream_sid: str, audio: bytes) -> dict[str, Any]:
    """The object of a `media` message: μ-law at `TWILIO_RATE`, without the header of any file."""
    payload = base64.b64encode(audio).decode("ascii")
    return {"event": "media", "streamSid": stream_sid, "media": {"payload": payload}}


def encode_media(stream_sid: str, audio: bytes) -> str:
    """Play `audio` after what waits already."""
    return _encoded(media_fields(stream_sid, audio))


def encode_mark(stream_sid: str, name: str) -> str:
    """Ask to be told when everything before it has been played."""
    return _encoded({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def encode_clear(stream_sid: str) -> str:
    """Drop what has not been played."""
    return _encoded({"event": "clear", "streamSid": stream_sid})


class _State(StrEnum):
    OPENING = "opening"
    CONNECTED = "connected"
    STARTED = "started"
    STOPPED = "stopped"


_ORDER: Final[Mapping[_State, Mapping[type[Message], _State]]] = {
    _State.OPENING: {Connected: _State.CONNECTED, Start: _State.STARTED},
    _State.CONNECTED: {Start: _State.STARTED},
    _State.STARTED: {
        Media: _State.STARTED,
        Digit: _State.STARTED,
        Mark: _State.STARTED,
        Stop: _State.STOPPED,
    },
    _State.STOPPED: {},
}


class MediaStream:
    """Decodes the messages of one stream and holds them to their order.

    Each belongs to the stream that was started, and has a greater sequence number than the one before; a
    number that is left out, or missing altogether, is no error. A message that does not fit raises WireError
    and changes nothing.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._state = _State.OPENING
        self._sequence = 0
        self._stream_sid = ""

    def push(self, text: str | bytes) -> Message:
        """The next message."""
        message = decode_message(text, self._limit)
        following = self._state if isinstance(message, Other) else _ORDER[self._state].get(type(message))
        if following is None:
            name = type(message).__name__.lower()
            raise WireError(f"Twilio sent {name!r} while its stream was {self._state}.")
        if isinstance(message, Connected):
            self._state = following
            return message
        if isinstance(message, Start):
            self._stream_sid = message.stream_sid
        elif message.stream_sid != self._stream_sid and not isinstance(message, Other):
            raise WireError(
                f"A message is of the stream {_short(message.stream_sid)}, not {_short(self._stream_sid)}."
            )
        if message.sequence is not None:
            if message.sequence <= self._sequence:
                raise WireError(f"Message {message.sequence} came after message {self._sequence}.")
            self._sequence = message.sequence
        self._state = following
        return message


_KNOWN: Final = frozenset({"media", "dtmf", "mark", "stop"})


def _start(message: Mapping[str, Any], sequence: int | None) -> Start:
    start = _part(message, "start")
    tracks = start.get("tracks", ["inbound"])
    if not isinstance(tracks, list) or not all(isinstance(track, str) for track in tracks):
        raise WireError(f"start.tracks is {_short(tracks)}: it should be a list of names.")
    parameters = _mapping("start.customParameters", start.get("customParameters") or {})
    _check_format(_mapping("start.mediaFormat", start.get("mediaFormat") or {}))
    return Start(
        _text(start, "streamSid", _text(message, "streamSid", "") or None),
        _text(start, "callSid"),
        _text(start, "accountSid", ""),
        tuple(tracks),
        {name: _text(parameters, name) for name in parameters},
        sequence,
    )


def _check_format(sound: Mapping[str, Any]) -> None:
    for name, needed in (("encoding", "audio/x-mulaw"), ("sampleRate", TWILIO_RATE), ("channels", 1)):
        if str(sound.get(name, needed)) != str(needed):
            raise WireError(
                f"start.mediaFormat.{name} is {_short(sound[name])}: it should be {needed}.",
                "Media Streams carry μ-law at 8 kHz, mono.",
            )


def _audio(media: Mapping[str, Any]) -> bytes:
    payload = _text(media, "payload", "" if media.get("payload") == "" else None)
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError(f"media.payload is no base64: {error}.") from error


def _part(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _mapping(name, message.get(name))


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        what = "is missing" if value is None else f"is {_short(value)}, not an object"
        raise WireError(f"{name} {what}.")
    return value


def _text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise WireError(f"{name} is missing." if value is None else f"{name} is {_short(value)}, no text.")
    if not value and default is None:
        raise WireError(f"{name} is empty.")
    return value


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    """A whole number from 0; Twilio writes them as texts."""
    value = fields.get(name)
    if value is None:
        return None
    digits = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
        raise WireError(f"{name} is {_short(value)}, no whole number.")
    return int(digits)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _encoded(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))
