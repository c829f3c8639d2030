"""The door to pocketsphinx: one search over one utterance after another.

pocketsphinx keeps the interpreter lock while it decodes (up to 80 ms for 32 ms of sound, in dictation), so
nothing here runs in the process that plays sound: see voicecli/workers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pocketsphinx

__all__ = ["Fragment", "Hypothesis", "Models", "Search"]

# Wider than pocketsphinx's own: a grammar leaves so few paths that this costs little, and it understands one
# request in twenty more. The lattice and the second pass over it cost half a second at the end: off.
GRAMMAR_SEARCH: Mapping[str, object] = {
    "beam": 1e-80, "pbeam": 1e-80, "lpbeam": 1e-68, "wbeam": 1e-60, "lponlybeam": 1e-60,
}  # fmt: skip
EAR = "ear"
_VARIANT = re.compile(r"\(\d+\)$")  # "the(2)": the second pronunciation
_BASE = math.log(1.0001)  # of the logarithm that pocketsphinx counts in


@dataclass(frozen=True, slots=True)
class Models:
    """Where an acoustic model, its dictionary and its language model are."""

    acoustic: Path
    dictionary: Path
    language: Path

    @property
    def absent(self) -> list[Path]:
        """Those that do not exist."""
        return [path for path in (self.acoustic, self.dictionary, self.language) if not path.exists()]


@dataclass(frozen=True, slots=True)
class Fragment:
    """One word of a hypothesis, a silence or a noise."""

    word: str  # "" for what is not a word
    start: int  # first frame of 10 ms
    end: int  # last frame
    score: float  # acoustic, log to base 1.0001

    @property
    def frames(self) -> int:
        return self.end - self.start + 1


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The best path so far."""

    fragments: tuple[Fragment, ...] = ()
    score: float | None = None  # of the whole path, log to base 1.0001; None: no path

    @property
    def text(self) -> str:
        """The words, without silences and noises."""
        return " ".join(fragment.word for fragment in self.fragments if fragment.word)


class Search:
    """A decoder with a grammar or a language model; hears one utterance at a time, as s16le at 16 kHz."""

    def __init__(self, models: Models, *, grammar: Path | None = None) -> None:
        """Load the models; raises RuntimeError where pocketsphinx cannot use them."""
        import pocketsphinx

        settings: dict[str, Any] = {
            "hmm": str(models.acoustic),
            "dict": str(models.dictionary),
            "loglevel": "FATAL",
            "fwdflat": False,
            "bestpath": False,
        }
        if grammar is None:
            settings["lm"] = str(models.language)
        else:
            settings |= {"fsg": str(grammar), **GRAMMAR_SEARCH}
        self._decoder: pocketsphinx.Decoder = pocketsphinx.Decoder(**settings)
        self._search = self._decoder.current_search()
        self._decoder.add_fsg(EAR, _silence(self._decoder))
        self._open = False

    def start(self, audio: bytes = b"") -> None:
        """Begin an utterance, dropping one that is open; `audio` is as much of it as is known, to be fed yet.

        Its features are normalised with the mean of those of `audio`: what the microphone and the room add to
        every frame. Without audio it is the last utterance's.
        """
        self.finish()
        if audio:
            self._decoder.activate_search(EAR)
            self._decoder.start_utt()
            self._decoder.process_raw(audio, no_search=True, full_utt=True)
            mean = self._decoder.get_cmn()
            self._decoder.end_utt()
            self._decoder.activate_search(self._search)
            self._decoder.set_cmn(mean)
        self._decoder.start_utt()
        self._open = True

    def feed(self, audio: bytes) -> None:
        if audio:
            self._decoder.process_raw(audio)

    def finish(self) -> None:
        """End the utterance: what was held back for its right context is searched too."""
        if self._open:
            self._open = False
            self._decoder.end_utt()

    def hypothesis(self) -> Hypothesis:
        """The best path through what was fed; after `finish` one that the grammar lets end there."""
        found = self._decoder.hyp()
        if found is None:
            return Hypothesis()
        fragments = tuple(
            Fragment(_word(fragment.word), fragment.start_frame, fragment.end_frame, _log(fragment.ascore))
            for fragment in self._decoder.seg() or ()
        )
        return Hypothesis(fragments, _log(found.score))


def _silence(decoder: pocketsphinx.Decoder) -> pocketsphinx.FsgModel:
    """A grammar of nothing, for when only the features are wanted."""
    import pocketsphinx

    model = pocketsphinx.FsgModel(EAR, decoder.get_logmath(), 1.0, 2)
    model.trans_add(0, 1, 0, model.word_add("<sil>"))
    model.set_start_state(0)
    model.set_final_state(1)
    return model


def _word(word: str) -> str:
    return "" if word[0] in "<[+(" else _VARIANT.sub("", word)


def _log(score: float) -> float:
    return math.log(score) / _BASE if score > 0 else -math.inf
