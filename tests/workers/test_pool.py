"""Jobs in real processes: what comes back, in what order, and what happens when a process dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.server.talking import QUICK, beeps, recording, until
from voicecli.errors import NotFound, ProviderError, TimedOut, Unavailable
from voicecli.providers.pocketsphinx import PocketsphinxDecoder, PocketsphinxOptions
from voicecli.providers.simulated import SimulatedRecognizer
from voicecli.workers.job import Answer
from voicecli.workers.pipe import Recipe
from voicecli.workers.pool import WorkerOptions, Workers

PLUGIN = '''
import asyncio, os
from dataclasses import dataclass
from voicecli.errors import Unavailable
from voicecli.providers.recognizer import Transcript

@dataclass(frozen=True)
class Options:
    folder: str = ""

class Recognizer:
    """Does what the first sample says."""

    name = "odd"
    Options = Options

    def __init__(self, options):
        self.options = options

    @staticmethod
    def missing(options):
        return None

    async def __aenter__(self):
        print("hello on standard output")
        if self.options.folder == "broken":
            raise RuntimeError("no such model")
        return self

    async def __aexit__(self, *exc):
        pass

    async def transcribe(self, audio):
        pieces = [piece async for piece in audio]
        what = round(float(pieces[0][0]) * 10)
        if what == 1:
            raise ZeroDivisionError("by nought")
        if what == 2:
            return
        if what == 3:
            os.kill(os.getpid(), 9)
        if what == 4:
            flag = os.path.join(self.options.folder, "died")
            if not os.path.exists(flag):
                open(flag, "w").close()
                os.kill(os.getpid(), 9)
        if what == 5:
            yield Transcript("half")
            yield Transcript("x" * 100_000, final=True)
            raise RuntimeError("after the end")
        yield Transcript(f"{sum(map(len, pieces))} samples", final=True)
'''


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """An engine that misbehaves; its workers find it as this process does."""
    (tmp_path / "voicecli_odd.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    import voicecli_odd

    yield lambda folder="": Recipe(voicecli_odd.Recognizer, voicecli_odd.Options(folder))
    del sys.modules["voicecli_odd"]


class Listener:
    """What a job's callbacks were told."""

    def __init__(self, workers, samples=None):
        self.partials = []
        self.outcome = asyncio.get_running_loop().create_future()
        self.job = workers.job(self.outcome.set_result, self.partials.append)
        if samples is not None:
            self.job.push(samples)
            self.job.end()

    @property
    def texts(self):
        return [text for text in self.partials if text]


def level(tenths, seconds=0.5):
    return np.full(round(seconds * 16_000), tenths / 10, np.float32)


def test_a_job_is_answered():
    async def run():
        async with Workers(
            Recipe(SimulatedRecognizer, replace(QUICK, partial=0.1, texts=("a b c d",))), 1
        ) as workers:
            listener = Listener(workers)
            for _ in range(10):
                listener.job.push(level(1, 0.2))
            await until(lambda: not (listener.job.lead > 0.2))
            assert not listener.outcome.done()
            assert listener.texts
            listener.job.end()
            answer = await listener.outcome
            assert (answer.text, answer.confidence) == ("a b c d", 1.0)
            assert listener.job.duration == 2.0
            assert workers.jobs == 0
            assert listener.job.pieces == []

    asyncio.run(run())


def test_waiting_for_sound_is_not_work():
    async def run():
        async with Workers(Recipe(SimulatedRecognizer, replace(QUICK, delay=0.1)), 1) as workers:
            listener = Listener(workers)
            listener.job.push(level(1))
            await asyncio.sleep(0.5)
            listener.job.end()
            assert (await listener.outcome).worked < 0.4

    asyncio.run(run())


def test_jobs_are_shared_out():
    async def run():
        slow = replace(QUICK, delay=0.2)
        async with Workers(Recipe(SimulatedRecognizer, slow), 3) as workers:
            assert workers.alive == 3
            listeners = [Listener(workers, level(1)) for _ in range(6)]
            assert sorted(len(worker.jobs) for worker in workers._workers.values()) == [2, 2, 2]
            outcomes = await asyncio.gather(*(listener.outcome for listener in listeners))
            assert all(isinstance(outcome, Answer) for outcome in outcomes)

    asyncio.run(run())


