"""A voicebot from its steps, with simulated engines; and each stage for itself."""

import asyncio
import inspect
from pathlib import Path

import numpy as np
import pytest

from tests.audio.virtual import script, simulate, timed
from tests.flow.spring import Spring, run
from tests.speech.test_speech_events import blocks, sound
from voicecli.audio.recording import load_recording
from voicecli.audio.sound_steps import microphone_source, speaker_sink, wav_file_sink
from voicecli.config.assembly import open_engines
from voicecli.conversation.context import History, HistoryOptions
from voicecli.conversation.voicebot import (
    language_model_step,
    speech_recognition_step,
    speech_to_text_step,
    synthesis_step,
    text_to_speech_step,
)
from voicecli.errors import ProviderError, Unavailable, UsageError
from voicecli.flow.sinks import array_sink
from voicecli.providers.language_model import Action, Goodbye
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)
from voicecli.reply.phrases import phrase_step
from voicecli.speech.energy import EnergyDetector
from voicecli.speech.speech_events import SpeechEnd, SpeechPartialResult, SpeechStart
from voicecli.speech.spoken import utterance_step


def recognizer(*texts, **options):
    return SimulatedRecognizer(SimulatedRecognizerOptions(texts=texts or ("Hello?",), delay=0.0, **options))


def model(*texts, **options):
    quick = {"ttft": 0.0, "tokens_per_second": 0.0, **options}
    return SimulatedLanguageModel(SimulatedLanguageModelOptions(texts=texts or ("Fine, thanks.",), **quick))


def voice(**options):
    return SimulatedSynthesizer(SimulatedSynthesizerOptions(**{"ttfb": 0.0, "speed": 0.0, **options}))


def test_fifteen_lines(tmp_path: Path) -> None:
    """Microphone to loudspeaker, from a recording to a recording."""
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    run(lambda: wav_file_sink(Spring(blocks(sound(0.4)[:28_000]))(), question))

    async def main():
        async with open_engines("simulated", "simulated", "simulated") as (recognizer, model, synthesizer):
            heard = microphone_source(question, keep=0.2)
            utterances = utterance_step(heard, EnergyDetector())
            texts = speech_to_text_step(utterances, recognizer)
            tokens = language_model_step(texts, model)
            phrases = phrase_step(tokens)
            spoken = synthesis_step(phrases, synthesizer)
            await speaker_sink(spoken, answer)

    run(main)
    samples, rate = load_recording(answer)
    assert len(samples) / rate > 10  # the simulated model has much to say
    assert np.abs(samples).max() > 0.2


def test_unknown_engine_is_an_error() -> None:
    async def main():
        async with open_engines("nobody"):
            pass

    with pytest.raises(UsageError, match="nobody"):
        run(main)


def test_texts_of_utterances() -> None:
    async def main():
        utterances = utterance_step(Spring(blocks(sound(0.5, 0.5, 0.5)))(), EnergyDetector())
        return await array_sink(speech_to_text_step(utterances, recognizer("One.", "", "Two.")))

    assert run(main) == ["One.", "Two."]


def test_any_samples_are_an_utterance() -> None:
    async def main():
        audio = [Spring([np.zeros(1600, np.float32)])(), Spring([])()]
        return await array_sink(speech_to_text_step(Spring(audio)(), recognizer("Yes.", "No.")))

    assert run(main) == ["Yes."]


def test_recogniser_fails() -> None:
    spring = Spring(blocks(sound(0.5)))

    async def main():
        utterances = utterance_step(spring(), EnergyDetector())
        await array_sink(speech_to_text_step(utterances, recognizer(fail="down")))

    with pytest.raises(Unavailable):
        run(main)
    assert spring.closed


def test_recognition_tells_everything() -> None:
    spring = Spring(blocks(sound(1.0, 0.6)))

    async def main():
        texts, events = speech_recognition_step(spring(), recognizer("What is it?", "Now."), EnergyDetector())
        assert not spring.started
        return await asyncio.gather(array_sink(texts), array_sink(events))

    texts, events = run(main)
    assert texts == ["What is it?", "Now."]
    edges = [event for event in events if not isinstance(event, SpeechPartialResult)]
    assert [type(event) for event in edges] == [SpeechStart, SpeechEnd] * 2
    assert [event.time_since_start for event in edges] == pytest.approx([0.5, 1.5, 3.5, 4.1], abs=0.05)
    assert "What is" in [event.text for event in events if isinstance(event, SpeechPartialResult)]
    assert spring.closed


def test_listens_while_it_recognises() -> None:
    """A recogniser that takes its time holds up no beginning of speech."""

    async def live():
        for block in blocks(sound(0.5, 0.5)):
            await asyncio.sleep(block.duration)
            yield block

    async def main():
        slow = SimulatedRecognizer(
            SimulatedRecognizerOptions(texts=("One.", "Two."), delay=3.0, partial=None)
        )
        texts, events = speech_recognition_step(live(), slow, EnergyDetector())
        return await asyncio.gather(timed(texts), timed(events))

    texts, events = simulate(main)
    assert [text for _, text in texts] == ["One.", "Two."]
    starts = [moment for moment, event in events if isinstance(event, SpeechStart)]
    assert starts == pytest.approx([0.6, 3.1], abs=0.1)
    assert texts[0][0] > starts[1]


