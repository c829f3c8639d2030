"""Piper: small neural voices in this process, one sentence at a time."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import NotFound, ProviderError, Unavailable
from voicecli.nearest import nearest
from voicecli.providers.bounds import Within, check
from voicecli.providers.fetch import Reporter, fetch_from_hub, fetched_from_hub, model_folder
from voicecli.providers.inference import Inference
from voicecli.providers.synthesizer import Voice

__all__ = ["PiperOptions", "PiperSynthesizer"]

REPOSITORY = "rhasspy/piper-voices"
VOICE = re.compile(r"(?P<family>[a-z]+)_(?P<region>\w+)-(?P<name>\w+)-(?P<quality>x_low|low|medium|high)")
USUAL = {
    "ar": "ar_JO-kareem-medium",
    "ca": "ca_ES-upc_ona-medium",
    "cs": "cs_CZ-jirka-medium",
    "da": "da_DK-talesyntese-medium",
    "de": "de_DE-thorsten-medium",
    "el": "el_GR-rapunzelina-low",
    "en": "en_US-lessac-medium",
    "en-gb": "en_GB-alba-medium",
    "es": "es_ES-davefx-medium",
    "es-mx": "es_MX-claude-high",
    "fi": "fi_FI-harri-medium",
    "fr": "fr_FR-siwis-medium",
    "hu": "hu_HU-anna-medium",
    "it": "it_IT-paola-medium",
    "nl": "nl_NL-mls-medium",
    "no": "no_NO-talesyntese-medium",
    "pl": "pl_PL-darkman-medium",
    "pt": "pt_BR-faber-medium",
    "pt-pt": "pt_PT-tugão-medium",
    "ro": "ro_RO-mihai-medium",
    "ru": "ru_RU-irina-medium",
    "sv": "sv_SE-nst-medium",
    "tr": "tr_TR-dfki-medium",
    "uk": "uk_UA-ukrainian_tts-medium",
    "vi": "vi_VN-vais1000-medium",
    "zh": "zh_CN-huayan-medium",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PiperOptions:
    """How Piper speaks."""

    voice: str = ""  # "en_US-lessac-medium", or a path.onnx; empty: the usual one of the language
    language: str = "en-US"  # BCP 47; chooses the voice when none is named
    speaker: int = 0  # number of the speaker, for voices with several
    speed: Annotated[float, Within(0.25, 4)] = 1.0  # times normal
    volume: Annotated[float, Within(0.05, 2)] = 1.0  # times normal


class PiperSynthesizer:
    """Yields a sentence as soon as it is made. Downloads its voice, 20 to 110 MB, the first time."""

    name = "piper"
    Options: ClassVar[type[PiperOptions]] = PiperOptions

    def __init__(self, options: PiperOptions = PiperOptions(), report: Reporter | None = None) -> None:
        check("tts.piper", options)
        self._options = options
        self.speed = options.speed
        self._report = report
        self._inference = Inference("piper")
        self._voice: Any = None  # piper.PiperVoice
        self._rate = 22_050  # what the voice says, once it is loaded

    @staticmethod
    def missing(options: PiperOptions) -> str | None:
        """Say what keeps Piper from speaking, or None; a voice that is not here yet is fetched."""
        if importlib.util.find_spec("piper") is None:
            return "not installed: pip install 'voicecli[local]'"
        if not options.voice and _voice_name(options) is None:
            return f"voicecli knows no voice of it for {options.language}: name one in tts.piper.voice"
        return None

    @staticmethod
    def cached(options: PiperOptions) -> bool:
        """Whether the voice is on this machine."""
        name = _voice_name(options)
        return name is not None and (_local(name) is not None or fetched_from_hub(f"piper/{name}", _is_voice))

    @property
    def format(self) -> StreamFormat:
        """Headerless s16le mono; the rate is the voice's, known once the engine is entered."""
        return StreamFormat(Codec.PCM, self._rate, 1)

    @property
    def language(self) -> str:
        """Of the voice that speaks: its file is named after it."""
        if not self._options.voice:
            return self._options.language
        named = VOICE.match(Path(self._options.voice).name)
        return f"{named['family']}-{named['region']}" if named else ""

    async def __aenter__(self) -> Self:
        """Fetch and load the voice, and say a word to warm it up. Raises NotFound, Unavailable, SaveError."""
        model = await self._model()
        try:
            self._voice = await self._inference.run(lambda: _loaded(model))
            self._rate = int(self._voice.config.sample_rate)
            await self._inference.run(lambda: list(self._sentences("a")))
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._inference.close()
        self._voice = None

    async def voices(self) -> Sequence[Voice]:
        """Every voice of the collection. Raises Unavailable when the list has to be fetched and cannot be."""
        catalogue = await _catalogue()
        found = [
            Voice(
                name,
                entry["language"]["code"].replace("_", "-"),
                f"{entry['language']['name_english']}, {entry['quality']}"
                + (f", {entry['num_speakers']} speakers" if entry["num_speakers"] > 1 else ""),
            )
            for name, entry in catalogue.items()
        ]
        return sorted(found, key=lambda voice: (voice.language, voice.name))

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yield s16le mono, a sentence at a time; nothing for text without anything to say."""
        if not text.strip():
            return
        if self._voice is None:
            await self.__aenter__()
        sentences = self._sentences(text.replace("[[", "[ ["))  # Piper reads [[...]] as phonemes
        while (sound := await self._inference.run(lambda: next(sentences, None))) is not None:
            if sound:
                yield sound

    def _sentences(self, text: str) -> Iterator[bytes]:
        """Run in Piper's thread, a step at a time."""
        from piper import SynthesisConfig

        options = self._options
        config = SynthesisConfig(
            speaker_id=options.speaker,
            length_scale=self._voice.config.length_scale / self.speed,
            volume=options.volume,
        )
        for chunk in self._voice.synthesize(text, config):
            yield chunk.audio_int16_bytes

    async def _model(self) -> Path:
        name = _voice_name(self._options)
        if name is None:
            raise NotFound(
                f"There is no usual Piper voice for {self._options.language!r}.", await _nearest("")
            )
        if (local := _local(name)) is not None:
            return local
        match = VOICE.fullmatch(name)
        if match is None:
            raise NotFound(
                f"{name!r} is neither the name of a Piper voice nor an .onnx file.", await _nearest(name)
            )
        code = f"{match['family']}_{match['region']}"
        below = f"{match['family']}/{code}/{match['name']}/{match['quality']}"
        try:
            folder = await fetch_from_hub(REPOSITORY, below, f"piper/{name}", _is_voice, self._report)
        except NotFound as exc:
            raise NotFound(f"Piper has no voice {name!r}.", await _nearest(name)) from exc
        return folder / f"{name}.onnx"


