"""Sources, steps and sinks of sound.

Sound travels as blocks of samples, or as bytes in some format: `decode_step` and `encode_step` lead from one
to the other. A block without samples ends a reply: a loudspeaker lets it finish.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol, TypeAlias

from voicecli.audio.block import Block, Samples
from voicecli.audio.decode import Decoder, mulaw_decoder, open_decoder, prepare
from voicecli.audio.encode import Encoder, mulaw_encoder, open_encoder
from voicecli.audio.lengths import AnyFormat, stream_format
from voicecli.audio.microphone import Microphone
from voicecli.audio.named import named_microphone, named_speaker
from voicecli.audio.pcm import MULAW_RATE, s16_bytes
from voicecli.audio.player import AudioStreamPlayer, Output, PlayerOptions
from voicecli.audio.recording import open_recording
from voicecli.audio.resample import OneRate
from voicecli.audio.soundfile import WavFile, WavWriter, mulaw_file
from voicecli.audio.wav import find_sound
from voicecli.errors import DecodeError, read_failure
from voicecli.flow.awaitables import AwaitableOrObj, resolve_awaitable_or_obj
from voicecli.flow.scope import scoped
from voicecli.flow.sinks import FilePath, write_file
from voicecli.flow.sources import single_source

__all__ = [
    "AudioFormatError",
    "Hush",
    "decode_step",
    "encode_step",
    "microphone_source",
    "speaker_sink",
    "wav_file_sink",
    "wav_file_source",
    "wav_mulaw_file_sink",
    "wav_mulaw_file_source",
]

AudioFormatError: TypeAlias = DecodeError
"""VoiceStream's name of it."""

_BLOCK: Final = 0.02  # seconds of a block read from a file
_AT_ONCE: Final = 8192  # bytes decoded without letting the event loop breathe
_BATCH: Final = 1 << 15  # bytes that go to a file together
_SILENT_RATE: Final = 16_000  # samples a second of a file without any sound


@dataclass(frozen=True, slots=True)
class Hush:
    """Tells a loudspeaker to be silent at once: what it has not played yet is dropped."""


class Encoded(Protocol):
    """A whole stream of sound in bytes, as `AudioWithText` is one."""

    @property
    def audio(self) -> bytes: ...

    @property
    def audio_format(self) -> AnyFormat: ...


async def microphone_source(
    device: FilePath | Microphone = "", *, keep: float | None = None
) -> AsyncIterator[Block]:
    """Yield what the microphone of that name hears ("" is the default one), or a recording at its own pace.

    It is opened when it is first asked. Sound waits for 30 seconds to be asked for, or for `keep`: with 0.2,
    what is said while the flow is busy speaking goes unheard. Raises NoDevice, DeviceError, DeviceLost,
    UsageError and DecodeError.
    """
    microphone = device
    if isinstance(microphone, str | os.PathLike):
        microphone = await named_microphone(os.fspath(microphone))
    async with microphone, scoped(microphone.blocks()) as blocks:
        async for block in blocks:
            if keep is None or time.monotonic() - block.time - block.duration <= keep:
                yield block


async def wav_file_source(filename: FilePath) -> AsyncIterator[Block]:
    """Yield a recording as fast as it is asked for, in blocks of at most 20 ms.

    They are dated from its beginning. Whatever can be decoded will do, not only WAV. Raises UsageError,
    DecodeError.
    """
    with await open_recording(Path(filename)) as recording:
        rate = recording.rate
        size, position = max(1, round(_BLOCK * rate)), 0
        async for samples in recording:
            for start in range(0, len(samples), size):
                block = Block(samples[start : start + size], rate, position / rate)
                position += len(block.samples)
                yield block


async def wav_file_sink(
    async_iter: AsyncIterator[Block | Encoded], filename: AwaitableOrObj[FilePath]
) -> None:
    """Write sound to a WAV file of 16 bits, at the rate of its first block.

    The sizes in its header are true at any moment. A stream without sound makes a file without sound. Raises
    SaveError.
    """
    sound = OneRate()

    async def encoded() -> AsyncIterator[bytes]:
        async with scoped(async_iter) as items:
            async for item in items:
                async for samples, rate in _sounds(item):
                    yield s16_bytes(sound.push(samples, rate))

    await write_file(
        encoded(),
        filename,
        lambda path: WavWriter(path, sound.rate or _SILENT_RATE),
        WavFile.append,
        at_once=_BATCH,
        rest=lambda: s16_bytes(sound.flush()),
    )


async def wav_mulaw_file_source(filename: FilePath, chunk_size: int = 4096) -> AsyncIterator[bytes]:
    """Yield the sound of a telephone recording (a WAV file, mu-law at 8 kHz) as bytes, without its header.

    `chunk_size` 0 gives it all at once. Raises UsageError, and DecodeError for a file that is something else.
    """
    file, left = await asyncio.to_thread(_open_mulaw, Path(filename))
    with file:
        while data := await asyncio.to_thread(file.read, min(chunk_size, left) if chunk_size > 0 else left):
            left -= len(data)
            yield data


async def wav_mulaw_file_sink(async_iter: AsyncIterator[bytes], filename: AwaitableOrObj[FilePath]) -> None:
    """Write telephone sound (mu-law at 8 kHz, no header) to a WAV file; none makes an empty recording.

    `filename` may become known with the first item. Raises SaveError.
    """
    await write_file(async_iter, filename, mulaw_file, WavFile.append, at_once=1)