def test_defects_fail_one_job(odd):
    async def run():
        async with Workers(odd(), 1) as workers:
            listeners = [Listener(workers, level(what)) for what in (0, 1, 2, 5, 0)]
            fine, raised, silent, long, last = [await listener.outcome for listener in listeners]
            assert fine.text == last.text == "8000 samples"
            assert "by nought" in raised.message
            assert "no final transcript" in silent.message
            assert isinstance(raised, ProviderError)
            assert len(long.text) == 32_768
            assert listeners[3].texts == ["half"]

    asyncio.run(run())


def test_a_death_is_survived(odd, tmp_path):
    """The job that was under way is begun again, with all its sound."""

    async def run():
        async with Workers(odd(str(tmp_path)), 1) as workers:
            (first,) = workers.processes
            dying = Listener(workers, level(4))
            assert (await dying.outcome).text == "8000 samples"
            assert dying.job.deaths == 1
            assert workers.processes != [first]
            assert (await Listener(workers, level(0)).outcome).text == "8000 samples"

    asyncio.run(run())


def test_what_kills_twice_is_given_up(odd):
    async def run():
        async with Workers(odd(), 1) as workers:
            outcome = await Listener(workers, level(3)).outcome
            assert isinstance(outcome, Unavailable)
            assert "signal 9" in outcome.message
            assert (await Listener(workers, level(0)).outcome).text == "8000 samples"

    asyncio.run(run())


def test_a_worker_killed_in_the_middle_of_speech():
    async def run():
        async with Workers(Recipe(SimulatedRecognizer, QUICK), 1) as workers:
            listener = Listener(workers)
            listener.job.push(level(1))
            os.kill(workers.processes[0], signal.SIGKILL)
            await until(lambda: not (workers.alive))
            listener.job.push(level(1))
            listener.job.end()
            waiting = Listener(workers, level(1))
            assert (await listener.outcome).text == "one"
            assert (await waiting.outcome).text == "two"
            assert listener.job.length == 16_000

    asyncio.run(run())


def test_a_cancelled_job_is_dropped_at_once():
    async def run():
        async with Workers(Recipe(SimulatedRecognizer, replace(QUICK, delay=3600)), 1) as workers:
            listener = Listener(workers, level(1))
            await asyncio.sleep(0.1)
            listener.job.cancel()
            listener.job.cancel()
            assert workers.jobs == 0
            await asyncio.sleep(0.1)
            assert not listener.outcome.done()

    asyncio.run(run())


def test_an_engine_that_does_nothing_is_timed_out():
    async def run():
        for failure in ("hang", "stall"):
            hung = replace(QUICK, fail=failure)
            async with Workers(Recipe(SimulatedRecognizer, hung), 1, WorkerOptions(timeout=0.2)) as workers:
                ended = Listener(workers, level(1))
                running = Listener(workers)
                for _ in range(5):
                    running.job.push(level(1))
                assert isinstance(await ended.outcome, TimedOut)
                if failure == "hang":  # it has not even taken the sound
                    assert isinstance(await running.outcome, TimedOut)
                    running.job.push(level(1))
                    assert running.job.lead == 0.0
                running.job.cancel()

    asyncio.run(run())


