"""Piper: small neural voices in this process, one sentence at a time."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import NotFound, ProviderError, Unavailable
from voicecli.providers.bounds import Within
from voicecli.providers.fetch import fetch_from_hub, fetched_from_hub, model_folder
from voicecli.providers.inference import LocalVoice
from voicecli.providers.synthesizer import Voice, nearest_voices

__all__ = ["PiperOptions", "PiperSynthesizer"]

REPOSITORY = "rhasspy/piper-voices"
VOICE = re.compile(r"(?P<family>[a-z]+)_(?P<region>\w+)-(?P<name>\w+)-(?P<quality>x_low|low|medium|high)")
USUAL = (  # the first of a language is taken for its regions that have none of their own
    *("ar_JO-kareem-medium", "ca_ES-upc_ona-medium", "cs_CZ-jirka-medium"),
    *("da_DK-talesyntese-medium", "de_DE-thorsten-medium", "el_GR-rapunzelina-low"),
    *("en_US-lessac-medium", "en_GB-alba-medium", "es_ES-davefx-medium"),
    *("es_MX-claude-high", "fi_FI-harri-medium", "fr_FR-siwis-medium"),
    *("hu_HU-anna-medium", "it_IT-paola-medium", "nl_NL-mls-medium"),
    *("no_NO-talesyntese-medium", "pl_PL-darkman-medium", "pt_BR-faber-medium"),
    *("pt_PT-tugão-medium", "ro_RO-mihai-medium", "ru_RU-irina-medium"),
    *("sv_SE-nst-medium", "tr_TR-dfki-medium", "uk_UA-ukrainian_tts-medium"),
    *("vi_VN-vais1000-medium", "zh_CN-huayan-medium"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiperOptions:
    """How Piper speaks."""

    voice: str = ""  # "en_US-lessac-medium", or a path.onnx; empty: the usual one of the language
    language: str = "en-US"  # BCP 47; chooses the voice when none is named
    speaker: int = 0  # number of the speaker, for voices with several
    speed: Annotated[float, Within(0.25, 4)] = 1.0  # times normal
    volume: Annotated[float, Within(0.05, 2)] = 1.0  # times normal


class PiperSynthesizer(LocalVoice[PiperOptions]):
    """Yields a sentence as soon as it is made. Downloads its voice, 20 to 110 MB, the first time."""

    name = "piper"
    Options = PiperOptions
    stage = "tts"
    _library = "piper"
    _rate = 22_050  # what the voice says, once it is loaded

    @classmethod
    def missing(cls, options: PiperOptions) -> str | None:
        if lacking := super().missing(options):
            return lacking
        if _voice_name(options) is None:
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

    async def _load(self) -> None:
        path = await self._path()
        self._model = await self._inference.run(lambda: _loaded(path))
        self._rate = int(self._model.config.sample_rate)
        await self._inference.run(lambda: list(self._sentences("a")))

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

    def _sentences(self, text: str) -> Iterator[bytes]:
        from piper import SynthesisConfig

        options = self._options
        config = SynthesisConfig(
            speaker_id=options.speaker,
            length_scale=self._model.config.length_scale / self.speed,
            volume=options.volume,
        )
        # Piper reads [[...]] as phonemes.
        for chunk in self._model.synthesize(text.replace("[[", "[ ["), config):
            yield chunk.audio_int16_bytes

    async def _path(self) -> Path:
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
    tag = options.language.strip().casefold().replace("-", "_")
    exact = (voice for voice in USUAL if tag == voice.partition("-")[0].casefold())
    same = (voice for voice in USUAL if tag.partition("_")[0] == voice.partition("_")[0])
    return next(itertools.chain(exact, same), None)


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
    return nearest_voices("piper", name, known)
