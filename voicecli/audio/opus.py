"""Raw Opus packets, as they travel over a network without a container: the door to opuslib and libopus."""

from __future__ import annotations

import warnings
from ctypes.util import find_library
from types import ModuleType
from typing import Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.errors import DecodeError, LibraryMissing, UsageError

__all__ = ["FRAME", "OpusDecoder", "OpusEncoder", "missing"]

FRAME: Final = 0.02  # seconds of sound in each packet
_RATES: Final = (8000, 12000, 16000, 24000, 48000)
_LONGEST: Final = 0.12  # seconds that a packet may hold


def missing() -> str | None:
    """What keeps raw Opus from working here, or None; quick."""
    if find_library("opus") is None:
        return "the Opus library is not installed (Debian: apt install libopus0, macOS: brew install opus)"
    return None


class OpusEncoder:
    """Mono samples in, one packet for every `FRAME` out. Tuned for speech."""

    def __init__(self, rate: int = 24_000) -> None:
        """Raises LibraryMissing without libopus, UsageError for a rate that Opus does not know."""
        library = _load(rate)
        self._encoder = library.Encoder(rate, 1, "voip")
        self._frame = round(FRAME * rate)
        self._rest: Samples = np.zeros(0, np.float32)
        self.rate = rate

    def encode(self, samples: Samples) -> list[bytes]:
        """A packet for every whole frame so far."""
        waiting = np.concatenate((self._rest, samples))
        whole = len(waiting) - len(waiting) % self._frame
        self._rest = waiting[whole:]
        return [self._packet(frame) for frame in waiting[:whole].reshape(-1, self._frame)]

    def flush(self) -> list[bytes]:
        """The last packet, filled up with silence; none when every frame was whole."""
        rest, self._rest = self._rest, self._rest[:0]
        if not len(rest):
            return []
        return [self._packet(np.pad(rest, (0, self._frame - len(rest))))]

    def _packet(self, frame: Samples) -> bytes:
        clipped = np.clip(frame, -1.0, 1.0).astype(np.float32)
        return bytes(self._encoder.encode_float(clipped.tobytes(), self._frame))


class OpusDecoder:
    """Packets in, mono samples out; a lost packet is bridged."""

    def __init__(self, rate: int = 24_000) -> None:
        """Raises LibraryMissing without libopus, UsageError for a rate that Opus does not know."""
        self._library = _load(rate)
        self._decoder = self._library.Decoder(rate, 1)
        self._frame = round(FRAME * rate)
        self._longest = round(_LONGEST * rate)
        self.rate = rate

    def decode(self, packet: bytes) -> Samples:
        """The samples of one packet. Raises DecodeError when it is none; the next one may be."""
        if not packet:
            raise DecodeError("An Opus packet is empty.")
        try:
            data = self._decoder.decode_float(packet, self._longest)
        except self._library.OpusError as exc:
            raise DecodeError(f"This is not an Opus packet: it begins with {packet[:8].hex(' ')}.") from exc
        return np.frombuffer(data, np.float32).copy()

    def conceal(self) -> Samples:
        """One `FRAME` in place of a packet that was lost, continued from the sound before it."""
        return np.frombuffer(self._decoder.decode_float(b"", self._frame), np.float32).copy()


def _load(rate: int) -> ModuleType:
    """opuslib, which cannot be imported without libopus."""
    if rate not in _RATES:
        raise UsageError(f"Opus has no rate of {rate} Hz.", f"Use one of {', '.join(map(str, _RATES))}.")
    reason = missing()
    if reason is not None:
        raise LibraryMissing(
            "Raw Opus packets need the Opus library, which is not installed.",
            "Debian: apt install libopus0, macOS: brew install opus.",
        )
    with warnings.catch_warnings():
        # It compares numbers with `is`, which Python remarks on whenever it compiles the package anew.
        warnings.simplefilter("ignore", SyntaxWarning)
        import opuslib

    module: ModuleType = opuslib
    return module
