"""`voicecli connect --frames`: a question to a server, its answer played while it arrives."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import numpy as np

from voicecli.audio.pcm import limited, mixed
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.resample import Resampler
from voicecli.cli.console import Telling
from voicecli.errors import VoiceError
from voicecli.flow.scope import scoped
from voicecli.printable import printable
from voicecli.server.upload import Upload, cut
from voicecli.wire.frames import AudioFrame, FrameSequence, encode
from voicecli.wire.recognition import Format

__all__ = ["Answer", "Told", "framed"]

_CHUNK: Final = 0.5  # seconds of a spoken question in one frame
_LOOK: Final = 0.02  # seconds at least between looks at what has been heard


async def framed(upload: Upload) -> AsyncIterator[bytes]:
    """A spoken question as frames, made while they are sent."""
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


class Answer:
    """The answer on its way to the loudspeaker, its texts shown as they begin to be heard."""

    def __init__(self, player: AudioStreamPlayer, told: Told) -> None:
        self.player = player
        self.first_frame: float | None = None  # seconds after the question began to be sent
        self.first_sound: float | None = None
        self.phrases = 0
        self._told = told
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
                            self._told.question(frame.question)
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
            self._told.failed(failure)
            raise failure
        self._told.summary(self)

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
            self._told.phrase(start, text)


class Told(Telling):
    """The question and the answer, as lines for people or as JSON Lines."""

    def question(self, text: str) -> None:
        """What the server has understood."""
        if self.as_json:
            self.json("question", text=text)
        elif sys.stderr.isatty() and text:
            self.aside(f"you    {text}")

    def phrase(self, start: float, text: str) -> None:
        """A piece of the answer, as it begins."""
        if self.as_json:
            self.json("phrase", start=round(start, 6), text=text)
        elif text.strip():
            print(" ".join(printable(text).split()), file=self.stream, flush=True)

    def summary(self, answer: Answer) -> None:
        """It has been heard."""
        if self.as_json:
            self.json(
                "summary",
                audio=round(answer.player.written, 6) if answer.phrases else 0.0,
                phrases=answer.phrases,
                first_frame=_rounded(answer.first_frame),
                first_sound=_rounded(answer.first_sound),
                underruns=answer.player.underruns.count,
            )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
