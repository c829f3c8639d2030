"""Speech through an OpenAI-compatible server: bytes passed on as they arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import NotFound
from voicecli.providers.kokoro import letter_of, voice_language
from voicecli.providers.openai.sdk import Endpoint
from voicecli.providers.openai.speech_answer import sound
from voicecli.providers.synthesizer import Voice

__all__ = ["OpenAISynthesizer", "OpenAISynthesizerOptions"]

_VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
    *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAISynthesizerOptions:
    base_url: str | None = None  # None: OPENAI_BASE_URL, or OpenAI's own
    api_key_env: str = "OPENAI_API_KEY"  # variable or keyring entry that holds the key; empty: no key is sent
    model: str = "gpt-4o-mini-tts"
    voice: str = "coral"
    format: Literal["pcm", "wav", "mp3", "opus", "aac", "flac"] = "pcm"  # pcm is heard first
    rate: int = 24_000  # samples a second of pcm, which does not say it itself
    language: str = ""  # BCP 47, for servers such as Kokoro-FastAPI; empty: from the voice and the text
    speed: float = 1.0  # 0.25 to 4
    instructions: str = ""  # how to speak, for models that can be told
    timeout: float = 15.0  # seconds without progress
    retries: int = 2  # before the first byte


class OpenAISynthesizer(Endpoint[OpenAISynthesizerOptions]):
    """One request a phrase; calls may overlap."""

    Options = OpenAISynthesizerOptions
    stage = "tts"
    _connections = 2  # while one phrase plays, the next is fetched

    @property
    def format(self) -> StreamFormat:
        return StreamFormat(Codec(self._options.format), self._options.rate)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yield the encoded speech as it arrives, in `format` whatever it came as. Raises ProviderError."""
        if not any(letter.isalnum() for letter in text):
            return
        wanted = self.format
        async with self._asked(
            "audio.speech", self._params(text), lambda came: sound(came, wanted)
        ) as chunks:
            async for chunk in chunks:
                yield chunk

    async def voices(self) -> Sequence[Voice]:
        """What the server lists; OpenAI itself does not list, and has the ones it documents."""
        if self._server.is_openai:
            return [Voice(name) for name in _VOICES]
        try:
            listing = await self._client.fetch("/audio/voices", self._call, self._options.timeout)
        except NotFound:
            return [Voice(self._options.voice, description="as configured; the server lists none")]
        found = listing.get("voices", listing.get("data")) if isinstance(listing, dict) else listing
        voices = [voice for entry in found if (voice := _voice(entry))] if isinstance(found, list) else []
        return sorted(voices, key=lambda voice: (voice.language, voice.name))

    def _params(self, text: str) -> dict[str, Any]:
        options = self._options
        params: dict[str, Any] = {
            "model": options.model,
            "voice": options.voice,
            "input": text,
            "response_format": options.format,
        }
        if options.speed != 1.0:
            params["speed"] = options.speed
        if options.instructions:
            params["instructions"] = options.instructions
        if (letter := letter_of(options.language)) and voice_language(options.voice):
            params["extra_body"] = {"lang_code": letter}
        return params


def _voice(entry: object) -> Voice | None:
    if isinstance(entry, str):
        return Voice(entry, voice_language(entry)) if entry else None
    if not isinstance(entry, dict):
        return None
    name = entry.get("id") or entry.get("voice_id") or entry.get("name")
    if not name:
        return None
    label = entry.get("name")
    language = entry.get("language") or entry.get("lang") or ""
    return Voice(
        str(name), str(language) or voice_language(str(name)), str(label) if label and label != name else ""
    )
