"""`voicecli talk` without devices: files, pipes, typed lines, bad input."""

import itertools
import json
import os
import socket
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.cli.program import ANSWER, QUICK, SHORT, SIMULATED, Ended, Program, await_event, ended, question

MARKS = [
    "speech_started",
    "speech_stopped",
    "soft_end",
    "turn_ended",
    "transcript",
    "first_token",
    "first_phrase",
    "first_chunk",
    "first_sound",
    "reply_ended",
    "playback_finished",
]
SPANS = ["endpoint", "asr", "ttft", "phrase", "ttfb", "playout", "ttfa", "voice_to_voice"]
STATISTICS = {"p50", "p90", "p95", "p99", "min", "max", "n"}
HEARD = "What is the weather like today?"  # what the simulated recogniser understands


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def samples(path: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        data = file.readframes(file.getnframes())
        assert len(data) == 2 * file.getnframes()
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768, file.getframerate()


def sounds(audio: np.ndarray, rate: int) -> tuple[float, float]:
    """Where the sound begins and ends, in seconds."""
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    return loud[0] / rate, loud[-1] / rate


def raw(path: Path) -> bytes:
    """As a pipe brings it: s16le at 16 kHz, with the room before and after."""
    audio, rate = samples(path)
    at = np.arange(0, len(audio), rate / 16_000)
    room = np.zeros(16_000, np.float32)
    heard = np.concatenate([room, np.interp(at, np.arange(len(audio)), audio), room, room])
    return (heard * 32767).astype("<i2").tobytes()


# The JSON contract


def test_events_of_a_turn(program: Program, tmp_path: Path) -> None:
    end = program.talk("--mic", question(tmp_path), "--speaker", "null")
    assert end.status == 0
    assert end.errors == ""
    kinds = [event["event"] for event in end.events()]
    assert kinds[0] == "ready"
    assert kinds[-1] == "summary"
    assert set(kinds) == {
        "ready",
        "state",
        "speech_started",
        "speech_stopped",
        "transcript",
        "reply",
        "turn",
        "summary",
    }
    ready = end.event("ready")
    assert ready["engines"] == {"asr": "simulated", "llm": "simulated", "tts": "simulated", "vad": "silero"}
    assert ready["devices"] == {"mic": str(tmp_path / "question.wav"), "speaker": "nowhere"}
    assert ready["rates"] == {"mic": 22_050, "speaker": 24_000}
    assert [(state["from"], state["to"]) for state in end.events("state")] == [
        ("LISTENING", "PROCESSING"),
        ("PROCESSING", "THINKING"),
        ("THINKING", "SPEAKING"),
        ("SPEAKING", "LISTENING"),
    ]
    assert all(isinstance(state["time"], float) for state in end.events("state"))
    assert {state["turn"] for state in end.events("state")} == {1}
    final = [transcript for transcript in end.events("transcript") if transcript["final"]]
    assert [(transcript["turn"], transcript["text"]) for transcript in final] == [(1, HEARD)]
    assert end.event("reply")["text"] == ANSWER


def test_account_of_a_turn(program: Program, tmp_path: Path) -> None:
    end = program.talk("--mic", question(tmp_path), "--speaker", "null")
    turn = end.event("turn")
    assert turn["turn"] == 1
    assert (turn["transcript"], turn["reply"], turn["heard"]) == (HEARD, ANSWER, ANSWER)
    assert turn["interrupted"] is False
    assert turn["error"] is None
    assert list(turn["marks"]) == MARKS
    assert list(turn["spans"]) == SPANS
    assert turn["marks"]["speech_stopped"] == 0.0
    assert turn["marks"]["speech_started"] < -1.0
    for budget in turn["budget"].values():
        assert set(budget) == {"limit", "value", "ok"}
    assert set(turn["speculation"]) >= {"hits", "misses", "saved", "wasted_tokens"}
    assert turn["underruns"] == 0
    summary = end.event("summary")
    assert summary["turns"] == 1
    assert list(summary["spans"]) == list(summary["waited"]) == SPANS
    assert set(summary["over"]) == set(turn["budget"])
    assert all(set(spans) == STATISTICS for spans in summary["spans"].values())


def test_unset_is_null(program: Program) -> None:
    """A typed turn has no soft end, and a reply without a voice has no sound."""
    end = program.talk("--text", "--speaker", "null", "--set", "tts.simulated.fail=refuse", stdin=b"hello\n")
    turn = end.event("turn")
    assert turn["marks"]["soft_end"] is None
    assert turn["marks"]["first_sound"] is None
    assert turn["spans"]["voice_to_voice"] is None
    assert end.event("summary")["spans"]["voice_to_voice"] is None
    assert turn["error"].startswith("The simulated voice refuses")


def test_verbose_tokens(program: Program) -> None:
    end = program.talk("--text", "--speaker", "null", "--verbose", stdin=b"hello\n")
    assert "".join(token["text"] for token in end.events("token")) == ANSWER


# Microphones


def test_file_in_real_time(program: Program, tmp_path: Path) -> None:
    words = ["talk", *SIMULATED, *SHORT, "--no-save", "--json", "--real-time", "--speaker", "null"]
    end = program.run(*words, "--mic", question(tmp_path))
    turn = end.event("turn")
    assert turn["transcript"] == HEARD
    # What took place in real time adds up: its waits are those that the engines were told to have.
    assert turn["spans"]["endpoint"] >= 0.3
    assert turn["marks"]["transcript"] >= 0.3
    assert turn["spans"]["ttfa"] >= 0.15


def test_pipe_as_microphone(program: Program, tmp_path: Path) -> None:
    sound = raw(question(tmp_path))
    end = program.talk("--mic", "-", "--speaker", "null", stdin=sound + b"\x01")  # half a sample at the end
    assert end.status == 0
    assert end.event("ready")["rates"]["mic"] == 16_000
    assert end.event("turn")["transcript"] == HEARD


@pytest.mark.parametrize("sound", [b"", b"\0", bytes(64_000)], ids=["empty", "a byte", "silence"])
def test_nothing_on_the_pipe(program: Program, sound: bytes) -> None:
    end = program.talk("--mic", "-", "--speaker", "null", stdin=sound)
    assert end.status == 0
    assert end.event("summary")["turns"] == 0
    assert "standard input" in end.event("warning")["message"]


def test_garbage_on_the_pipe(program: Program) -> None:
    garbage = np.random.default_rng(3).bytes(200_001)
    end = program.talk("--mic", "-", "--speaker", "null", stdin=garbage)
    assert end.status == 0
    assert end.events()[-1]["event"] == "summary"


def test_missing_file(program: Program) -> None:
    program.talk("--mic", "nothing.wav", "--speaker", "null").refuses(2, "There is no file nothing.wav")


def test_file_that_is_not_audio(program: Program, tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_text("This is not a recording.")
    program.talk("--mic", "noise.wav", "--speaker", "null").refuses(1, "noise.wav is not audio")
    (tmp_path / "empty.wav").touch()
    program.talk("--mic", "empty.wav", "--speaker", "null").refuses(1, "empty.wav is empty")


# Loudspeakers


def test_sound_on_stdout(program: Program, tmp_path: Path) -> None:
    """Nothing but samples: what people and programs read goes to the error output."""
    end = program.run(
        "talk",
        *SIMULATED,
        *SHORT,
        "--fast",
        "--no-save",
        "--mic",
        question(tmp_path),
        "--speaker",
        "-",
        "--json",
    )
    assert end.status == 0
    sound = np.frombuffer(end.out, "<i2").astype(np.float32) / 32768
    assert 0.25 < np.max(np.abs(sound)) < 0.35  # the tones of the simulated voice
    assert len(sound) / 24_000 == pytest.approx(len(ANSWER) / 15, rel=0.1)
    events = [json.loads(line) for line in end.errors.splitlines()]
    assert events[-1]["event"] == "summary"


def test_speaker_file_is_in_step(program: Program, tmp_path: Path) -> None:
    """In real time, the file has the time between the sounds as well."""
    words = ["talk", *SIMULATED, *SHORT, "--no-save", "--json"]
    end = program.run(*words, "--mic", question(tmp_path), "--speaker", "answer.wav")
    turn = end.event("turn")
    audio, rate = samples(tmp_path / "answer.wav")
    assert rate == 24_000
    begin, stop = sounds(audio, rate)
    reply = turn["marks"]["playback_finished"] - turn["marks"]["first_sound"]
    assert stop - begin == pytest.approx(reply, abs=0.05)
    # The file began with the conversation, and the question lasts longer than its speech.
    assert begin > turn["marks"]["first_sound"] - turn["marks"]["speech_started"]


def test_speaker_file_is_a_wav(program: Program, tmp_path: Path) -> None:
    mic = question(tmp_path)
    program.talk("--mic", mic, "--speaker", "answer.mp3").refuses(2, "Name it answer.wav")
    assert not (tmp_path / "answer.mp3").exists()
    before = mic.read_bytes()
    program.talk("--mic", mic, "--speaker", "./question.wav").refuses(2, "at once")
    assert mic.read_bytes() == before


def test_reader_of_the_sound_goes(program: Program, tmp_path: Path) -> None:
    process = program.start("talk", *SIMULATED, "--no-save", "--mic", question(tmp_path), "--speaker", "-")
    assert process.stdout is not None
    process.stdout.read(100)
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        errors = process.stderr.read()
    end = Ended(process.wait(60), b"", errors)
    assert end.status == 3
    assert "The reader of standard output went away." in end.errors


# Typing


def test_typed_lines(program: Program) -> None:
    end = program.talk(
        "--text",
        "--speaker",
        "null",
        "--set",
        "llm.simulated.echo=true",
        stdin="one\n\n  \nzwei ü\r\n".encode(),
    )
    assert [turn["transcript"] for turn in end.events("turn")] == ["one", "zwei ü"]
    assert [turn["reply"] for turn in end.events("turn")] == ["one", "zwei ü"]


def test_typing_needs_no_loudspeaker(program: Program) -> None:
    end = program.talk("--text", stdin=b"hello\n")
    assert end.status == 0
    assert "The answers are shown only." in end.event("warning")["message"]
    assert end.event("turn")["reply"] == ANSWER


def test_binary_lines(program: Program) -> None:
    end = program.talk("--text", "--speaker", "null", stdin=b"\xff\xfe\x00\x1b[31mhello\n\x00\n")
    assert end.status == 0
    assert all(turn["error"] is None for turn in end.events("turn"))
    assert "\x1b" not in end.event("turn")["transcript"]


def test_turns_end_it(program: Program) -> None:
    end = program.talk("--text", "--speaker", "null", "--turns", "2", stdin=b"one\ntwo\nthree\n")
    assert [turn["turn"] for turn in end.events("turn")] == [1, 2]


def test_what_is_pending_is_told_of(program: Program) -> None:
    lines = ("--text", "--llm", "assistant", "--speaker", "null")
    end = program.talk(*lines, stdin=b"wake me at 7 am\nset a tea timer for 1 hour\n")
    assert end.status == 0
    assert end.event("warning")["message"] == (
        "Will not ring, as that is only while this runs: 7:00 AM alarm, tea timer."
    )
    end = program.talk(*lines, stdin=b"wake me at 7 am\ncancel that\n")
    assert end.events("warning") == []
    assert end.events("turn")[-1]["reply"] == "I've cancelled the 7:00 AM alarm."


def test_answers_as_lines(program: Program) -> None:
    """For people and pipes: nothing is cut or wrapped, no colours."""
    words = ["talk", "--llm", "simulated", "--tts", "simulated", "--fast", "--no-save", "--text"]
    end = program.run(*words, *QUICK, "--speaker", "null", stdin=b"hello\n")
    assert "\x1b" not in end.text
    lines = end.text.splitlines()
    assert any(line.startswith("you    hello") for line in lines)
    assert any("steady pace, so that the rest of the conversation can be measured" in line for line in lines)


# Rehearsing


def test_rehearsal(program: Program) -> None:
    """The bundled voice asks, the bundled engines answer; only the recogniser is not asked."""
    questions = [
        "What time is it in Tokyo?",
        "How many kilometers is five miles?",
        "What is fifteen percent of eighty?",
    ]
    end = program.run(
        *["talk", "--rehearse", "--asr", "simulated", "--llm", "assistant", "--tts", "espeak"],
        *["--set", f"asr.simulated.texts={json.dumps(questions)}"],
        # A pause in the middle of a question would use up a text of the script.
        *["--fast", "--no-speculation", "--speaker", "null", "--no-save", "--json"],
    )
    assert end.status == 0
    turns = end.events("turn")
    assert [turn["transcript"] for turn in turns] == questions
    assert "Tokyo" in turns[0]["heard"]
    assert "eight" in turns[1]["heard"].lower() or "8" in turns[1]["heard"]
    assert "12" in turns[2]["heard"] or "twelve" in turns[2]["heard"].lower()
    assert all(turn["interrupted"] is False for turn in turns)


# Saving


def saved(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "conversation.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def typed(program: Program, *words: str, stdin: bytes = b"hello\n") -> Ended:
    given = ["talk", *SIMULATED[2:], *SHORT, *QUICK, "--fast", "--text", "--speaker", "null", "--json"]
    return program.run(*given, *words, stdin=stdin)


def test_saved_unless_told(program: Program, tmp_path: Path) -> None:
    end = typed(program)
    (folder,) = program.conversations()
    assert end.event("ready")["saved"] == str(folder)
    assert [record["event"] for record in saved(folder)] == [
        "conversation",
        "ready",
        "transcript",
        "reply",
        "turn",
        "summary",
    ]
    assert folder.stat().st_mode & 0o077 == 0
    assert typed(program, "--no-save").event("ready")["saved"] is None
    typed(program, "--save", "elsewhere")
    assert len(list((tmp_path / "elsewhere").glob("*/conversation.jsonl"))) == 1
    assert program.conversations() == [folder]


def test_save_audio(program: Program, tmp_path: Path) -> None:
    words = [
        "talk",
        *SIMULATED,
        *SHORT,
        "--save-audio",
        "--json",
        "--mic",
        question(tmp_path),
        "--speaker",
        "null",
    ]
    turn = program.run(*words).event("turn")
    (folder,) = program.conversations()
    asked, rate = samples(folder / "microphone.wav")
    begin, stop = sounds(asked, rate)
    assert stop - begin == pytest.approx(-turn["marks"]["speech_started"], abs=0.2)
    begin, stop = sounds(*samples(folder / "speaker.wav"))
    reply = turn["marks"]["playback_finished"] - turn["marks"]["first_sound"]
    assert stop - begin == pytest.approx(reply, abs=0.05)


def test_continue(program: Program) -> None:
    """The simulated model answers by the number of questions so far, and so shows what it was told."""
    texts = ["--set", 'llm.simulated.texts=["first","second","third"]']
    first = typed(program, *texts)
    id_ = Path(first.event("ready")["saved"]).name
    assert first.event("turn")["reply"] == "first"
    assert typed(program, *texts, "--continue").event("turn")["reply"] == "second"
    assert typed(program, *texts, "--continue", id_).event("turn")["reply"] == "second"
    end = typed(program, *texts, "--continue", "nonsense")
    end.refuses(2, "No conversation 'nonsense'", "voicecli history")
    assert [event["event"] for event in end.events()] == ["error", "summary"]


def test_continue_goes_on_with_the_whole_chain(program: Program) -> None:
    texts = ["--set", 'llm.simulated.texts=["first","second","third"]']
    typed(program, *texts)
    typed(program, *texts, "--continue")
    assert typed(program, *texts, "--continue").event("turn")["reply"] == "third"
    typed(program, *texts, "--continue", stdin=b"")
    assert len(program.conversations()) == 3, "one in which nothing was said leaves nothing behind"
    assert typed(program, *texts, "--continue").event("turn")["reply"] == "first", "the fourth question"


def test_continue_without_any(program: Program) -> None:
    typed(program, "--continue").refuses(2, "No conversation is saved")


def test_folder_that_cannot_be(program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    typed(program, "--save", str(tmp_path / "file" / "below")).refuses(1, "cannot be saved", "--no-save")


def test_disk_that_is_full(program: Program, tmp_path: Path) -> None:
    """The conversation goes on, says that it is no longer saved, and is fine."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (small / "filler").write_bytes(bytes(4096))
        lines = b"".join(b"question %d\n" % number for number in range(12))
        end = typed(program, "--save", str(small), stdin=lines)
        assert end.status == 0
        assert end.event("summary")["turns"] == 12
        error = end.event("error")
        assert error["kind"] == "SaveError"
        assert "no longer saved" in error["message"]
        (folder,) = small.glob("*/conversation.jsonl")
        kept = folder.read_text().splitlines()[:-1]
        assert all(json.loads(line)["event"] for line in kept)
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_disk_that_is_full_of_sound(program: Program, tmp_path: Path) -> None:
    end = program.talk("--mic", question(tmp_path), "--speaker", "/dev/full")
    end.refuses(1, "/dev/full", "disk is full")


# Budgets


def test_strict(program: Program) -> None:
    late = ["--strict", "--set", "budgets.ttft=0.00001"]
    end = typed(program, *late)
    assert end.status == 5
    assert end.event("turn")["budget"]["ttft"]["ok"] is False
    assert typed(program, "--strict").status == 0
    assert typed(program, *late[1:]).status == 0


# Wrong words


@pytest.mark.parametrize(
    ("words", "status", "parts"),
    [
        (["--asr", "simulatd"], 2, ["--asr", "'simulatd'", "Did you mean simulated?"]),
        (["--set", "asr.simulated.dely=1"], 2, ["asr.simulated.dely", "Did you mean asr.simulated.delay?"]),
        (["--set", "asr.simulated.delay=soon"], 2, ["asr.simulated.delay", "'soon'"]),
        (["--set", "nonsense"], 2, ["KEY=VALUE"]),
        (["--profile", "simulatedd"], 2, ["'simulatedd'", "Did you mean simulated?"]),
        (["--config", "nowhere.toml"], 2, ["nowhere.toml"]),
        (["--no-save", "--save-audio"], 2, ["--no-save"]),
        (["--text", "--rehearse"], 2, ["--text"]),
        (["--rehearse", "--mic", "x.wav"], 2, ["--rehearse", "--mic"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("--") else "",
)
def test_wrong_words(program: Program, words: list[str], status: int, parts: list[str]) -> None:
    program.run("talk", "--speaker", "null", *words).refuses(status, *parts)


def test_unknown_flag(program: Program) -> None:
    end = program.run("talk", "--spekaer", "null")
    assert end.status == 2
    assert "--speaker" in end.errors
    end = program.run("tak")
    assert end.status == 2
    assert "Did you mean 'talk'?" in end.errors


# Providers that fail


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("stage", ["llm", "tts"])
def test_provider_that_refuses(program: Program, stage: str) -> None:
    """Each turn is an error, and the conversation goes on to the next."""
    end = typed(program, "--set", f"{stage}.simulated.fail=refuse", stdin=b"one\ntwo\n")
    assert end.status == 4
    assert [event["event"] for event in end.events() if event["event"] in ("error", "turn")] == [
        "turn",
        "error",
        "turn",
        "error",
    ]
    for event in end.events("error"):
        assert event["kind"] == "Refused"
        assert event["recoverable"] is True
        assert "refuses the key" in event["message"]
    assert [event["turn"] for event in end.events("error")] == [1, 2]


def test_recogniser_that_fails(program: Program, tmp_path: Path) -> None:
    end = program.talk("--mic", question(tmp_path), "--speaker", "null", "--set", "asr.simulated.fail=down")
    assert end.status == 4
    assert end.event("error")["kind"] == "Unavailable"
    assert end.event("turn")["transcript"] == ""


def test_failure_that_passes(program: Program) -> None:
    failing = ["--set", "llm.simulated.fail=down", "--set", "llm.simulated.fail_on=[1]"]
    end = typed(program, *failing, stdin=b"one\ntwo\n")
    assert end.status == 0
    assert [turn["error"] is None for turn in end.events("turn")] == [False, True]


def test_address_where_nobody_is(program: Program) -> None:
    program.env["OPENAI_API_KEY"] = "none-of-importance"
    address = f"http://127.0.0.1:{closed_port()}/v1"
    words = ["--llm", "openai", "--set", f"llm.openai.base_url={address}", "--set", "llm.openai.retries=0"]
    end = typed(program, *words, stdin=b"one\ntwo\n")
    assert end.status == 4
    assert [event["kind"] for event in end.events("error")] == ["Unavailable", "Unavailable"]
    assert address.split("/")[2] in end.events("error")[0]["message"]


def test_the_error_output_says_it_too(program: Program) -> None:
    """Without --json a failed turn is a line, and the exit status tells."""
    words = ["talk", *SIMULATED[2:], "--fast", "--no-save", "--text", "--speaker", "null"]
    end = program.run(*words, "--set", "llm.simulated.fail=refuse", stdin=b"one\n")
    assert end.status == 4
    assert "error  The simulated language model refuses the key" in end.text


# Signals


@pytest.mark.parametrize("number", [2, 15, 1], ids=["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_ends_it(program: Program, number: int) -> None:
    process = program.start(
        *["talk", *SIMULATED, *SHORT, "--json", "--mic", "-", "--speaker", "null"], stdin=subprocess.PIPE
    )
    await_event(process, lambda event: event["event"] == "ready")
    process.send_signal(number)
    end = ended(process)
    assert end.status == 130
    assert end.event("summary")["turns"] == 0
    assert program.conversations() == [], "nothing was said"


def test_signal_after_a_turn_keeps_it(program: Program) -> None:
    words = ["talk", *SIMULATED[2:], *SHORT, *QUICK, "--json", "--text", "--speaker", "null"]
    process = program.start(*words, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"hello\n")
    await_event(process, lambda event: event["event"] == "turn")
    process.send_signal(2)
    assert ended(process).status == 130
    (folder,) = program.conversations()
    assert [record["event"] for record in saved(folder)][-2:] == ["turn", "summary"]


def test_signal_while_typing(program: Program) -> None:
    reader, writer = os.pipe()
    process = program.start("talk", *SIMULATED[2:], "--json", "--text", "--speaker", "null", stdin=reader)
    await_event(process, lambda event: event["event"] == "ready")
    process.send_signal(2)
    end = ended(process)
    os.close(reader)
    os.close(writer)
    assert end.status == 130


def test_turns_are_numbered(program: Program) -> None:
    end = typed(program, stdin=b"one\ntwo\n")
    numbers = [event["turn"] for event in end.events() if "turn" in event and event["event"] != "summary"]
    assert [number for number, _ in itertools.groupby(numbers)] == [1, 2]
    assert end.event("summary")["turns"] == 2
