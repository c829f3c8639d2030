"""Kokoro: natural voices in this process, one sentence at a time."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.pcm import s16_bytes
from voicecli.errors import NotFound
from voicecli.nearest import nearest
from voicecli.providers.bounds import Within
from voicecli.providers.fetch import ModelFile, fetch, model_folder
from voicecli.providers.inference import LocalVoice
from voicecli.providers.synthesizer import Voice

__all__ = ["KokoroOptions", "KokoroSynthesizer", "letter_of", "voice_language"]

RATE = 24_000
RELEASE = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.1"
VOICES = "voices-v1.0.bin"
SHA256 = {  # as the release states them
    "kokoro-v1.0.onnx": "beb0d1848dee9a49da392cc3df26958d46cfa35d321edf434f52949153f0df3a",
    "kokoro-v1.0.fp16.onnx": "f3a290d384fbb27966d462905c71a46cef9e5fd00516b40df32a0b4afe77ac96",
    "kokoro-v1.0.int8.onnx": "ae315a79b623f244700e4afb9246c46a26066782e049ba174bf3ba433970ee9c",
    VOICES: "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d",
}
LANGUAGES = {  # a voice's first letter: its language to espeak-ng, in BCP 47, and the usual voice of that
    "a": ("en-us", "en-US", "af_heart"),
    "b": ("en-gb", "en-GB", "bf_emma"),
    "e": ("es", "es", "ef_dora"),
    "f": ("fr-fr", "fr", "ff_siwis"),
    "h": ("hi", "hi", "hf_alpha"),
    "i": ("it", "it", "if_sara"),
    "j": ("ja", "ja", "jf_alpha"),
    "p": ("pt-br", "pt-BR", "pf_dora"),
    "z": ("cmn", "zh", "zf_xiaoxiao"),
}
# Enough words for a natural melody, and then the end of a sentence.
SENTENCE = re.compile(r".{40,}?[.!?…]+[\"'”’)]*(?=\s)|.+", re.DOTALL)
PAUSES = {".": 0.25, "!": 0.25, "?": 0.25, "…": 0.25, ",": 0.1, ";": 0.1, ":": 0.1}  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class KokoroOptions:
    """How Kokoro speaks."""

    voice: str = ""  # "af_heart"; empty: the usual one of the language
    language: str = "en-US"  # BCP 47; chooses the voice when none is named
    model: str = "kokoro-v1.0.onnx"  # also kokoro-v1.0.fp16.onnx, kokoro-v1.0.int8.onnx; or a path
    speed: Annotated[float, Within(0.5, 2)] = 1.0  # times normal
    pause: bool = True  # the pause that closing punctuation asks for, 0.25 s after a full stop


class KokoroSynthesizer(LocalVoice[KokoroOptions]):
    """Yields a sentence as soon as it is made. Downloads its model, 326 MB, the first time."""

    name = "kokoro"
    Options = KokoroOptions
    stage = "tts"
    _library = "kokoro_onnx"
    _voice = ""

    @classmethod
    def missing(cls, options: KokoroOptions) -> str | None:
        if lacking := super().missing(options):
            return f"{lacking} (Python 3.13 at the newest)"
        if not options.voice and letter_of(options.language) is None:
            return f"it does not speak {options.language}"
        return None

    @staticmethod
    def cached(options: KokoroOptions) -> bool:
        """Whether the model is on this machine."""
        return all((model_folder() / file.path).exists() for file in _files(options))

    @property
    def format(self) -> StreamFormat:
        """Headerless s16le mono at 24 kHz."""
        return StreamFormat(Codec.PCM, RATE, 1)

    @property
    def language(self) -> str:
        """Of the voice that speaks."""
        return voice_language(self._options.voice) or self._options.language

    async def _load(self) -> None:
        paths = await fetch(_files(self._options), self._report)
        given = self._options.model if _is_path(self._options.model) else ""
        self._model = await self._inference.run(lambda: _loaded(given or paths[0], paths[-1]))
        self._voice = self._chosen(self._model.get_voices())
        await self._inference.run(lambda: self._say("a"))

    async def __aexit__(self, *exc: object) -> None:
        if self._model is not None:
            self._model.voices.close()  # the archive of voices, which it reads from as long as it lives
        await super().__aexit__()

    async def voices(self) -> Sequence[Voice]:
        """Every voice of the model, which is fetched for that."""
        paths = await fetch(_files(self._options), self._report)
        names = await self._inference.run(lambda: _names(paths[-1]))
        found = [Voice(name, voice_language(name), _sex(name)) for name in names]
        return sorted(found, key=lambda voice: (voice.language, voice.name))

    def _sentences(self, text: str) -> Iterator[bytes]:
        return map(self._say, _sentences(text))

    def _chosen(self, known: Sequence[str]) -> str:
        letter = letter_of(self._options.language)
        voice = self._options.voice or (LANGUAGES[letter][2] if letter else "")
        if not voice:
            languages = ", ".join(sorted({bcp for _, bcp, _ in LANGUAGES.values()}))
            raise NotFound(f"Kokoro does not speak {self._options.language!r}.", f"It speaks: {languages}.")
        if voice not in known:
            near = nearest(voice, known, 5)
            raise NotFound(f"Kokoro has no voice {voice!r}.", f"It has: {', '.join(near or known)}.")
        return voice

    def _say(self, sentence: str) -> bytes:
        """Run in Kokoro's thread."""
        language = LANGUAGES.get(self._voice[:1], LANGUAGES["a"])[0]
        phonemes: str = self._model.tokenizer.phonemize(sentence, language)
        if not phonemes.strip():
            return b""
        speed = self.speed
        samples, _ = self._model.create(phonemes, self._voice, speed, is_phonemes=True)
        last = sentence.rstrip("\"'”’)»] ")[-1:]
        # Kokoro cuts the silence off the end, so the pause is put back.
        pause = PAUSES.get(last, 0.0) / speed if self._options.pause else 0.0
        return s16_bytes(np.asarray(samples, np.float32).ravel()) + bytes(2 * int(pause * RATE))


