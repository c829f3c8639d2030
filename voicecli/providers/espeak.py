"""Bundled speech: espeak-ng inside this process, streaming from its synthesis callback.

espeak-ng keeps its state in C globals, so there is one instance a process and one thread that talks to it;
phrases wait for it in order of arrival.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
import unicodedata
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Self, TypeVar

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import VoiceError
from voicecli.providers.bounds import Within
from voicecli.providers.engine import OwnEngine
from voicecli.providers.espeak_library import EspeakLibrary, library_file
from voicecli.providers.synthesizer import Voice

__all__ = ["EspeakOptions", "EspeakSynthesizer"]

T = TypeVar("T")

NORMAL_RATE = 175  # words a minute at speed 1.0
AHEAD = 5.0  # seconds of sound made before the reader has taken them
CLOSING = ".,;:!?…。、，；：！？।۔؟"  # what espeak-ng follows with a pause


@dataclass(frozen=True, slots=True, kw_only=True)
class EspeakOptions:
    """How the bundled voice speaks."""

    voice: str = ""  # "en-us", "en-gb+f3" (voice and variant), "+f3"; empty: the language's own
    language: str = "en-US"  # BCP 47; chooses the voice when none is named
    speed: Annotated[float, Within(0.46, 5)] = 1.0  # times normal
    pitch: Annotated[int, Within(0, 100)] = 50  # 0 low, 100 high
    volume: Annotated[float, Within(0.05, 2)] = 1.0  # times normal
    pause: bool = True  # the pause that closing punctuation asks for, 0.3 s after a full stop


class EspeakSynthesizer(OwnEngine[EspeakOptions]):
    """Speaks with espeak-ng; the first sound exists about 0.1 ms after the request."""

    name = "espeak"
    stage = "tts"
    Options = EspeakOptions
    _rate = 22_050  # what the library says once it is loaded; its data have never had another
    _identifier = ""

    def __init__(self, options: EspeakOptions | None = None) -> None:
        super().__init__(options)
        self.speed = self._options.speed

    @classmethod
    def missing(cls, options: EspeakOptions) -> str | None:
        """Say what keeps the bundled voice from speaking, or None."""
        if importlib.util.find_spec("espeakng_loader") is None:
            return "not installed: pip install espeakng-loader"
        if not library_file().exists():
            return f"its library {library_file()} is gone: pip install --force-reinstall espeakng-loader"
        return None

    @property
    def format(self) -> StreamFormat:
        """Headerless s16le mono at the library's own rate."""
        return StreamFormat(Codec.PCM, self._rate, 1)

    @property
    def language(self) -> str:
        """Of the voice that speaks, once it is entered."""
        folder, _, name = self._identifier.partition("+")[0].rpartition("/")
        return "" if folder == "mb" else name  # MBROLA's voices are not named after languages

    async def __aenter__(self) -> Self:
        """Load the library, for good, and find the voice. Raises NotFound, Unavailable."""
        self._rate, self._identifier = await asyncio.wrap_future(_thread().call(self._prepare))
        return self

    async def voices(self) -> Sequence[Voice]:
        """Every voice, then every variant (a name that starts with +). Raises Unavailable."""
        return await asyncio.wrap_future(_thread().call(lambda library: library.listing()))

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yield s16le mono, in chunks as they are made; nothing for text without anything to say.

        The sound is whole: up to 0.1 s of silence that espeak-ng puts before some sounds stays in.
        """
        spoken = _speakable(text)
        if not spoken:
            return
        thread = _thread()
        stream = _Stream(thread.changed, thread.waiting, int(AHEAD * self._rate) * 2)
        done = thread.call(lambda library: self._speak(library, spoken, stream))
        done.add_done_callback(lambda _: stream.end())
        try:
            while (chunk := await stream.get()) is not None:
                yield chunk
            done.result()
        finally:
            stream.stop()

    def _prepare(self, library: EspeakLibrary) -> tuple[int, str]:
        return library.rate, library.find(self._options.voice, self._options.language)

    def _speak(self, library: EspeakLibrary, text: str, stream: _Stream) -> None:
        """Run in espeak's thread."""
        if not self._identifier:  # used without being entered
            self._rate, self._identifier = self._prepare(library)
        options = self._options
        library.choose(self._identifier)
        library.tune(round(NORMAL_RATE * self.speed), options.pitch, round(100 * options.volume))
        closed = text.rstrip("\"'”’»)]} \n").endswith(tuple(CLOSING))
        library.speak(text, pause=options.pause and closed, sink=stream.put)