def test_a_hung_worker_is_replaced():
    """What it had is done by another; what waits for it to read stays small, and it is not counted."""

    async def run():
        options = WorkerOptions(silence=3.0)
        async with Workers(Recipe(SimulatedRecognizer, QUICK), 1, options) as workers:
            (first,) = workers.processes
            os.kill(first, signal.SIGSTOP)
            waiting = [Listener(workers) for _ in range(20)]
            for listener in waiting:
                for _ in range(30):
                    listener.job.push(level(1, 1.0))
            worker = next(iter(workers._workers.values()))
            kept = worker._input.transport.get_write_buffer_size()
            assert sum(listener.job.length for listener in waiting) * 2 > 18e6
            assert kept < 1.1e6
            for listener in waiting:
                listener.job.end()
            await until(lambda: not workers.alive)
            assert workers.processes == [first]
            outcomes = await asyncio.gather(*(listener.outcome for listener in waiting))
            assert all(isinstance(outcome, Answer) for outcome in outcomes)
            assert workers.processes != [first]
            assert workers.alive == 1
            assert not is_running(first)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_worker_whose_engine_hangs_is_replaced():
    """It answers, and does nothing for one utterance after the other."""

    async def run():
        hung = replace(QUICK, fail="hang")
        options = WorkerOptions(timeout=0.3)
        async with Workers(Recipe(SimulatedRecognizer, hung), 1, options) as workers:
            (first,) = workers.processes
            for _ in range(2):
                assert workers.processes == [first]
                assert isinstance(await Listener(workers, level(1)).outcome, TimedOut)
            await until(lambda: workers.processes not in ([first], []))

    asyncio.run(asyncio.wait_for(run(), 30))


def test_speech_that_goes_on_is_not_overdue():
    async def run():
        quick = WorkerOptions(timeout=0.2, patience=0.2)
        async with Workers(Recipe(SimulatedRecognizer, QUICK), 1, quick) as workers:
            listener = Listener(workers)
            listener.job.push(level(1))
            await asyncio.sleep(0.9)
            listener.job.end()
            assert (await listener.outcome).text == "one"

    asyncio.run(run())


def test_an_engine_that_does_not_open_is_an_error(odd):
    async def run(recipe, error, words):
        with pytest.raises(error, match=words):
            async with Workers(recipe, 2):
                pass

    asyncio.run(run(odd("broken"), Unavailable, "no such model"))
    absent = PocketsphinxOptions(acoustic_model="/nowhere")
    asyncio.run(run(Recipe(PocketsphinxDecoder, absent), NotFound, "nowhere"))


def test_workers_die_with_their_server(tmp_path):
    """However it dies."""
    program = tmp_path / "server.py"
    program.write_text(
        "import asyncio\n"
        "from voicecli.workers.pipe import Recipe\n"
        "from voicecli.workers.pool import Workers\n"
        "from voicecli.providers.simulated import SimulatedRecognizer, SimulatedRecognizerOptions\n"
        "async def main():\n"
        "    recipe = Recipe(SimulatedRecognizer, SimulatedRecognizerOptions())\n"
        "    async with Workers(recipe, 2) as workers:\n"
        "        print(*workers.processes, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        processes = [int(word) for word in server.stdout.readline().split()]
        assert len(processes) == 2
        assert all(Path(f"/proc/{process}").exists() for process in processes)
        server.kill()
    asyncio.run(asyncio.wait_for(gone(processes), 10))


async def gone(processes):
    await until(lambda: not (any(is_running(process) for process in processes)))


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_closing_ends_the_processes():
    async def run():
        async with Workers(Recipe(SimulatedRecognizer, replace(QUICK, delay=3600)), 2) as workers:
            processes = workers.processes
            Listener(workers, level(1))
        await gone(processes)

    asyncio.run(run())


def test_the_bundled_engine_recognises():
    async def run():
        async with Workers(Recipe(PocketsphinxDecoder, PocketsphinxOptions(workers=1)), 1) as workers:
            sound = recording("assistant-en-goforward")
            answer = await Listener(workers, sound).outcome
            assert "forward" in answer.text
            assert answer.worked > 0

    asyncio.run(run())


def test_sound_is_cut_off_at_full_scale():
    async def run():
        async with Workers(Recipe(SimulatedRecognizer, QUICK), 1) as workers:
            listener = Listener(workers)
            listener.job.push(beeps(0.2) * 100)
            listener.job.push(np.zeros(0, np.float32))
            listener.job.end()
            listener.job.push(level(1))
            assert (await listener.outcome).text == "one"

    asyncio.run(run())
