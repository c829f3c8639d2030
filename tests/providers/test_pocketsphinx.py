"""The bundled recogniser, on its real models."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.providers.assistant.domain import jsgf
from tests.providers.sphinx.corpus import (
    SPEAKERS,
    SPEECH,
    errors,
    recorded,
    recordings,
    requests,
    say,
    understood,
    words,
)
from voicecli.audio.block import Samples
from voicecli.errors import BadRequest, DeviceLost, NotFound, SettingsError, Unavailable
from voicecli.providers.pocketsphinx import PocketsphinxOptions, PocketsphinxRecognizer
from voicecli.providers.recognizer import LISTENING_RATE, Transcript

needs_speech = pytest.mark.skipif(not SPEECH.exists(), reason="no recorded speech: set VOICECLI_SPEECH")
TIMER = "set a timer for twenty minutes"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of our own, in which the domain is made once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def timer() -> Samples:
    return say([(TIMER, SPEAKERS[0])])[0]


async def _pieces(samples: Samples, size: int = 1600) -> AsyncIterator[Samples]:
    for start in range(0, len(samples), size):
        await asyncio.sleep(0)
        yield samples[start : start + size]


async def _spoken(samples: Samples) -> AsyncIterator[Samples]:
    """About as fast as it is said, so that there is time for partial transcripts."""
    async for piece in _pieces(samples):
        await asyncio.sleep(len(piece) / LISTENING_RATE)
        yield piece


async def _heard(engine: PocketsphinxRecognizer, samples: Samples) -> list[Transcript]:
    return [transcript async for transcript in engine.transcribe(_pieces(samples))]


def _hear(*utterances: Samples, domain: str | None = None, **options: Any) -> list[list[Transcript]]:
    """What is understood of each, one after the other."""

    async def run() -> list[list[Transcript]]:
        async with PocketsphinxRecognizer(PocketsphinxOptions(**options), domain) as engine:
            return [await _heard(engine, samples) for samples in utterances]

    return asyncio.run(run())


def test_a_request_is_understood(timer: Samples) -> None:
    async def run() -> list[Transcript]:
        async with PocketsphinxRecognizer(domain=jsgf()) as engine:
            return [transcript async for transcript in engine.transcribe(_spoken(timer))]

    *partials, last = asyncio.run(run())
    assert last.text == TIMER
    assert last.final
    assert last.confidence is not None
    assert last.confidence > 0.5
    assert partials
    assert not any(partial.final for partial in partials)
    assert len({partial.text for partial in partials}) == len(partials)


def test_most_requests_are_understood() -> None:
    """Requests of every kind, the speakers taking turns."""
    chosen = [text for text in requests(3, 200) if len(text.split()) <= 8][:72]
    pairs = [(text, SPEAKERS[at % len(SPEAKERS)]) for at, text in enumerate(chosen)]
    assert len(pairs) >= 60
    finals = [found[-1] for found in _hear(*say(pairs), domain=jsgf())]
    wrong = [
        f"{speaker.voice}: {text!r} heard as {final.text!r} ({final.confidence})"
        for (text, speaker), final in zip(pairs, finals, strict=True)
        if not understood(final.text, text)
    ]
    assert len(wrong) <= len(pairs) // 10, "\n".join(wrong)


def test_wishes_for_the_voice_are_understood() -> None:
    wishes = ["louder", "speak up", "a bit slower", "speed up", "normal volume"]
    finals = [
        found[-1].text for found in _hear(*say([(text, SPEAKERS[0]) for text in wishes]), domain=jsgf())
    ]
    assert finals == wishes


@needs_speech
def test_people_are_understood() -> None:
    said = {
        "assistant-en-whattimeisit.wav": "what time is it",
        "assistant-en-goforward.wav": "go forward ten meters",
        "assistant-en-launch-firefox.wav": "launch firefox",
        "assistant-en-would-you-please-turn-on-living-room-lamp.wav": (
            "would you please turn on the living room lamp"
        ),
        "assistant-en-myVoiceIsMyPassportVerifyMe01.wav": "my voice is my passport verify me",
    }
    found = _hear(*(recorded(name) for name in said), domain=jsgf())
    assert [transcripts[-1].text for transcripts in found] == list(said.values())


@needs_speech
def test_dictation_without_a_domain() -> None:
    found = _hear(recorded("assistant-en-myVoiceIsMyPassportVerifyMe01.wav"))[0]
    assert errors(words(found[-1].text), words("my voice is my passport verify me")) <= 2


def test_nothing_said_is_no_text() -> None:
    nothing = np.zeros(0, np.float32)
    silence = np.zeros(LISTENING_RATE, np.float32)
    hum = (0.01 * np.sin(np.arange(LISTENING_RATE) / 50)).astype(np.float32)
    found = _hear(nothing, silence, hum, domain=jsgf())
    assert [[(t.text, t.final) for t in transcripts] for transcripts in found] == [[("", True)]] * 3


def test_speech_goes_on_after_a_pause(timer: Samples) -> None:
    """As a conversation does: the beginning alone, then again with the rest."""
    begun = timer[: len(timer) // 2]
    found = _hear(begun, timer, domain=jsgf())
    assert found[0][-1].final
    assert found[1][-1].text == TIMER


def test_an_abandoned_utterance_leaves_nothing(timer: Samples) -> None:
    bye = say([("goodbye", SPEAKERS[0])])[0]

    async def run() -> list[Transcript]:
        async with PocketsphinxRecognizer(PocketsphinxOptions(workers=1), jsgf()) as engine:
            transcripts = engine.transcribe(_pieces(timer))
            await anext(transcripts)
            await transcripts.aclose()  # type: ignore[attr-defined] # an async generator, as every engine's
            return await _heard(engine, bye)

    assert asyncio.run(run())[-1].text == "goodbye"


@pytest.mark.parametrize("workers", [1, 2])
def test_utterances_may_overlap(workers: int, timer: Samples) -> None:
    async def run() -> list[str]:
        async with PocketsphinxRecognizer(PocketsphinxOptions(workers=workers), jsgf()) as engine:
            return [
                found[-1].text for found in await asyncio.gather(*(_heard(engine, timer) for _ in range(3)))
            ]

    assert asyncio.run(run()) == [TIMER] * 3


def test_a_failing_microphone_is_heard_of(timer: Samples) -> None:
    async def broken() -> AsyncIterator[Samples]:
        yield timer[:1600]
        raise DeviceLost("The microphone is gone.")

    async def run() -> list[Transcript]:
        async with PocketsphinxRecognizer(domain=jsgf()) as engine:
            with pytest.raises(DeviceLost):
                _ = [transcript async for transcript in engine.transcribe(broken())]
            return await _heard(engine, timer)

    assert asyncio.run(run())[-1].text == TIMER


def test_wrong_samples_are_refused() -> None:
    with pytest.raises(BadRequest, match="int16"):
        _hear(np.zeros(1600, np.int16))  # type: ignore[arg-type] # that is the point


def test_a_killed_process_is_replaced(timer: Samples) -> None:
    async def run() -> list[Transcript]:
        async with PocketsphinxRecognizer(domain=jsgf()) as engine:

            async def killing() -> AsyncIterator[Samples]:
                yield timer[:16000]
                _kill_children(os.getpid())
                yield timer[16000:]

            return [transcript async for transcript in engine.transcribe(killing())]

    assert asyncio.run(run())[-1].text == TIMER


def test_what_kills_two_processes_is_given_up(timer: Samples) -> None:
    async def run() -> list[Transcript]:
        async with PocketsphinxRecognizer(domain=jsgf()) as engine:

            async def killing() -> AsyncIterator[Samples]:
                for _ in range(100):
                    yield timer[:1600]
                    _kill_children(os.getpid())
                    await asyncio.sleep(0.2)

            with pytest.raises(Unavailable, match="signal 9"):
                _ = [transcript async for transcript in engine.transcribe(killing())]
            return await _heard(engine, timer)

    assert asyncio.run(run())[-1].text == TIMER


def test_a_hung_process_is_replaced(timer: Samples) -> None:
    """As in the server: five seconds without a sign of life, and another one hears the utterance anew."""

    async def run() -> list[Transcript]:
        async with PocketsphinxRecognizer(PocketsphinxOptions(workers=1), jsgf()) as engine:
            [hung] = _children(os.getpid())
            os.kill(hung, signal.SIGSTOP)
            found = await _heard(engine, timer)
            assert not _is_alive(hung)
            return found

    assert asyncio.run(asyncio.wait_for(run(), 60))[-1].text == TIMER


def test_a_process_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-1")
    monkeypatch.setenv("HARMLESS", "yes")

    async def run() -> bytes:
        async with PocketsphinxRecognizer():
            [worker] = _children(os.getpid())
            return await asyncio.to_thread(Path(f"/proc/{worker}/environ").read_bytes)

    environment = asyncio.run(run())
    assert b"HARMLESS=yes" in environment
    assert b"sk-1" not in environment


def test_no_process_is_left_behind(timer: Samples) -> None:
    _hear(timer, domain=jsgf())
    assert not _children(os.getpid())


def test_a_killed_parent_takes_it_along() -> None:
    program = (
        "import asyncio\n"
        "from voicecli.providers.pocketsphinx import PocketsphinxRecognizer\n"
        "async def run():\n"
        "    async with PocketsphinxRecognizer():\n"
        "        print('open', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"open\n"
        [worker] = _children(parent.pid)
        parent.send_signal(signal.SIGKILL)
    patience = time.monotonic() + 20
    while _is_alive(worker) and time.monotonic() < patience:
        time.sleep(0.02)
    assert not _is_alive(worker)


def test_a_bad_grammar_is_refused() -> None:
    with pytest.raises(BadRequest, match="<b> is used and not defined"):
        _hear(domain="public <a> = <b>;")


def test_a_cache_that_cannot_be_written(
    timer: Samples, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert _hear(timer, domain="public <a> = set a timer for twenty minutes;")[0][-1].text == TIMER


def test_missing_says_what_to_do(tmp_path: Path) -> None:
    missing = PocketsphinxRecognizer.missing
    assert missing(PocketsphinxOptions()) is None
    assert missing(PocketsphinxOptions(language="en-GB")) is None
    assert "no model for de-DE" in str(missing(PocketsphinxOptions(language="de-DE")))
    assert "no.dict" in str(missing(PocketsphinxOptions(dictionary=str(tmp_path / "no.dict"))))
    own = {"acoustic_model": str(tmp_path), "dictionary": str(tmp_path), "language_model": str(tmp_path)}
    assert missing(PocketsphinxOptions(language="de-DE", **own)) is None


def test_missing_models_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        _hear(acoustic_model=str(tmp_path / "nowhere"))


def test_broken_models_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot load"):
        _hear(acoustic_model=str(tmp_path))


def test_options_out_of_bounds() -> None:
    with pytest.raises(SettingsError, match=r"asr\.pocketsphinx\.workers"):
        PocketsphinxRecognizer(PocketsphinxOptions(workers=0))


@pytest.mark.benchmark
def test_understanding_of_every_speaker() -> None:
    """Prints the share understood by speaker; the test above holds a part of it to a limit."""
    texts = requests(11, 90)
    for speaker in SPEAKERS:
        pairs = [(text, speaker) for text in texts]
        finals = [found[-1] for found in _hear(*say(pairs), domain=jsgf())]
        right = [understood(final.text, text) for (text, _), final in zip(pairs, finals, strict=True)]
        print(f"{speaker}: {np.mean(right):.3f} of {len(right)}")


@pytest.mark.benchmark
@needs_speech
def test_word_errors_in_dictation() -> None:
    """Prints the word error rate of dictation by kind of recording."""
    chosen = [entry for entry in recordings() if entry.get("wer_ok") and entry["lang"] == "en"]
    finals = [found[-1].text for found in _hear(*(recorded(str(entry["file"])) for entry in chosen))]
    tally: dict[str, list[int]] = {}
    for entry, text in zip(chosen, finals, strict=True):
        said = words(str(entry["transcript"]))
        wrong = errors(words(text), said)
        for kind in (str(entry["kind"]), "all"):
            counts = tally.setdefault(kind, [0, 0])
            counts[0] += wrong
            counts[1] += len(said)
    for kind, (wrong, count) in tally.items():
        print(f"{kind}: {wrong / count:.2f} of {count} words")


@pytest.mark.benchmark
def test_time_after_the_end(timer: Samples) -> None:
    """Prints how long the final transcript takes after live audio, and after audio that comes all at once."""

    async def run(pace: float) -> float:
        async def microphone() -> AsyncIterator[Samples]:
            began = time.perf_counter()
            for start in range(0, len(timer), 512):
                due = began + pace * (start + 512) / LISTENING_RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                yield timer[start : start + 512]
            ended.append(time.perf_counter())

        ended: list[float] = []
        async with PocketsphinxRecognizer(domain=jsgf()) as engine:
            _ = [transcript async for transcript in engine.transcribe(microphone())]
            return time.perf_counter() - ended[0]

    live = [asyncio.run(run(1.0)) for _ in range(5)]
    print(f"final after {len(timer) / LISTENING_RATE:.2f} s of live audio: {np.median(live) * 1000:.0f} ms")
    print(f"the same all at once: {np.median([asyncio.run(run(0.0)) for _ in range(5)]) * 1000:.0f} ms")


def _children(parent: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "workers.desk" in line]


def _kill_children(parent: int) -> None:
    for child in _children(parent):
        os.kill(child, signal.SIGKILL)


def _is_alive(process: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
    return bool(listed.stdout.strip()) and not listed.stdout.strip().startswith("Z")