async def speaker_sink(
    async_iter: AsyncIterator[Block | Encoded | Hush],
    device: FilePath | Output = "",
    *,
    wait: bool = True,
    rest: float = 0.25,
    options: PlayerOptions | None = None,
) -> None:
    """Play sound while it comes, on the loudspeaker of that name ("" is the default one) or into a WAV file.

    A block without samples ends a reply. With `wait` nothing more is asked for until all of it was heard and
    `rest` seconds have passed in which the room has fallen silent; without, the flow runs on, so that `Hush`
    can come in between. What came before a failure of the stream is played before it is raised. Raises
    NoDevice, DeviceError, DeviceLost, UsageError, SaveError and DecodeError.
    """
    output = device
    if isinstance(output, str | os.PathLike):
        output = await asyncio.to_thread(named_speaker, os.fspath(output))
    async with AudioStreamPlayer(output, options) as player, scoped(async_iter) as items:
        voice = _Voice(player)
        try:
            async for item in items:
                if isinstance(item, Hush):
                    voice.abort()
                elif isinstance(item, Block) and not len(item.samples):
                    await voice.finish(wait)
                    await asyncio.sleep(rest if wait and output.paced else 0.0)
                else:
                    async for samples, rate in _sounds(item):
                        await voice.write(samples, rate)
        except Exception:
            await voice.finish(True)
            raise
        await voice.finish(True)


async def decode_step(
    async_iter: AsyncIterator[bytes], audio_format: AwaitableOrObj[AnyFormat]
) -> AsyncIterator[Block]:
    """Bytes in a format to blocks of samples, dated from the beginning; any split of the bytes will do.

    Raises DecodeError.
    """
    position = 0
    async with scoped(_decoded(async_iter, audio_format)) as sounds:
        async for samples, rate in sounds:
            yield Block(samples, rate, position / rate)
            position += len(samples)


async def encode_step(
    async_iter: AsyncIterator[Block], audio_format: AwaitableOrObj[AnyFormat]
) -> AsyncIterator[bytes]:
    """Blocks of samples to one stream of bytes, sent as it is made. Raises UsageError."""
    async with scoped(async_iter) as items:
        resolved: AnyFormat = await resolve_awaitable_or_obj(audio_format)
        stream = stream_format(resolved)
        if stream is not None:
            await asyncio.to_thread(prepare, stream.codec)
        encoder: Encoder = mulaw_encoder() if stream is None else open_encoder(stream)
        sound = OneRate(MULAW_RATE if stream is None else stream.rate)
        async for block in items:
            if data := encoder.encode(sound.push(block.samples, block.rate)):
                yield data
    if data := encoder.encode(sound.flush()) + encoder.flush():
        yield data


class _Voice:
    """Writes sound of any rate to a player, reply by reply."""

    def __init__(self, player: AudioStreamPlayer) -> None:
        self._player = player
        self._speaking = False
        self._ending = False  # the reply is complete and may still be heard
        self._sound = OneRate(player.rate)

    async def write(self, samples: Samples, rate: int) -> None:
        player = self._player
        if self._ending and player.heard() >= player.written:
            self._speaking = self._ending = False
        if not self._speaking:
            player.begin()
            self._speaking = True
        await player.write(self._sound.push(samples, rate))

    async def finish(self, wait: bool) -> None:
        """The reply is complete; wait until it was heard, or let it play."""
        if not self._speaking:
            return
        await self._player.write(self._sound.flush())
        self._player.finish()
        self._ending = True
        if wait:
            await self._player.drained()
            self._speaking = self._ending = False

    def abort(self) -> None:
        self._player.abort()
        self._speaking = self._ending = False
        self._sound = OneRate(self._player.rate)


async def _sounds(item: Block | Encoded) -> AsyncIterator[tuple[Samples, int]]:
    """The samples of an item and their rate."""
    if isinstance(item, Block):
        yield item.samples, item.rate
        return
    if item.audio:
        async for samples, rate in _decoded(single_source(item.audio), item.audio_format):
            yield samples, rate


async def _decoded(
    source: AsyncIterator[bytes], audio_format: AwaitableOrObj[AnyFormat]
) -> AsyncIterator[tuple[Samples, int]]:
    """The samples of one stream and their rate, which is one."""
    decoder: Decoder | None = None
    async with scoped(source) as items:
        async for data in items:
            decoder = decoder or await _open(audio_format)
            for start in range(0, len(data), _AT_ONCE):
                samples = decoder.decode(data[start : start + _AT_ONCE])
                if len(samples) and decoder.rate is not None:
                    yield samples, decoder.rate
                if start:
                    await asyncio.sleep(0)  # a burst must not hold up the rest
    if decoder is not None and len(samples := decoder.flush()) and decoder.rate is not None:
        yield samples, decoder.rate


async def _open(audio_format: AwaitableOrObj[AnyFormat]) -> Decoder:
    resolved: AnyFormat = await resolve_awaitable_or_obj(audio_format)
    stream = stream_format(resolved)
    if stream is None:
        return mulaw_decoder()
    await asyncio.to_thread(prepare, stream.codec)
    return open_decoder(stream)


def _open_mulaw(path: Path) -> tuple[IO[bytes], int]:
    """A telephone recording, read up to its sound, and how many bytes that has."""
    try:
        file = path.open("rb")
    except OSError as exc:
        raise read_failure(path, exc) from exc
    try:
        found = find_sound(file, str(path))
        layout = found.layout
        if layout is None or (layout.coding, layout.channels, layout.rate) != ("mu-law", 1, MULAW_RATE):
            raise DecodeError(
                f"{path} is no telephone recording: mono mu-law at {MULAW_RATE} Hz.",
                "wav_file_source reads any recording.",
            )
    except BaseException:
        file.close()
        raise
    return file, sys.maxsize if found.size is None else found.size
