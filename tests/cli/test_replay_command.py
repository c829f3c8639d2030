"""A saved conversation, held again."""

from pathlib import Path

import pytest

from tests.cli.program import QUICK, SHORT, SIMULATED, Program, question

FAST = ["--fast", "--json"]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def settings() -> list[str]:
    return [*SIMULATED, *SHORT, *QUICK]


def test_sound_is_heard_again(program: Program, tmp_path: Path) -> None:
    mic = question(tmp_path)
    done = program.run("talk", *settings(), "--mic", mic, "--speaker", "null", "--fast", "--save-audio")
    assert done.status == 0
    again = program.run("replay", *settings(), *FAST)
    assert again.status == 0
    compared = again.event("replay")
    assert compared["id"] == program.conversations()[0].name
    assert [turn["transcript"] for turn in compared["then"]] == [
        turn["transcript"] for turn in compared["now"]
    ]
    assert compared["now"][0]["spans"]["endpoint"] > 0
    assert again.event("ready")["devices"]["mic"].endswith("microphone.wav")
    assert len(program.conversations()) == 1


def test_text_is_typed_again(program: Program) -> None:
    done = program.run(
        "talk", "--text", *settings(), "--speaker", "null", stdin=b"Hello there.\nAnd again.\n"
    )
    assert done.status == 0
    again = program.run("replay", *settings(), *FAST, "--save", "--set", 'llm.simulated.texts=["Other."]')
    assert [turn["transcript"] for turn in again.events("turn")] == ["Hello there.", "And again."]
    assert {turn["reply"] for turn in again.events("turn")} == {"Other."}
    assert len(program.conversations()) == 2


def test_people_see_a_table(program: Program) -> None:
    program.run("talk", "--text", *settings(), "--speaker", "null", stdin=b"Hello there.\n")
    shown = program.run(
        "replay", str(program.conversations()[0] / "conversation.jsonl"), *settings(), "--fast"
    )
    assert shown.status == 0
    assert "then and now" in shown.text
    assert "voice_to_voice" in shown.text


def test_any_recording(program: Program, tmp_path: Path) -> None:
    done = program.run("replay", question(tmp_path), *settings(), *FAST)
    assert done.status == 0
    assert len(done.events("turn")) == 1
    assert not done.events("replay")


def test_nothing_to_replay(program: Program, tmp_path: Path) -> None:
    program.run("replay").refuses(2, "No conversation is saved")
    program.run("talk", "--text", *settings(), "--speaker", "null", stdin=b"Hello.\n")
    program.run("replay", "no-such").refuses(2, "no-such", "history")
    wrong = tmp_path / "notes.txt"
    wrong.write_text("not a recording")
    assert program.run("replay", wrong).status in (1, 2)


def test_what_was_spoken_and_is_typed_claims_no_faster_hearing(program: Program, tmp_path: Path) -> None:
    words = ["--mic", question(tmp_path), "--speaker", "null", "--fast"]
    assert program.run("talk", *settings(), *words).status == 0
    compared = program.run("replay", *settings(), *FAST).event("replay")
    assert compared["compared"] == ["ttft", "phrase", "ttfb"]
    shown = program.run("replay", *settings(), "--fast").text
    table = shown[shown.index("then and now") :]
    assert "ttfb" in table
    assert "its sound was not saved" in table
    for span in ("voice_to_voice", "endpoint", "asr"):
        assert span not in table
