"""How headerless sound begins: like a voice, or like bytes that never were sound.

Nothing in raw PCM says that it is PCM. A compressed file, floats or another byte order play as noise at full
level, which is louder than speech and flatter: its peaks hardly rise above its mean.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.format import StreamFormat
from voicecli.audio.pcm import from_s16
from voicecli.errors import DecodeError

__all__ = ["Onset"]

_JUDGED: Final = 0.05  # seconds of sound that are judged
_LONGER: Final = 0.2  # seconds where those are flat, as the m or n that begins a word can be
_AUDIBLE: Final = 0.01  # amplitude from which it is sound: -40 dBFS
_LOUDEST: Final = 0.4  # root mean square; no speech begins louder
_FLATTEST: Final = 6.0  # dB between peak and root mean square: a sine has 3, a sawtooth 4.8, speech more


class Onset:
    """Holds the bytes of s16 back until the beginning of their sound was judged; silence passes at once.

    With `either_order` the high byte of a sample may come first; samples leave with the low byte first.
    """

    def __init__(self, format: StreamFormat, *, either_order: bool = False) -> None:
        self._width = 2 * format.channels
        self._rate = format.rate
        self._held = bytearray()
        self._either_order = either_order
        self._swapped = False
        self._trusted = False

    def push(self, data: bytes) -> bytes:
        """What may be heard by now. Raises DecodeError for what is no speech, of which nothing came out."""
        return self._released(data, last=False)

    def flush(self) -> bytes:
        """The rest, at the end of the stream. Raises DecodeError."""
        return self._released(b"", last=True)

    def _released(self, data: bytes, *, last: bool) -> bytes:
        self._held += data
        silent = 0 if self._trusted else self._silence()
        self._trusted = self._trusted or self._trust(bytes(self._held[silent:]), last)
        size = len(self._held) if self._trusted or last else silent
        size -= size % 2 if self._swapped else 0
        passed = bytes(self._held[:size])
        del self._held[:size]
        return _swapped(passed) if self._swapped else passed

    def _silence(self) -> int:
        """Bytes before the first frame that can be heard."""
        heard = np.flatnonzero(np.abs(_samples(self._held)) >= _AUDIBLE)
        size = int(heard[0]) * 2 if len(heard) else len(self._held)
        return size - size % self._width

    def _trust(self, sound: bytes, last: bool) -> bool:
        """Whether it is speech; False while it takes more to know."""
        judged, longer = (round(seconds * self._rate) * self._width for seconds in (_JUDGED, _LONGER))
        if not sound or (len(sound) < judged and not last):
            return False
        samples = _samples(sound[:longer])
        if self._either_order:
            other = _samples(_swapped(sound[:longer]))
            self._swapped = _roughness(other) < _roughness(samples)
            samples = other if self._swapped else samples
        beginning = samples[: judged // 2]
        level = _level(beginning)
        if level > _LOUDEST:
            raise DecodeError(f"it begins as loud as noise ({20 * np.log10(level):.0f} dBFS)")
        if _crest(beginning) >= _FLATTEST:
            return True
        if len(sound) < longer and not last:
            return False
        if (crest := _crest(samples)) < _FLATTEST:
            raise DecodeError(f"it is as flat as noise or a tone (peaks {crest:.1f} dB above its mean)")
        return True


def _samples(data: bytes | bytearray) -> Samples:
    return from_s16(bytes(data[: len(data) // 2 * 2]))


def _swapped(data: bytes) -> bytes:
    return np.frombuffer(data[: len(data) // 2 * 2], ">i2").astype("<i2").tobytes()


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _crest(samples: Samples) -> float:
    """Peak over root mean square, in dB."""
    level = _level(samples)
    return 20 * float(np.log10(np.max(np.abs(samples)) / level)) if level else np.inf


def _roughness(samples: Samples) -> float:
    """How much neighbours differ for their size: 1.4 for noise, far less for a voice."""
    level = _level(samples)
    return _level(np.diff(samples)) / level if level else 0.0
