"""Whole conversations with a real HTTP server for all three stages, turn by turn well or badly behaved."""

import asyncio
import json
import sys

import numpy as np
import pytest

from tests.audio.encoded import buzz, encoded
from tests.providers.openai_server import events, flow, hang, say, serving, talk
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.pcm import s16_bytes

VOICE = s16_bytes(buzz(24_000, 0.5))
SOUND = flow([VOICE[at : at + 4000] for at in range(0, len(VOICE), 4000)], "audio/pcm")
SAW = s16_bytes(((2 * (np.arange(24_000) * 220 / 24_000 % 1) - 1) * 0.56).astype(np.float32))
WORDS = events(
    {"type": "transcript.text.delta", "delta": "hello"},
    {"type": "transcript.text.done", "text": "hello there"},
)
ANSWER = talk("This is ", "the answer.")


async def converse(tmp_path, replies, turns, **settings):
    """`voicecli talk --text` with a server, `turns` lines typed; returns status, events and the server."""
    async with serving(**replies) as server:
        flags = [f"--set={stage}.openai.base_url={server.url}" for stage in ("asr", "llm", "tts")]
        flags += [f"--set={stage}.openai.api_key_env=" for stage in ("asr", "llm", "tts")]
        flags += [f"--set={key.replace('__', '.')}={value}" for key, value in settings.items()]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicecli", "talk", "--text", "--json", "--no-save"),
            *("--llm", "openai", "--tts", "openai", "--speaker", "null", *flags),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        out, err = await asyncio.wait_for(process.communicate(b"hello\n" * turns), 60)
        assert b"Traceback" not in err, err.decode()
        return process.returncode, [json.loads(line) for line in out.splitlines()], server


def held(tmp_path, replies, turns, **settings):
    return asyncio.run(converse(tmp_path, replies, turns, **settings))


def of(told, kind):
    return [event for event in told if event["event"] == kind]


def test_turns_go_through(tmp_path):
    status, told, server = held(tmp_path, {"chat": ANSWER, "speech": SOUND}, 3)
    assert status == 0
    assert [turn["heard"] for turn in of(told, "turn")] == ["This is the answer."] * 3
    assert not of(told, "error")
    first, *later = [turn["spans"]["voice_to_voice"] for turn in of(told, "turn")]
    print(f"first turn {first:.3f} s, later {later}")
    assert all(turn["spans"]["ttfa"] > 0 for turn in of(told, "turn"))
    assert [message["content"] for message in server.posts()[-2].json["messages"][1:]][-1] == "hello"


MISBEHAVIOURS = {
    "401": (say({"error": {"message": "wrong key"}}, 401), "Refused", "wrong key"),
    "404": (say({"error": {"message": "no such model"}}, 404), "NotFound", "no such model"),
    "429": (say({"error": {"message": "slow down"}}, 429, retry_after="30"), "RateLimited", "slow down"),
    "500": (say("broken", 500, "text/plain"), "Unavailable", ""),
    "drop": (talk("This ", end="drop"), "Dropped", ""),
    "stall": (talk("This ", end="stall"), "TimedOut", ""),
    "hang": (hang, "TimedOut", ""),
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_bad_model_costs_one_turn(tmp_path, name):
    reply, kind, words = MISBEHAVIOURS[name]
    bad = [reply] * (3 if name == "500" else 1)  # a broken server is asked again, twice
    status, told, _ = held(
        tmp_path,
        {"chat": [*bad, ANSWER], "speech": SOUND},
        2,
        llm__timeout=1.0,
        llm__openai__retries=2 if len(bad) == 3 else 0,
    )
    (error,) = of(told, "error")
    assert error["kind"] == kind
    assert words in error["message"]
    assert error["recoverable"]
    assert of(told, "turn")[-1]["heard"] == "This is the answer."
    assert status == 0


@pytest.mark.parametrize("name", ["401", "500", "drop", "stall", "hang", "json", "saw"])
def test_bad_voice_costs_one_turn(tmp_path, name):
    replies = {
        "401": say({"error": {"message": "wrong key"}}, 401),
        "500": say("broken", 500, "text/plain"),
        "drop": flow([VOICE[:4000]], "audio/pcm", "drop"),
        "stall": flow([VOICE[:4000]], "audio/pcm", "stall"),
        "hang": hang,
        "json": say({"detail": "no voice today"}),
        "saw": flow([SAW], "audio/pcm"),
    }
    status, told, server = held(
        tmp_path,
        {"chat": ANSWER, "speech": [replies[name], SOUND]},
        2,
        tts__timeout=1.0,
        tts__openai__retries=0,
    )
    assert len(of(told, "error")) == 1
    turns = of(told, "turn")
    assert turns[0]["error"]
    assert name in ("drop", "stall") or turns[0]["heard"] == ""
    assert turns[-1]["heard"] == "This is the answer."
    assert len([post for post in server.posts() if post.path.endswith("/speech")]) == 2
    assert status == 0


@pytest.mark.parametrize("kind", ["audio/mpeg", "audio/pcm"])
def test_another_sound_is_heard_as_what_it_is(tmp_path, kind):
    mp3 = encoded(StreamFormat(Codec.MP3, 24_000), 0.5)
    status, told, _ = held(tmp_path, {"chat": ANSWER, "speech": flow([mp3], kind)}, 1)
    assert (status, of(told, "error")) == (0, [])
    assert of(told, "turn")[0]["heard"] == "This is the answer."


def test_every_turn_failing_is_a_provider_failure(tmp_path):
    status, told, _ = held(
        tmp_path, {"chat": say({"error": {"message": "wrong key"}}, 401), "speech": SOUND}, 2
    )
    assert status == 4
    assert len(of(told, "error")) == 2


def test_spoken_turn_through_all_three(tmp_path):
    async def hold():
        async with serving(transcriptions=WORDS, chat=ANSWER, speech=SOUND) as server:
            flags = [f"--set={stage}.openai.base_url={server.url}" for stage in ("asr", "llm", "tts")]
            flags += [f"--set={stage}.openai.api_key_env=" for stage in ("asr", "llm", "tts")]
            process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    "voicecli",
                    "talk",
                    "--rehearse",
                    "--json",
                    "--no-save",
                    "--turns",
                    "2",
                ),
                *(
                    "--asr",
                    "openai",
                    "--llm",
                    "openai",
                    "--tts",
                    "openai",
                    "--speaker",
                    str(tmp_path / "out.wav"),
                    *flags,
                ),
                stdout=asyncio.subprocess.PIPE,
                env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            )
            out, _ = await asyncio.wait_for(process.communicate(), 60)
            return process.returncode, [json.loads(line) for line in out.splitlines()], server

    status, told, server = asyncio.run(hold())
    assert status == 0
    assert [turn["transcript"] for turn in of(told, "turn")] == ["hello there"] * 2
    uploads = [post for post in server.posts() if post.path.endswith("/transcriptions")]
    assert all(upload.form["file"].startswith(b"RIFF") for upload in uploads)