@pytest.mark.parametrize("failing", ["source", "recogniser"])
def test_recognition_fails_in_both(failing) -> None:
    error = ProviderError("It broke.") if failing == "source" else None
    spring = Spring(blocks(sound(0.5)), error=error, hold=not error, pause=True)

    async def main():
        fails = recognizer(fail="none" if error else "down")
        texts, events = speech_recognition_step(spring(), fails, EnergyDetector())
        return await asyncio.gather(array_sink(texts), array_sink(events), return_exceptions=True)

    assert all(isinstance(result, ProviderError) for result in run(main))
    assert spring.closed


def test_recognition_closed_early() -> None:
    spring = Spring(blocks(sound(0.5)), hold=True)

    async def main():
        texts, events = speech_recognition_step(spring(), recognizer(), EnergyDetector())
        others = asyncio.create_task(array_sink(events))
        assert await anext(texts) == "Hello?"
        await texts.aclose()
        return await others

    assert isinstance(run(main)[0], SpeechStart)
    assert spring.closed


def test_tokens_and_history() -> None:
    history = History(HistoryOptions(system=""))

    async def main():
        return await array_sink(
            language_model_step(script("Hi.", "Again?"), model("One two.", "Three."), history)
        )

    assert run(main) == ["One", " two.", "", "Three.", ""]
    assert [message.content for message in history.messages] == ["Hi.", "One two.", "Again?", "Three."]


class Doing:
    """Acts, speaks and takes its leave."""

    def __init__(self):
        self.done = []

    async def complete(self, messages):
        yield Action("note", lambda: self.done.append(len(messages)))
        yield ""
        yield "Bye."
        yield Goodbye()


def test_actions_and_goodbye() -> None:
    doing, spring = Doing(), Spring(["Leave.", "Are you there?"])
    assert run(lambda: array_sink(language_model_step(spring(), doing))) == ["Bye.", ""]
    assert doing.done == [2]  # with the system message
    assert spring.closed
    assert spring.read == 1


def test_interrupted_reply_is_remembered_as_far_as_it_went() -> None:
    history = History(HistoryOptions(system=""))

    async def main():
        tokens = language_model_step(script("Hi."), model("One two three."), history)
        assert await anext(tokens) == "One"
        await tokens.aclose()

    run(main)
    assert [message.content for message in history.messages] == ["Hi.", "One"]


def test_sound_of_phrases() -> None:
    async def main():
        phrases = ["Hello there.", "***", "", " Good bye.", ""]
        return await array_sink(synthesis_step(Spring(phrases)(), voice(format="opus", chunk=0.2)))

    made = run(main)
    ends = [index for index, block in enumerate(made) if not len(block.samples)]
    assert len(ends) == 2
    assert ends[-1] == len(made) - 1
    first = sum(block.duration for block in made[: ends[0]])
    assert first == pytest.approx(len("Hello there.") / 15, abs=0.03)
    assert [block.time for block in made] == pytest.approx(
        [0.0, *np.cumsum([block.duration for block in made])[:-1]]
    )


def test_next_phrase_is_made_meanwhile() -> None:
    """In virtual time: the second phrase costs nothing but the first one's wait."""

    async def main():
        step = synthesis_step(script("One.", "Two."), voice(ttfb=2.0))
        return await timed(step)

    moments = [moment for moment, _ in simulate(main)]
    assert moments[0] == moments[-1] == 2.0


def test_whole_phrases_with_text() -> None:
    async def main():
        step = text_to_speech_step(Spring(["Hello.", "***", ""])(), voice(format="mp3"))
        return await array_sink(step)

    hello, rule = run(main)
    assert (hello.text, rule.text, rule.audio) == ("Hello.", "***", b"")
    assert hello.audio[:1] == b"\xff"
    assert hello.audio_format == voice(format="mp3").format


@pytest.mark.parametrize("step", [synthesis_step, text_to_speech_step])
def test_synthesis_fails_and_closes(step) -> None:
    spring = Spring(["One.", "Two.", "Three."], hold=True)

    async def fails():
        await array_sink(step(spring(), voice(fail="down", fail_on=(2,))))

    with pytest.raises(Unavailable):
        run(fails)
    assert spring.closed

    early = Spring(["One."] * 9)

    async def closes():
        made = step(early(), voice(ttfb=0.01))
        await anext(made)
        await made.aclose()

    run(closes)
    assert early.closed
    assert early.read <= 4


def test_stages_pull_nothing_beforehand() -> None:
    springs = [Spring(["x"]) for _ in range(5)]
    made = [
        speech_to_text_step(springs[0](), recognizer()),
        language_model_step(springs[1](), model()),
        phrase_step(springs[2]()),
        synthesis_step(springs[3](), voice()),
        text_to_speech_step(springs[4](), voice()),
    ]
    assert all(inspect.isasyncgen(step) for step in made)
    assert not any(spring.started for spring in springs)
    for step in made:
        asyncio.run(step.aclose())
