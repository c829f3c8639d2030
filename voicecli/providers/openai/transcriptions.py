"""Recognition through an OpenAI-compatible server: the utterance as one WAV, the transcript streamed."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.pcm import s16_bytes
from voicecli.errors import BadRequest, Unavailable
from voicecli.flow.scope import scoped
from voicecli.providers.openai.faults import strayed
from voicecli.providers.openai.sdk import Endpoint, ServerAnswer
from voicecli.providers.recognizer import LISTENING_RATE, Transcript
from voicecli.wire.riff import WavLayout, riff_header

__all__ = ["OpenAIRecognizer", "OpenAIRecognizerOptions"]

SHORTEST = 0.1  # seconds; OpenAI refuses less, and nobody says anything in it

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIRecognizerOptions:
    base_url: str | None = None  # None: OPENAI_BASE_URL, or OpenAI's own
    api_key_env: str = "OPENAI_API_KEY"  # variable or keyring entry that holds the key; empty: no key is sent
    model: str = "gpt-transcribe"
    language: str = ""  # BCP 47 or ISO 639-1; empty: the model finds out
    prompt: str = ""  # names and words to expect
    timeout: float = 15.0  # seconds without progress, after the utterance has ended
    retries: int = 2  # before the first word


class OpenAIRecognizer(Endpoint[OpenAIRecognizerOptions]):
    """Collects the utterance, sends it when it has ended, and yields the transcript as it grows."""

    places = 64  # utterances at once
    Options = OpenAIRecognizerOptions
    stage = "asr"
    _streams = True  # until the server refuses

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield partial transcripts, then the final one. Raises ProviderError."""
        self._client.refresh()  # while the speaker is speaking there is time for it
        async with scoped(audio) as pieces:
            heard = [piece async for piece in pieces]
        if sum(map(len, heard)) < SHORTEST * LISTENING_RATE:
            yield Transcript("", final=True)
            return
        last = ""
        async with scoped(self._texts(_wav(heard))) as texts:
            async for text, final in texts:
                if final or text.strip() != last:
                    last = text.strip()
                    yield Transcript(last, final=final)
                if final:
                    return

    async def _texts(self, speech: bytes) -> AsyncGenerator[tuple[str, bool], None]:
        """The cumulative text and whether it is final, in a second request without streaming if need be."""
        while True:
            try:
                async with self._asked("audio.transcriptions", self._params(speech), _texts) as texts:
                    async for text in texts:
                        yield text
                return
            except BadRequest as error:
                if not self._streams or "stream" not in error.message.lower():
                    raise
                log.info("%s does not stream transcripts: %s", self._server.host, error.message)
                self._streams = False

    def _params(self, speech: bytes) -> dict[str, Any]:
        options = self._options
        params: dict[str, Any] = {"file": ("speech.wav", speech, "audio/wav"), "model": options.model}
        if self._streams:
            params["stream"] = True
        if options.prompt:
            params["prompt"] = options.prompt
        if language := options.language.partition("-")[0].lower():
            # OpenAI's newer model takes several languages, and no single one.
            if options.model.startswith("gpt-transcribe"):
                params["extra_body"] = {"languages": [language]}
            else:
                params["language"] = language
        return params


def _wav(pieces: Sequence[Samples]) -> bytes:
    sound = s16_bytes(np.concatenate(pieces))
    return riff_header(WavLayout("integer", 16, 1, LISTENING_RATE), len(sound)) + sound


async def _texts(answer: ServerAnswer) -> AsyncIterator[tuple[str, bool]]:
    """Cumulative texts; the last one is final. A server that ignores `stream` answers all at once."""
    if answer.media_type != "text/event-stream":
        yield _whole(await answer.body(), answer.media_type), True
        return
    text = ""
    events = 0
    async with scoped(answer.events()) as stream:
        async for event in stream:
            events += 1
            kind = event.get("type", "")
            if kind == "transcript.text.done":
                yield str(event.get("text") or text), True
                return
            if kind == "transcript.text.delta":
                text += str(event.get("delta") or "")
            elif not kind and isinstance(event.get("text"), str):
                text = f"{text} {event['text'].strip()}"  # servers that stream whole segments
            yield text, False
    if not events:
        raise Unavailable("The recognition server sent an empty answer.", "Check base_url in [asr.openai].")
    yield text, True


def _whole(body: object, media_type: str) -> str:
    if isinstance(body, dict) and isinstance(body.get("text"), str):
        return str(body["text"])
    if isinstance(body, str) and body and media_type == "text/plain":
        return body
    raise strayed("recognition server", media_type, "a transcript", body, "asr")
