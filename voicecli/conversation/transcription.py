"""The recognition of one utterance, which may be finished on trust and taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from voicecli.audio.block import Samples
from voicecli.errors import TimedOut, VoiceError
from voicecli.flow.feeds import Feed
from voicecli.flow.scope import scoped
from voicecli.providers.recognizer import Recognizer, Transcript

__all__ = ["Transcription", "transcribed"]


class Transcription:
    """Feeds an utterance to a recogniser while it is spoken.

    `finish` asks for the final transcript; if the speaker goes on after all, `resume` gives everything that
    came so far to the recogniser again, as one utterance. Results of a recognition that was resumed or
    cancelled are never reported.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        timeout: float,
        on_transcript: Callable[[Transcript], None],
        on_failure: Callable[[VoiceError], None],
    ) -> None:
        self._recognizer = recognizer
        self._timeout = timeout  # seconds without progress once the utterance has ended
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._audio: list[Samples] = []
        self._feed: Feed[Samples] = Feed()
        self._limit: asyncio.Timeout | None = None
        self._task: asyncio.Task[None] | None = None
        self.finished = False
        self.settled = asyncio.Event()  # nothing more will come of what was finished
        self.settled.set()

    def start(self) -> None:
        """Begin to recognise what was pushed so far and what is pushed from now on."""
        self._feed, self._limit = Feed(), None
        for samples in self._audio:
            self._feed.push(samples)
        self.finished = False
        self.settled.clear()
        self._task = asyncio.create_task(self._run(self._feed), name="recognition")

    def push(self, samples: Samples) -> None:
        """Append mono samples at the hearing rate."""
        self._audio.append(samples)
        self._feed.push(samples)

    def prepend(self, earlier: Transcription) -> None:
        """What came to `earlier` was the beginning of this utterance."""
        self._audio = earlier._audio + self._audio
        self.resume()

    def finish(self) -> None:
        """The utterance is complete, as far as anybody can tell."""
        if not self.finished:
            self.finished = True
            self._feed.close()
            self._extend()

    def resume(self) -> None:
        """It was not complete: begin again with all of it."""
        self.cancel()
        self.start()

    def cancel(self) -> None:
        """Forget the recognition under way."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.settled.set()

    def _extend(self) -> None:
        if self._limit is not None and self._timeout and self.finished and not self.settled.is_set():
            self._limit.reschedule(asyncio.get_running_loop().time() + self._timeout)

    async def _run(self, feed: Feed[Samples]) -> None:
        failure: VoiceError | None = None
        try:
            async with asyncio.timeout(None) as self._limit:
                self._extend()
                async with scoped(self._recognizer.transcribe(feed)) as transcripts:
                    async for transcript in transcripts:
                        self._extend()
                        if feed is self._feed:
                            self._on_transcript(transcript)
        except TimeoutError:
            failure = TimedOut(
                f"{self._recognizer.name} recognised nothing for {self._timeout:g} seconds.",
                "Raise [asr] timeout if it is slow.",
            )
        except VoiceError as error:
            failure = error
        if feed is self._feed:
            self.settled.set()
            if failure is not None:
                self._on_failure(failure)


async def transcribed(
    recognizer: Recognizer,
    sound: AsyncIterator[Samples],
    timeout: float,
    on_partial: Callable[[str], None] = lambda _: None,
) -> str:
    """What is said in `sound`, mono at the hearing rate, recognised while it comes; empty when nothing is.

    `on_partial` is told what was recognised so far. Raises ProviderError.
    """
    result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_transcript(transcript: Transcript) -> None:
        if not transcript.final:
            on_partial(transcript.text)
        elif not result.done():
            result.set_result(transcript.text.strip())

    def on_failure(error: VoiceError) -> None:
        if not result.done():
            result.set_exception(error)

    transcription = Transcription(recognizer, timeout, on_transcript, on_failure)
    transcription.start()
    try:
        async with scoped(sound) as pieces:
            async for samples in pieces:
                transcription.push(samples)
                if result.done():
                    break  # it has failed, or wants no more
        transcription.finish()
        return await result
    finally:
        transcription.cancel()
        if result.done() and not result.cancelled():
            result.exception()  # it has been looked at, even if the sound failed first
