"""Recognition through an OpenAI-compatible server: the utterance as one WAV, the transcript streamed."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.pcm import s16_bytes
from voicecli.errors import BadRequest, Unavailable
from voicecli.providers.openai.base_url import address, missing_key
from voicecli.providers.openai.faults import Call, reason
from voicecli.providers.openai.sdk import Answer, Client
from voicecli.providers.recognizer import HEARING_RATE, Transcript

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


class OpenAIRecognizer:
    """Collects the utterance, sends it when it has ended, and yields the transcript as it grows."""

    name = "openai"
    places = 64  # utterances at once
    Options = OpenAIRecognizerOptions

    def __init__(self, options: OpenAIRecognizerOptions = OpenAIRecognizerOptions()) -> None:
        self._options = options
        self._server = address(options.base_url, options.api_key_env)
        self._call = Call("asr", self._server, options.model, options.timeout, options.retries)
        self._client: Client | None = None
        self._streams = True  # until the server refuses

    @staticmethod
    def missing(options: OpenAIRecognizerOptions) -> str | None:
        return missing_key(options.base_url, options.api_key_env)

    async def __aenter__(self) -> Self:
        self._client = await Client.join(self._server, 1)
        return self

    async def __aexit__(self, *exc: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.leave(1)

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield partial transcripts, then the final one. Raises ProviderError."""
        assert self._client is not None, "the engine is not open"
        self._client.refresh()  # while the speaker is speaking there is time for it
        pieces = await _collect(audio)
        if sum(map(len, pieces)) < SHORTEST * HEARING_RATE:
            yield Transcript("", final=True)
            return
        speech = _wav(pieces)
        last = ""
        async with contextlib.aclosing(self._texts(self._client, speech)) as texts:
            async for text, final in texts:
                if final:
                    yield Transcript(text.strip(), final=True)
                    return
                if text.strip() != last:
                    last = text.strip()
                    yield Transcript(last)

    async def _texts(self, client: Client, speech: bytes) -> AsyncGenerator[tuple[str, bool], None]:
        """The cumulative text and whether it is final, in a second request without streaming if need be."""
        while True:
            params = self._params(speech)
            answer = client.stream(
                self._call,
                functools.partial(_request, params),
                _texts,
            )
            try:
                async with contextlib.aclosing(answer) as texts:
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


async def _collect(audio: AsyncIterator[Samples]) -> list[Samples]:
    try:
        return [piece async for piece in audio]
    finally:
        if isinstance(audio, AsyncGenerator):
            await audio.aclose()


def _wav(pieces: Sequence[Samples]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(HEARING_RATE)
        out.writeframes(s16_bytes(np.concatenate(pieces)))
    return file.getvalue()


def _request(params: dict[str, Any], sdk: Any, limit: float) -> Any:
    return sdk.audio.transcriptions.with_streaming_response.create(**params, timeout=limit)


async def _texts(answer: Answer) -> AsyncIterator[tuple[str, bool]]:
    """Cumulative texts; the last one is final. A server that ignores `stream` answers all at once."""
    if answer.media_type != "text/event-stream":
        yield _whole(await answer.body(), answer.media_type), True
        return
    text = ""
    events = 0
    async with contextlib.aclosing(answer.events()) as stream:
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
    said = reason(body) or "nothing"
    raise Unavailable(
        f"The recognition server answered with {media_type or 'no type'} instead of a transcript: {said}",
        "Check base_url in [asr.openai]; it usually ends in /v1.",
    )
