"""How loud a voice has been, and a limiter that lets nothing be much louder than that.

What a voice says next is about as loud as what it said before: of espeak's voices no 20 ms are more than 4.8
dB above the loudest before them, and no 0.4 s more than 3.6 dB above the mean so far. What comes above twice
either is no speech, or another voice with its own idea of level.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.resample import OneRate

__all__ = ["EvenSound", "Limiter", "Loudness", "amplified"]

_HOP: Final = 0.02  # seconds that are measured and turned down together
_LONG: Final = 20  # hops whose mean is held against the voice's: 0.4 s
_AUDIBLE: Final = 0.01**2  # mean square from which a hop is sound: -40 dBFS
_KNOWN: Final = 15  # audible hops after which a voice is known: 0.3 s
_LOUDER: Final = 4.0  # of the power: 6 dB
_KNEE: Final = 0.8  # from which what is made louder is bent to stay within full scale
# A voice that is quieter than most may come up to where most are.
_USUAL_PEAK: Final = 0.1**2  # mean square of the loudest hop
_USUAL_MEAN: Final = 0.05**2  # mean square


class Loudness:
    """One voice's, over everything that it has said.

    The last 0.4 s do not count yet: so long can it take to notice that what sounds is not the voice.
    """

    def __init__(self) -> None:
        self._late: deque[float] = deque()  # mean squares that do not count yet
        self._hops = 0  # that were audible
        self._peak = 0.0  # mean square of the loudest
        self._sum = 0.0  # of the mean squares

    def note(self, power: float) -> None:
        """A hop of this mean square was heard as it was."""
        self._late.append(power)
        if len(self._late) > _LONG:
            self._count(self._late.popleft())

    def settle(self) -> None:
        """Something else begins; what was heard until now counts."""
        while self._late:
            self._count(self._late.popleft())

    def doubt(self) -> None:
        """A hop was turned down, so those just before were not the voice either."""
        self._late.clear()

    def _count(self, power: float) -> None:
        if power >= _AUDIBLE:
            self._hops += 1
            self._sum += power
            self._peak = max(self._peak, power)

    @property
    def limits(self) -> tuple[float, float]:
        """The largest mean squares of 20 ms and of 0.4 s; infinite while too little was heard."""
        if self._hops < _KNOWN:
            return np.inf, np.inf
        mean = self._sum / self._hops
        return _LOUDER * max(self._peak, _USUAL_PEAK), _LOUDER * max(mean, _USUAL_MEAN)


class Limiter:
    """Passes one stream of a voice; what is not too loud leaves as it came, at once and untouched."""

    def __init__(self, voice: Loudness, rate: int) -> None:
        voice.settle()
        self._voice = voice
        self._hop = round(_HOP * rate)
        self._past: deque[float] = deque(maxlen=_LONG)  # energies of whole hops as they left, of 0.4 s
        self._begun = 0  # samples of a hop that has begun
        self._energy = 0.0  # of those
        self._touched = False  # whether any of them were turned down

    def push(self, samples: Samples) -> Samples:
        """As many samples, no 20 ms and no 0.4 s of them more than 6 dB above the voice before.

        In pieces of less than 20 ms up to 11 dB: what made them too loud has left by then.
        """
        out = samples
        start = 0
        while start < len(samples):
            end = min(start + self._hop - self._begun, len(samples))
            gain = self._gain(samples[start:end])
            if gain < 1.0:
                out = samples.copy() if out is samples else out
                out[start:end] *= np.float32(gain)
            start = end
        return out

    def _gain(self, piece: Samples) -> float:
        """For a hop, or the part of one that has come."""
        energy = float(np.dot(piece, piece))
        short, long = self._voice.limits
        so_far = self._energy + energy
        gain = 1.0
        power = energy / len(piece)
        if power > short and so_far > short * self._hop:
            gain = min(gain, short / power)
        if power > long and so_far + sum(self._past) > long * self._hop * _LONG:
            gain = min(gain, long / power)
        self._begun += len(piece)
        self._energy += energy * gain
        self._touched = self._touched or gain < 1.0
        if self._begun == self._hop:
            if self._touched:
                self._voice.doubt()
            else:
                self._voice.note(self._energy / self._hop)
            self._past.append(self._energy)
            self._begun, self._energy, self._touched = 0, 0.0, False
        return float(np.sqrt(gain))


class EvenSound:
    """A voice at one rate, the given one or its first, none of it much louder than what it said before."""

    def __init__(self, voice: Loudness, rate: int | None = None) -> None:
        self._voice = voice
        self._sound = OneRate(rate)
        self._limiter: Limiter | None = None

    @property
    def rate(self) -> int | None:
        """Samples a second, once there were samples."""
        return self._sound.rate

    def push(self, samples: Samples, rate: int) -> Samples:
        """`samples`, which are at `rate`, as they are to be heard."""
        samples = self._sound.push(samples, rate)
        self._limiter = self._limiter or Limiter(self._voice, self._sound.rate or rate)
        return self._limiter.push(samples)

    def flush(self) -> Samples:
        """The rest."""
        rest = self._sound.flush()
        return rest if self._limiter is None else self._limiter.push(rest)


def amplified(samples: Samples, gain: float) -> Samples:
    """The samples by `gain` dB louder or quieter; what gets above 0.8 by that is bent to stay within 1."""
    if not gain:
        return samples
    out: Samples = samples * np.float32(10 ** (gain / 20))
    if gain > 0 and len(loud := np.flatnonzero(np.abs(out) > _KNEE)):
        size = np.abs(out[loud])
        bent = _KNEE + (1 - _KNEE) * np.tanh((size - _KNEE) / (1 - _KNEE))
        out[loud] = np.copysign(bent, out[loud])
    return out