def _sentences(text: str) -> list[str]:
    """Whole sentences, short ones together: the first is heard while the second is made."""
    found = (match.strip() for match in SENTENCE.findall(text))
    return [sentence for sentence in found if any(character.isalnum() for character in sentence)]


def voice_language(voice: str) -> str:
    """The BCP 47 tag of a voice's language, for its name says it: "bf_emma"; empty where it does not."""
    letter = voice[:1] if re.match(r"[a-z][fm]_\w", voice) else ""
    return LANGUAGES[letter][1] if letter in LANGUAGES else ""


def letter_of(language: str) -> str | None:
    """What the voices of a language begin with, or those of another form of it."""
    tag = language.strip().casefold().replace("_", "-")
    exact = [letter for letter, (_, bcp, _) in LANGUAGES.items() if bcp.casefold() == tag]
    first = tag.partition("-")[0]
    same = [letter for letter, (_, bcp, _) in LANGUAGES.items() if bcp.partition("-")[0] == first]
    return next(iter(exact + same), None)


def _sex(name: str) -> str:
    return {"f": "female", "m": "male"}.get(name[1:2], "")


def _is_path(model: str) -> bool:
    return "/" in model


def _files(options: KokoroOptions) -> list[ModelFile]:
    """The model, unless it is a path, and the voices."""
    names = [VOICES] if _is_path(options.model) else [options.model, VOICES]
    return [ModelFile(f"{RELEASE}/{name}", f"kokoro/{name}", SHA256.get(name, "")) for name in names]


def _loaded(path: str | Path, voices: Path) -> Any:
    from kokoro_onnx import Kokoro

    model = Path(path).expanduser()
    if not model.is_file():
        raise NotFound(f"{model} is not there.", "tts.kokoro.model names a Kokoro model in ONNX format.")
    # It writes to stderr when a text switches between languages, over whatever the terminal shows.
    logging.getLogger("phonemizer").disabled = True
    return Kokoro(str(model), str(voices))


def _names(voices: Path) -> list[str]:
    with np.load(voices) as archive:
        return list(archive)
