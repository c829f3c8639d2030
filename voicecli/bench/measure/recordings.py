"""Recorded speech to measure with: a folder of recordings, what is known of them, and the questions in them.

What is known stands in a manifest in the folder, `manifest.jsonl` (an object a line), `manifest.json` (a list
of them) or `manifest.csv`:

    file           the recording, in any format, seen from the folder
    text           what is said (or `transcript`)
    start, end     seconds of its first and last voiced sample (or `speech_start`, `speech_end`)
    language       a tag such as "en" (or `lang`)
    kind           any word that groups recordings
    wer_ok         false keeps the text out of the word error rate
    utterances     JSON only: a list of objects with start, end and text, for a recording of several; in CSV
                   these are several rows of the same file

Without a manifest every recording counts, with the text in a `.txt` of the same name where there is one.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.recording import load_recording
from voicecli.audio.resample import Quality, resample
from voicecli.bench.report import grouped
from voicecli.errors import UsageError
from voicecli.providers.recognizer import LISTENING_RATE

__all__ = [
    "LabelledUtterance",
    "Recorded",
    "SpokenQuestion",
    "choose_questions",
    "questions_of",
    "read_folder",
    "speech_folder",
]

_MANIFESTS = ("manifest.jsonl", "manifest.json", "manifest.csv")
_ENDINGS = frozenset(
    {".wav", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".flac", ".aac", ".aiff", ".aif", ".webm"}
)
_BESIDE = 0.4  # seconds of the recording around a question that are part of it
_ASKED = ("assistant", "short_phrase")  # kinds that are said to an assistant, where a manifest has kinds
_LONGEST = 12.0  # seconds of a question
_FALSE = (False, "false", "False", "no", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledUtterance:
    """Something said in one go."""

    start: float  # seconds in the recording: its first voiced sample
    end: float  # seconds: its last
    text: str = ""  # empty: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A recording and what is known of it."""

    path: Path
    text: str = ""  # of all of it; empty: not known
    utterances: tuple[LabelledUtterance, ...] = ()  # empty: nobody says where speech is
    scored: bool = True  # whether the text is good enough for a word error rate
    kind: str = ""
    language: str = ""

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.path.stem

    def samples(self) -> Samples:
        """Mono, at the hearing rate. Raises UsageError, DecodeError."""
        samples, rate = load_recording(self.path)
        if rate != LISTENING_RATE:
            samples = resample(samples, rate, LISTENING_RATE, Quality.HQ)
        return samples.astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpokenQuestion:
    """One utterance, ready to be asked."""

    name: str
    samples: Samples  # mono, at the hearing rate, with a little before and after the speech
    text: str = ""  # empty: not known
    start: float | None = None  # seconds in the samples: the first voiced one; None: nobody says
    end: float | None = None  # seconds in the samples: the last voiced one
    scored: bool = True

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / LISTENING_RATE


def speech_folder() -> Path | None:
    """The folder of recorded speech that this machine has: where VOICECLI_SPEECH points, or the project's."""
    given = os.environ.get("VOICECLI_SPEECH")
    beside = Path(__file__).resolve().parents[3] / ".." / "shared" / "speech"
    folder = Path(given).expanduser() if given else beside.resolve()
    return folder if folder.is_dir() else None


