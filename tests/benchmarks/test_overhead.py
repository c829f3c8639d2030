"""What voicecli itself adds to a conversation, with engines whose delays are stated.

The bundled voice asks through a microphone that keeps time; listening, turn taking, phrases, decoding and
playing are the real ones. Every call of an engine is noted when it starts, so it is known when its answer is
due. What lies between the end of the turn and the first sound and is not covered by an engine's stated delay,
nor is the loudspeaker's own latency, is ours.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from voicecli.audio.block import Samples
from voicecli.audio.microphone import PacedMicrophone
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import NullSink, PacedSpeaker
from voicecli.config import load_settings
from voicecli.conversation import events
from voicecli.conversation.answerer import Answerer, Engines
from voicecli.conversation.context import History
from voicecli.conversation.listening import Listening
from voicecli.conversation.rehearsal import rehearsed_questions
from voicecli.conversation.supervisor import Conversation
from voicecli.latency.statistics import summarize
from voicecli.latency.timeline import Mark, Span
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer
from voicecli.providers.language_model import Message, Token
from voicecli.providers.recognizer import LISTENING_RATE, Transcript
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)
from voicecli.speech.silero import SileroDetector

ASR, TTFT, TTFB = 0.2, 0.3, 0.15  # seconds, as stated
TURNS = 10
QUESTION = "What is the weather like today?"


@dataclass(slots=True)
class Due:
    """From when to when an engine had the word."""

    spans: list[tuple[float, float]] = field(default_factory=list)  # monotonic seconds

    def add(self, delay: float) -> None:
        now = asyncio.get_running_loop().time()  # the monotonic clock, as everywhere
        self.spans.append((now, now + delay))

    def within(self, start: float, end: float) -> float:
        """Seconds between `start` and `end` in which at least one engine had it."""
        covered, reached = 0.0, start
        for first, last in sorted(self.spans):
            first, last = max(first, reached), min(last, end)
            if last > first:
                covered, reached = covered + last - first, last
        return covered


class NotedRecognizer(SimulatedRecognizer):
    def __init__(self, due: Due) -> None:
        super().__init__(SimulatedRecognizerOptions(delay=ASR, texts=(QUESTION,)))
        self._due = due

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        async for transcript in super().transcribe(self._to_its_end(audio)):
            yield transcript

    async def _to_its_end(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Samples]:
        async for samples in audio:
            yield samples
        self._due.add(ASR)


class NotedModel(SimulatedLanguageModel):
    def __init__(self, due: Due) -> None:
        super().__init__(SimulatedLanguageModelOptions(ttft=TTFT, texts=("Yes.",)))
        self._due = due

    async def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        self._due.add(TTFT)
        async for token in super().complete(messages):
            yield token


class NotedVoice(SimulatedSynthesizer):
    def __init__(self, due: Due) -> None:
        super().__init__(SimulatedSynthesizerOptions(ttfb=TTFB))
        self._due = due

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        self._due.add(TTFB)
        async for chunk in super().synthesize(text):
            yield chunk


async def conversed(speculation: bool) -> tuple[list[events.TurnFinished], Due, float]:
    """The turns, when the engines had the word, and the loudspeaker's latency."""
    loaded = load_settings(overrides={"conversation.speculation": speculation}, environ={}, user_file=None)
    settings = loaded.settings
    due, turns = Due(), []
    output = PacedSpeaker("nowhere", NullSink(), 24_000)
    player = AudioStreamPlayer(output, settings.player)

    def listener(event: events.Event) -> None:
        if isinstance(event, events.TurnFinished):
            turns.append(event)

    async with AsyncExitStack() as stack:
        asking = await stack.enter_async_context(EspeakSynthesizer(EspeakOptions(voice="en-gb+f3")))
        detector = await stack.enter_async_context(SileroDetector())
        await stack.enter_async_context(player)
        conversation = Conversation(
            Answerer(
                Engines(NotedModel(due), NotedVoice(due), NotedRecognizer(due)),
                player,
                listener,
                history=History(settings.conversation.history),
                reply=settings.reply(),
                utterer=settings.utterer(),
                budgets={},
            ),
            settings.conversation,
        )
        sound = rehearsed_questions([QUESTION] * TURNS, asking, lambda: conversation.floor.busy)
        microphone = await stack.enter_async_context(
            PacedMicrophone("the bundled voice", LISTENING_RATE, sound)
        )
        await conversation.run(
            Listening(microphone, settings.ears(detector), conversation.moderator, settings.listening()).run()
        )
    return turns, due, output.latency


def milliseconds(values: list[float | None]) -> str:
    found = summarize(values)
    if found is None:
        return "–"
    return f"p50 {found.p50 * 1000:.0f} ms, p95 {found.p95 * 1000:.0f} ms, most {found.max * 1000:.0f} ms"


@pytest.mark.benchmark
@pytest.mark.parametrize("speculation", [True, False])
def test_overhead(speculation: bool, capsys: pytest.CaptureFixture[str]) -> None:
    turns, due, latency = asyncio.run(conversed(speculation))
    assert len(turns) == TURNS
    after_end, whole = [], []
    for turn in turns:
        marks = turn.timeline.marks
        ended, sound = marks[Mark.TURN_ENDED], marks[Mark.FIRST_SOUND]
        after_end.append(sound - ended - due.within(ended, sound) - latency)
        # Nothing can be heard before the turn has ended, nor before everything stated has passed in a row.
        began = marks.get(Mark.SOFT_END, ended)
        whole.append(sound - max(ended, began + ASR + TTFT + TTFB) - latency)
    spans = {span: [turn.timeline.span(span) for turn in turns] for span in Span}
    with capsys.disabled():
        print(f"\nown overhead over {len(turns)} turns, speculation {'on' if speculation else 'off'}")
        print(f"  after the end of the turn, not an engine's  {milliseconds(after_end)}")
        print(f"  beside the best that the stated delays allow {milliseconds(whole)}")
        print(f"  endpoint        {milliseconds(spans[Span.ENDPOINT])}")
        print(f"  voice to voice  {milliseconds(spans[Span.VOICE_TO_VOICE])}")
        print(f"  speculation     {turns[-1].ledger}")
