"""The latencies that are reported, against what a recorder outside the program hears.

Both recordings are on the machine's monotonic clock, as the marks are. On the outside, speech has stopped at
its last sample of at least -34 dBFS (0.02) and sound has begun at the first of at least -40 dBFS (0.01); the
bundled voice ends its words abruptly and the simulated voice begins with a tone, so other thresholds would
move neither by more than a few milliseconds.
"""

import asyncio
import json
import re
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from tests.audio.encoded import buzz
from tests.cli.program import SIMULATED, Program, await_event, ended, question
from tests.providers.openai_server import Exchange, serving
from tests.sound.server import is_missing, sound_server, undisturbed

pytestmark = [
    pytest.mark.sound,
    pytest.mark.alone,
    pytest.mark.skipif(is_missing(), reason="needs pulseaudio, pulseaudio-utils and libasound2-plugins"),
]

_PROMISED = re.search(
    r"at most\s+(\d+) ms in the median and (\d+) ms at worst.*by at most\s+(\d+) ms",
    (Path(__file__).parents[2] / "docs" / "latency.md").read_text(),
    re.DOTALL,
)
assert _PROMISED is not None
MEDIAN, WORST, REQUEST = (int(number) / 1000 for number in _PROMISED.groups())  # seconds
TURNS = 10
SPEECH = 0.02
SOUND = 0.01


def voice_to_voice() -> None:
    inside, outside = [], []
    with sound_server() as server, server.recording("speaker.monitor") as air:
        asked = question(Path(server.env["HOME"]), "What time is it?")
        with server.recording("micfeed.monitor") as room:
            program = Program(Path(server.env["HOME"]), server.env, preloaded=False)
            process = program.start(
                *["talk", *SIMULATED, "--no-save", "--json", "--turns", TURNS],
                *["--set", 'llm.simulated.texts=["Yes."]', "--set", "llm.simulated.ttft=0.1"],
            )
            await_event(process, lambda event: event["event"] == "ready")
            server.settle(room, air)
            for _ in range(TURNS):
                server.say(asked)
                turn = await_event(process, lambda event: event["event"] == "turn")
                inside.append(turn["spans"]["voice_to_voice"])
                assert turn["underruns"] == 0
                time.sleep(0.35)
            end = ended(process)
            assert end.status == 0
            time.sleep(0.2)
        speech, sounds = room.sounds(SPEECH), air.sounds(SOUND)
    assert len(speech) == len(sounds) == TURNS
    for (_, stopped), (began, _) in zip(speech, sounds, strict=True):
        outside.append(began - stopped)
    apart = [a - b for a, b in zip(inside, outside, strict=True)]
    print(json.dumps({"inside": inside, "outside": outside, "apart": apart}))
    assert abs(statistics.median(apart)) <= MEDIAN, apart
    assert max(map(abs, apart)) <= WORST, apart


def time_to_first_audio() -> None:
    """Outside, it lasts from the request's arrival at the speech server to the sound at the loudspeaker.

    What comes before that arrival (making the request) is seen inside only, so `ttfa` may be longer than what
    is seen outside, but not shorter; `playout` begins with the first byte of speech, which both see.
    """
    silence, length = 0.1, 0.5
    voice = np.concatenate([np.zeros(round(24_000 * silence)), buzz(24_000, length)])
    requested: list[float] = []
    sent: list[float] = []

    async def speech(exchange: Exchange) -> None:
        requested.append(time.monotonic())
        exchange.head(200, {"content-type": "audio/pcm", "transfer-encoding": "chunked"})
        await asyncio.sleep(0.15)
        sent.append(time.monotonic())
        data = (voice * 32767).astype("<i2").tobytes()
        for start in range(0, len(data), 4800):  # 100 ms of sound, at three times its pace
            exchange.chunk(data[start : start + 4800])
            await exchange.writer.drain()
            await asyncio.sleep(0.033)
        exchange.writer.write(b"0\r\n\r\n")

    async def speak() -> list[dict[str, float]]:
        spans = []
        async with serving(speech=speech) as api:
            settings = [f"tts.openai.base_url={api.url}", "tts.openai.api_key_env=", "player.prebuffer=0.1"]
            words = [word for setting in settings for word in ("--set", setting)]
            for _ in range(3):
                process = program.start("tts", "Hello.", "--tts", "openai", "--json", *words)
                end = await asyncio.to_thread(ended, process)
                assert end.status == 0, end.errors
                spans.append(json.loads(end.text)["spans"])
        return spans

    with sound_server() as server, server.recording("speaker.monitor") as air:
        server.settle(air)
        program = Program(Path(server.env["HOME"]), server.env, preloaded=False)
        inside = asyncio.run(speak())
        time.sleep(0.3)
        sounds = air.sounds(SOUND)
    assert len(sounds) == len(requested) == 3
    heard = [began for began, _ in sounds]
    ttfa = [a["ttfa"] - (b - c) for a, b, c in zip(inside, heard, requested, strict=True)]
    playout = [a["playout"] - (b - c) for a, b, c in zip(inside, heard, sent, strict=True)]
    print(json.dumps({"inside": inside, "ttfa apart": ttfa, "playout apart": playout}))
    assert abs(statistics.median(playout)) <= MEDIAN, playout
    assert max(map(abs, playout)) <= WORST, playout
    assert -MEDIAN <= statistics.median(ttfa) <= REQUEST, ttfa
    assert min(spans["ttfa"] for spans in inside) > 0.15 + silence  # silence in the audio does not count
    lasted = [stopped - began for began, stopped in sounds]
    assert lasted == pytest.approx([length] * 3, abs=0.01)  # nothing is cut off, nothing breaks


def test_voice_to_voice() -> None:
    undisturbed(voice_to_voice)


def test_time_to_first_audio() -> None:
    undisturbed(time_to_first_audio)