def read_folder(folder: Path) -> list[Recorded]:
    """Everything in `folder`, in the order of its manifest, or by name. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "--speech names a folder of recordings.")
    for name in _MANIFESTS:
        if (folder / name).is_file():
            return _grouped(folder, folder / name)
    found = [_alone(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in _ENDINGS]
    if not found:
        raise UsageError(f"There are no recordings in {folder}.", f"Possible: {', '.join(sorted(_ENDINGS))}.")
    return found


def choose_questions(recordings: Sequence[Recorded], count: int, language: str = "") -> list[SpokenQuestion]:
    """At most `count` questions, no two of the same words.

    Of a collection of many kinds only those that are said to an assistant are taken. Raises UsageError when
    there are none, DecodeError for a recording that is none.
    """
    spoken = [one for one in recordings if not language or one.language in ("", language)]
    kinds = [one for one in spoken if one.kind in _ASKED and one.text and one.scored]
    chosen: list[SpokenQuestion] = []
    known: set[str] = set()
    for recorded in kinds or spoken:
        if len(chosen) == count:
            break
        for question in questions_of(recorded):
            if question.duration > _LONGEST or (question.text and question.text in known):
                continue
            known.add(question.text)
            chosen.append(question)
    if not chosen:
        raise UsageError(f"There is no recorded question of at most {_LONGEST:g} s.")
    return chosen[:count]


def questions_of(recorded: Recorded) -> Iterator[SpokenQuestion]:
    """Each utterance with a little sound around it; the whole recording where nobody says where speech is."""
    samples = recorded.samples()
    if not recorded.utterances:
        yield SpokenQuestion(name=recorded.name, samples=samples, text=recorded.text, scored=recorded.scored)
        return
    length = len(samples) / LISTENING_RATE
    edges = [0.0, *(edge for one in recorded.utterances for edge in (one.start, one.end)), length]
    alone = len(recorded.utterances) == 1
    for index, one in enumerate(recorded.utterances):
        before, after = edges[2 * index], edges[2 * index + 3]
        first = max(one.start - _BESIDE, (before + one.start) / 2 if index else 0.0, 0.0)
        last = min(one.end + _BESIDE, (one.end + after) / 2 if after < length else length)
        yield SpokenQuestion(
            name=recorded.name if alone else f"{recorded.name} {index + 1}",
            samples=samples[round(first * LISTENING_RATE) : round(last * LISTENING_RATE)],
            text=one.text or (recorded.text if alone else ""),
            start=one.start - first,
            end=one.end - first,
            scored=recorded.scored,
        )


def _alone(path: Path) -> Recorded:
    beside = path.with_suffix(".txt")
    return Recorded(path=path, text=" ".join(_read(beside).split()) if beside.is_file() else "")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error


def _rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """The manifest's objects, and where in it each stands. Raises UsageError."""
    text, place = _read(path), "entry" if path.suffix == ".json" else "line"
    try:
        if path.suffix == ".csv":
            rows: Iterable[tuple[int, Any]] = enumerate(csv.DictReader(text.splitlines()), 2)
        elif path.suffix == ".jsonl":
            lines = enumerate(text.splitlines(), 1)
            rows = [(number, json.loads(line)) for number, line in lines if line.strip()]
        else:
            rows = enumerate(json.loads(text), 1)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} is not JSON: {error}.") from error
    found = [(f"{path}, {place} {number}", row) for number, row in rows]
    for where, row in found:
        if not isinstance(row, Mapping):
            raise UsageError(f"{where}: an object is due, not {row!r}.")
    return found


def _grouped(folder: Path, manifest: Path) -> list[Recorded]:
    """A recording for each file; further rows of a file are further utterances in it."""
    found = [_recorded(folder, row, where) for where, row in _rows(manifest)]
    if not found:
        raise UsageError(f"{manifest} names no recording.")
    return [_joined(parts) for parts in grouped(found, lambda one: one.path).values()]


def _joined(parts: Sequence[Recorded]) -> Recorded:
    utterances = (one for part in parts for one in part.utterances)
    return replace(
        parts[0],
        text=" ".join(part.text for part in parts if part.text),
        utterances=tuple(sorted(utterances, key=lambda one: one.start) if len(parts) > 1 else utterances),
        scored=all(part.scored for part in parts),
    )


def _recorded(folder: Path, row: Mapping[str, Any], where: str) -> Recorded:
    file = row.get("file")
    if not isinstance(file, str) or not file:
        raise UsageError(f"{where}: `file` is missing.")
    path = folder / file
    if not path.is_file():
        raise UsageError(f"{where}: there is no file {path}.")
    inner = row.get("utterances") or []
    if not isinstance(inner, list) or not all(isinstance(one, Mapping) for one in inner):
        raise UsageError(f"{where}: `utterances` is a list of objects.")
    found = [_utterance(one, where) for one in inner or [row]]
    if inner and None in found:
        raise UsageError(f"{where}: each of `utterances` needs `start` and `end`, in seconds.")
    utterances = tuple(one for one in found if one is not None)
    return Recorded(
        path=path,
        text=_text(row) or " ".join(one.text for one in utterances if one.text),
        utterances=utterances,
        # An utterance whose text nobody knows spoils a word error rate over all of them.
        scored=all(one.get("wer_ok", True) not in _FALSE for one in (row, *inner)),
        kind=str(row.get("kind") or ""),
        language=str(row.get("language") or row.get("lang") or ""),
    )


def _text(row: Mapping[str, Any]) -> str:
    return " ".join(str(row.get("text") or row.get("transcript") or "").split())


def _utterance(row: Mapping[str, Any], where: str) -> LabelledUtterance | None:
    """None where nobody says where it is. Raises UsageError for half of that."""
    start, end = (_seconds(row, (name, f"speech_{name}"), where) for name in ("start", "end"))
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise UsageError(f"{where}: an utterance needs both `start` and `end`, in seconds.")
    if not 0 <= start < end:
        raise UsageError(f"{where}: an utterance cannot last from {start:g} to {end:g} s.")
    return LabelledUtterance(start=start, end=end, text=_text(row))


def _seconds(row: Mapping[str, Any], names: tuple[str, ...], where: str) -> float | None:
    for name in names:
        value = row.get(name)
        if value in (None, ""):
            continue
        try:
            return float(value)
        except (TypeError, ValueError):
            raise UsageError(f"{where}: `{name}` is a number of seconds, not {value!r}.") from None
    return None
