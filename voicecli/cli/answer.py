"""`voicecli connect --frames`: a question to a server, its answer played while it arrives."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.text import Text

from voicecli.audio.pcm import limited, mixed
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.resample import Resampler
from voicecli.cli import ends
from voicecli.cli.connection import ConnectRequest, protect
from voicecli.cli.console import SafeConsole
from voicecli.config import Loaded
from voicecli.errors import ExitStatus, VoiceError
from voicecli.flow.scope import scoped
from voicecli.printable import json_line, printable
from voicecli.server.query_client import ask, written
from voicecli.server.upload import Upload, cut, upload_file, upload_microphone
from voicecli.wire.frames import AudioFrame, FrameSequence, encode
from voicecli.wire.recognition import Format

__all__ = ["run_question"]

_CHUNK: Final = 0.5  # seconds of a spoken question in one frame
_LOOK: Final = 0.02  # seconds at least between looks at what has been heard


async def run_question(loaded: Loaded, request: ConnectRequest, text: str | None) -> ExitStatus:
    """Ask `text`, or what the recording says, and play the answer. Raises VoiceError."""
    protect(request.address, request.token)
    show = _Shown(request, loaded.settings.speaker.device == ends.PIPE)
    device = str(loaded.settings.speaker.device)
    async with AsyncExitStack() as stack:
        body = written(text) if text is not None else await _spoken(request, stack)
        output = ends.open_speaker(device, real_time=True, silence=False)
        player = await stack.enter_async_context(AudioStreamPlayer(output, loaded.settings.player))
        reply = _Reply(player, show)
        try:
            frames = ask(request.address, body, token=request.token, traceparent=request.trace_id)
            await reply.play(frames)
        except VoiceError as error:
            show.ended_by(error)
            raise
        show.summary(reply)
    return ExitStatus.FINE


async def _spoken(request: ConnectRequest, stack: AsyncExitStack) -> AsyncIterator[bytes]:
    """The question as frames, made while they are sent. Raises UsageError, DecodeError."""
    if request.input is not None and request.input != ends.PIPE:
        return _framed(await upload_file(Path(request.input)))
    microphone = await ends.open_microphone(ends.PIPE, real_time=False)
    return _framed(upload_microphone(await stack.enter_async_context(microphone)))


async def _framed(upload: Upload) -> AsyncIterator[bytes]:
    format, sequence = upload.format, FrameSequence()
    depth = format.bit_depth
    template = AudioFrame(f"int{depth}", depth, format.sample_rate, format.channels)
    size = max(1, round(_CHUNK * format.sample_rate)) * format.frame_bytes
    async with scoped(cut(upload.pieces, size, format.frame_bytes)) as pieces:
        async for piece in pieces:
            yield encode(sequence.push(replace(template, payload=_integers(piece, format))))
    for frame in sequence.finish(template):
        yield encode(frame)


def _integers(data: bytes, format: Format) -> bytes:
    """Frames hold integers: floats become the widest."""
    if not format.is_float:
        return data
    values = limited(np.frombuffer(data, "<f4")).astype(np.float64) * 2.0**31
    return np.minimum(np.rint(values), 2**31 - 1).astype("<i4").tobytes()


class _Reply:
    """The answer on its way to the loudspeaker, its texts shown as they begin to be heard."""

    def __init__(self, player: AudioStreamPlayer, show: _Shown) -> None:
        self.player = player
        self.first_frame: float | None = None  # seconds after the question began to be sent
        self.first_sound: float | None = None
        self.phrases = 0
        self._show = show
        self._resampler: Resampler | None = None
        self._texts: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
        self._began = False
        self._over = False  # everything has been heard

    async def play(self, frames: AsyncIterator[AudioFrame]) -> None:
        """Play everything. What came before a failure is played before the failure is raised."""
        asked = time.monotonic()
        failure: VoiceError | None = None
        telling = asyncio.create_task(self._tell())
        try:
            try:
                async with scoped(frames) as answer:
                    async for frame in answer:
                        if self.first_frame is None:
                            self.first_frame = time.monotonic() - asked
                            self._show.question(frame.question)
                        await self._take(frame)
            except VoiceError as error:
                failure = error
            await self._finish(asked)
            self._over = True
            self._texts.put_nowait(None)
            await telling
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        if failure is not None:
            raise failure

    async def _take(self, frame: AudioFrame) -> None:
        if frame.answer:
            self.phrases += 1
            self._texts.put_nowait((self.player.written if self._began else 0.0, frame.answer))
        if not frame.payload:
            return
        samples = frame.samples
        scale = np.float32(2 ** (samples.itemsize * 8 - 1))
        if self._resampler is None or self._resampler.from_rate != frame.rate:
            await self._flush()
            self._resampler = Resampler(frame.rate, self.player.rate)
        if not self._began:
            self._began = True
            self.player.begin()
        await self.player.write(self._resampler.push(mixed(samples / scale)))

    async def _flush(self) -> None:
        if self._resampler is not None:
            await self.player.write(self._resampler.flush())

    async def _finish(self, asked: float) -> None:
        if not self._began:
            return
        await self._flush()
        await self.player.stop()
        if self.player.first_sound is not None:
            self.first_sound = self.player.first_sound - asked

    async def _tell(self) -> None:
        """Show each text when its sound begins; without sound, at once."""
        while (waiting := await self._texts.get()) is not None:
            start, text = waiting
            while self._began and not self._over:
                left = start - self.player.heard()
                if left <= 0:
                    break
                await asyncio.sleep(max(left, _LOOK))
            self._show.phrase(start, text)


class _Shown:
    """The question and the answer, as lines for people or as JSON Lines."""

    def __init__(self, request: ConnectRequest, sound_on_stdout: bool) -> None:
        self._request = request
        self._stream = sys.stderr if sound_on_stdout else sys.stdout
        self._stderr = SafeConsole(stderr=True, soft_wrap=True)

    def question(self, text: str) -> None:
        """What the server has understood."""
        if self._request.json:
            self._json({"event": "question", "text": text})
        elif sys.stderr.isatty() and text:
            self._stderr.print(Text(f"you    {text}", style="dim"))

    def phrase(self, start: float, text: str) -> None:
        """A piece of the answer, as it begins."""
        if self._request.json:
            self._json({"event": "phrase", "start": round(start, 6), "text": text})
        elif text.strip():
            print(" ".join(printable(text).split()), file=self._stream, flush=True)

    def summary(self, reply: _Reply) -> None:
        """It has been heard."""
        if self._request.json:
            player = reply.player
            self._json(
                {
                    "event": "summary",
                    "audio": round(player.written, 6) if reply.phrases else 0.0,
                    "phrases": reply.phrases,
                    "first_frame": _rounded(reply.first_frame),
                    "first_sound": _rounded(reply.first_sound),
                    "underruns": player.underruns.count,
                }
            )

    def ended_by(self, error: VoiceError) -> None:
        """What ends everything; the command line says it to people."""
        if self._request.json:
            self._json(
                {
                    "event": "error",
                    "kind": error.kind,
                    "message": str(error),
                    "recoverable": error.recoverable,
                }
            )

    def _json(self, record: dict[str, Any]) -> None:
        print(json_line(record), file=self._stream, flush=True)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