def _speakable(text: str) -> str:
    """Drop what C strings and UTF-8 cannot carry: NUL, other controls, lone surrogates."""
    kept = (" " if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in text)
    return "".join(kept).strip()


class _Stream:
    """The hand-over of one phrase from espeak's thread to the event loop, bounded.

    A full hand-over holds espeak up. While another phrase waits for espeak it does not: the reader may
    well want that one's beginning before it takes the rest of this one.
    """

    def __init__(self, changed: threading.Condition, waiting: Callable[[], bool], limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = changed  # guards everything below
        self._waiting = waiting
        self._limit = limit  # bytes
        self._held = 0  # bytes
        self._chunks: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._sounded = False
        self._ended = False
        self._stopped = False

    def put(self, chunk: bytes) -> bool:
        """Take a chunk from espeak's thread; False ends the synthesis."""
        with self._changed:
            while self._held >= self._limit and not self._gone() and not self._waiting():
                self._changed.wait(0.5)
            if self._gone():
                return False
            self._chunks.append(chunk)
            self._held += len(chunk)
            self._sounded = self._sounded or any(chunk)
            asleep = self._sounded and not self._ready.is_set()
        return self._wake() if asleep else True

    def end(self) -> None:
        """Nothing more comes."""
        with self._changed:
            self._ended = True
        self._wake()

    def stop(self) -> None:
        """The reader wants no more."""
        with self._changed:
            self._stopped = True
            self._chunks.clear()
            self._changed.notify_all()

    async def get(self) -> bytes | None:
        """What there is, or None at the end.

        Chunks wait until one of them sounds: a phrase that turns out to be all silence was nothing to say.
        """
        await asyncio.sleep(0)  # espeak is faster than any reader: let the others have their turn
        while True:
            with self._changed:
                if self._chunks and self._sounded:
                    taken = b"".join(self._chunks)
                    self._chunks.clear()
                    self._held = 0
                    self._changed.notify_all()
                    return taken
                if self._ended:
                    return None
                self._ready.clear()
            await self._ready.wait()

    def _gone(self) -> bool:
        """Whether nobody reads any more, be it that the loop was abandoned."""
        return self._stopped or self._loop.is_closed()

    def _wake(self) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop is closed
            return False
        return True


class _Thread:
    """The one thread that talks to espeak-ng, and the queue in front of it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._tasks: deque[Callable[[], None]] = deque()
        self._library: EspeakLibrary | None = None
        # A daemon, so that a phrase nobody reads to its end cannot keep the process from leaving.
        self.thread = threading.Thread(target=self._run, name="espeak", daemon=True)
        self.thread.start()

    def waiting(self) -> bool:
        """Whether somebody waits for espeak to become free."""
        return bool(self._tasks)

    def call(self, function: Callable[[EspeakLibrary], T]) -> Future[T]:
        """Run `function` in the thread, after everything asked for before."""
        future: Future[T] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                self._library = self._library or EspeakLibrary()
                future.set_result(function(self._library))
            except BaseException as exc:
                future.set_exception(exc)
                if not isinstance(exc, VoiceError):
                    raise  # a defect: show its traceback; the next call starts a new thread

        with self.changed:
            self._tasks.append(task)
            self.changed.notify_all()
        return future

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self._tasks:
                    self.changed.wait()
                task = self._tasks.popleft()
            task()


_running: list[_Thread] = []  # none or one


def _thread() -> _Thread:
    if not _running or not _running[0].thread.is_alive():
        _running[:] = [_Thread()]
    return _running[0]


if hasattr(os, "register_at_fork"):
    # A child has espeak's memory but not its thread, and perhaps half a sentence; it starts over.
    os.register_at_fork(after_in_child=_running.clear)
