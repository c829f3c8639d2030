"""A voice that speaks Morse code: everything that an engine of voicecli has to have, and little else."""

from __future__ import annotations

import asyncio
import json
import math
from array import array
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Self

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import NotFound, Unavailable
from voicecli.providers.bounds import Within, check

__all__ = ["MorseOptions", "MorseSynthesizer"]

RATE = 16_000  # samples a second
DOT = 0.06  # seconds at speed 1: twenty words a minute
LEVEL = 0.3  # of full scale
RAMP = 80  # samples in which a tone rises and falls, or it would click
ALPHABET = (
    "a.- b-... c-.-. d-.. e. f..-. g--. h.... i.. j.--- k-.- l.-.. m-- n-. o--- p.--. q--.- r.-. s... t- "
    "u..- v...- w.-- x-..- y-.-- z--.. 0----- 1.---- 2..--- 3...-- 4....- 5..... 6-.... 7--... 8---.. 9----. "
    "?..--.. ,--..--"
)
SIGNS: Mapping[str, str] = {sign[0]: sign[1:] for sign in ALPHABET.split()}


@dataclass(frozen=True, slots=True, kw_only=True)
class MorseOptions:
    """The keys of [tts.morse]."""

    speed: Annotated[float, Within(0.25, 4)] = 1.0  # times twenty words a minute
    pitch: Annotated[float, Within(200, 2000)] = 600.0  # hertz
    signs: str = ""  # path of a JSON file with more signs: {"ä": ".-.-"}


class MorseSynthesizer:
    """Yields one letter at a time."""

    name = "morse"
    Options: ClassVar[type[MorseOptions]] = MorseOptions

    def __init__(self, options: MorseOptions = MorseOptions()) -> None:
        check("tts.morse", options)  # SettingsError, with the key's name, for a number out of bounds
        self._options = options
        self._signs = dict(SIGNS)

    @staticmethod
    def missing(options: MorseOptions) -> str | None:
        """Quick, without a network: `auto`, `doctor` and the start of every command ask."""
        if options.signs and not Path(options.signs).expanduser().is_file():
            return f"there is no file {options.signs}: correct tts.morse.signs"
        return None

    @property
    def format(self) -> StreamFormat:
        """Headerless s16le mono."""
        return StreamFormat(Codec.PCM, RATE)

    async def __aenter__(self) -> Self:
        """What takes time happens here, in a thread if it blocks."""
        if self._options.signs:
            self._signs |= await asyncio.to_thread(_read, self._options.signs)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close what was opened. Nothing was."""

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yield the sound of `text`; nothing for text that has no signs."""
        for word in text.lower().split():
            spelled = [self._signs[letter] for letter in word if letter in self._signs]
            for index, sign in enumerate(spelled):
                # Each chunk is played while the next is made. A caller that wants no more closes this
                # generator, or cancels the task that reads it: either raises at this `yield`.
                yield self._tones(sign) + self._silence(7 if index == len(spelled) - 1 else 3)
                await asyncio.sleep(0)  # the event loop plays, listens and draws in between

    def _tones(self, sign: str) -> bytes:
        return self._silence(1).join(self._tone(1 if mark == "." else 3) for mark in sign)

    def _tone(self, dots: int) -> bytes:
        return array("h", self._wave(self._length(dots))).tobytes()

    def _wave(self, length: int) -> Iterator[int]:
        step = 2 * math.pi * self._options.pitch / RATE
        for at in range(length):
            rise = min(1.0, at / RAMP, (length - at) / RAMP)
            yield round(32_767 * LEVEL * rise * math.sin(step * at))

    def _silence(self, dots: int) -> bytes:
        return bytes(2 * self._length(dots))

    def _length(self, dots: int) -> int:
        return round(dots * DOT / self._options.speed * RATE)


def _read(signs: str) -> dict[str, str]:
    """More signs from a file; every error is one of voicecli's, and says what to do."""
    path = Path(signs).expanduser()
    hint = 'Let it hold JSON such as {"ä": ".-.-"}.'
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"{path} is gone.", "Correct tts.morse.signs.") from error
    except (OSError, ValueError) as error:
        raise Unavailable(f"{path} cannot be used: {error}.", hint) from error
    if not isinstance(found, dict) or not all(set(str(sign)) <= {".", "-"} for sign in found.values()):
        raise Unavailable(f"{path} has something else than signs.", hint)
    return {str(letter): str(sign) for letter, sign in found.items()}