def _voice_name(options: PiperOptions) -> str | None:
    if options.voice:
        return options.voice
    tag = options.language.strip().casefold().replace("_", "-")
    while tag:
        if tag in USUAL:
            return USUAL[tag]
        tag = tag.rpartition("-")[0]
    return None


def _local(name: str) -> Path | None:
    """The model, when the voice is a file."""
    path = Path(name).expanduser()
    return path if path.suffix == ".onnx" else None


def _is_voice(file: str) -> bool:
    return file.endswith((".onnx", ".onnx.json"))


def _loaded(model: Path) -> Any:
    from piper import PiperVoice

    described = model.with_name(f"{model.name}.json")
    for path in (model, described):
        if not path.is_file():
            raise NotFound(
                f"{path} is not there.", "A Piper voice is two files: name.onnx and name.onnx.json."
            )
    try:
        return PiperVoice.load(model, described, download_dir=model_folder() / "piper")
    except (ValueError, KeyError) as exc:
        raise Unavailable(f"{described} does not describe a Piper voice: {exc}.") from exc


async def _catalogue() -> dict[str, Any]:
    folder = await fetch_from_hub(REPOSITORY, "", "piper", lambda name: name == "voices.json")
    found: dict[str, Any] = json.loads((folder / "voices.json").read_bytes())
    return found


async def _nearest(name: str) -> str:
    try:
        known = list(await _catalogue())
    except ProviderError:  # the list would only be a help
        return "Voices are listed in the repository rhasspy/piper-voices on Hugging Face."
    near = nearest(name, known, 5)
    listed = "voicecli tts --tts piper --list-voices lists them."
    return f"The nearest: {', '.join(near)}. {listed}" if near else listed
