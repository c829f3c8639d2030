"""`voicecli history`."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from tests.sound.server import write_wav
from voicecli.audio.recording import load_recording
from voicecli.cli.history import app, outline
from voicecli.conversation import events
from voicecli.conversation.journal import Saved
from voicecli.conversation.record import retold
from voicecli.errors import UsageError
from voicecli.latency.timeline import Mark, Span


def turn(number: int, transcript: str, reply: str, wait: float = 0.5) -> list[dict[str, Any]]:
    marks = {"speech_started": -1.0, "speech_stopped": 0.0, "turn_ended": 0.3, "first_sound": wait}
    return [
        {"event": "transcript", "turn": number, "text": transcript, "final": True},
        {"event": "reply", "turn": number, "text": reply},
        {
            "event": "turn",
            "turn": number,
            "transcript": transcript,
            "reply": reply,
            "heard": reply,
            "interrupted": False,
            "engines": {"llm": "assistant"},
            "marks": marks,
            "spans": {"endpoint": 0.3, "voice_to_voice": wait, "ttfb": None},
            "underruns": 0,
            "silence": 0.0,
            "speculation": {"hits": 1, "misses": 0, "saved": 0.1, "wasted_tokens": 0},
            "budget": {"voice_to_voice": {"limit": 1.0, "value": wait, "ok": True}},
            "error": None,
        },
    ]


def save(root: Path, id_: str, records: list[dict[str, Any]], rest: str = "") -> Saved:
    folder = root / id_
    folder.mkdir(parents=True)
    header = {"event": "conversation", "id": id_, "format": 1, "engines": {"llm": "assistant"}}
    lines = [json.dumps(record) + "\n" for record in [header, *records]]
    (folder / "conversation.jsonl").write_text("".join(lines) + rest, encoding="utf-8")
    return Saved(id_, folder)


READY = {
    "event": "ready",
    "engines": {"asr": "pocketsphinx", "llm": "assistant"},
    "reasons": {"asr": "the best that works here"},
    "devices": {"mic": "Built-in"},
    "rates": {"mic": 48_000},
    "saved": "/somewhere",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICECLI_SAVE__FOLDER", str(tmp_path / "saved"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "saved"


@pytest.fixture
def two(root: Path) -> Path:
    first = [READY, *turn(1, "What's the WEATHER like?", "I cannot know."), *turn(2, "Goodbye", "Bye!", 0.7)]
    save(root, "20250102-030405", first)
    save(root, "20250203-040506", [READY, *turn(1, "Größe der Straße", "Zwölf Meter.")])
    return root


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def shown(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exception is None, result.exception
    return result.stdout


def objects(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shown(*arguments).splitlines()]


@pytest.mark.usefixtures("root")
def test_nothing_saved_yet() -> None:
    for words in ([], ["list"], ["search", "x"]):
        assert "No conversation is saved" in shown(*words)
    assert objects("--json") == []
    assert isinstance(run("show").exception, UsageError)


@pytest.mark.usefixtures("two")
def test_no_word_lists() -> None:
    assert shown() == shown("list")
    lines = shown().splitlines()
    assert lines[-2].startswith("20250102-030405  Thu 02 Jan 03:04")
    assert "600 ms" in lines[-2]
    assert "What's the WEATHER like?" in lines[-2]
    assert lines[-1].startswith("20250203-040506")


def test_list_json(two: Path) -> None:
    began = 1_735_786_800.0
    path = two / "20250102-030405" / "conversation.jsonl"
    first = objects("list", "--json")[0]
    assert first == objects("--json")[0]
    assert first["event"] == "conversation"
    assert first["id"] == "20250102-030405"
    assert first["turns"] == 2
    assert first["voice_to_voice"]["p50"] == 0.6
    assert first["began"].startswith("2025-01-02T03:04:05")
    assert first["duration"] is None, "the file was touched long after"
    own = outline(Saved("20250102-030405", path.parent)).began
    assert own is not None
    os.utime(path, (began, own.timestamp() + 90.0))
    assert objects("list", "--json")[0]["duration"] == 90.0
    assert "1:30" in shown()


def test_another_folder(two: Path, tmp_path: Path) -> None:
    two.rename(tmp_path / "elsewhere")
    assert "No conversation" in shown()
    assert len(objects("--folder", str(tmp_path / "elsewhere"), "--json")) == 2
    assert len(objects("list", "--folder", str(tmp_path / "elsewhere"), "--json")) == 2
    assert "Goodbye" in shown("--folder", str(tmp_path / "elsewhere"), "show", "20250102")


@pytest.mark.usefixtures("two")
def test_show_as_talk_does() -> None:
    text = shown("show", "20250102")
    assert "pocketsphinx" in text
    lines = [line.rstrip() for line in text.splitlines()]
    said = lines.index("you    What's the WEATHER like?")
    assert lines[said + 1] == "voice  I cannot know."
    assert "  500 ms  endpoint 300" in text
    assert "voice-to-voice" in text
    assert "Straße" in shown("show"), "without an id the latest"


def test_show_json_prints_records(two: Path) -> None:
    file = two / "20250102-030405" / "conversation.jsonl"
    assert objects("show", "20250102", "--json") == [
        json.loads(line) for line in file.read_text().splitlines()
    ]


def test_unknown_id_names_the_latest(two: Path) -> None:
    error = run("show", "1999").exception
    assert isinstance(error, UsageError)
    assert "20250203-040506" in str(error)


@pytest.mark.usefixtures("two")
def test_search() -> None:
    assert objects("search", "weather", "--json") == [
        {
            "event": "match",
            "id": "20250102-030405",
            "turn": 1,
            "side": "you",
            "text": "What's the WEATHER like?",
        }
    ]
    assert [match["side"] for match in objects("search", "weather", "KNOW", "--json")] == ["you", "voice"]
    assert objects("search", "weather", "bye", "--json") == [], "both words in one turn"
    assert objects("search", "weather like", "--json")
    assert len(objects("search", "STRASSE", "--json")) == 1
    assert "20250102-030405  turn 2" in shown("search", "goodbye")
    assert "Nobody said 'zebra' in 2" in shown("search", "zebra")
    assert isinstance(run("search", " ").exception, UsageError)


def test_search_finds_only_what_was_heard(root: Path) -> None:
    records = turn(1, "Tell me about animals", "The zebra is striped. The lion is not.")
    records[-1] |= {"heard": "The zebra is", "interrupted": True}
    save(root, "20250304-050607", [READY, *records])
    assert objects("search", "lion", "--json") == []
    assert [match["text"] for match in objects("search", "zebra", "--json")] == ["The zebra is"]


def test_table_shows_what_the_budgets_are_held_against(root: Path) -> None:
    """The voice was ready 0.4 s before anybody could hear it, for the turn had not ended."""
    records = turn(1, "Hello", "Hi!", 0.35)
    records[-1]["marks"] |= {"first_chunk": -0.1}
    records[-1]["budget"]["playout"] = {"limit": 0.2, "value": 0.05, "ok": True}
    save(root, "20250304-050607", [READY, *records])
    (playout,) = [line.split() for line in shown("show").splitlines() if line.startswith("playout")]
    assert playout == ["playout", *["50", "ms"] * 4, "1", "200", "ms", "0"]


def test_killed_in_the_middle(root: Path) -> None:
    begun = turn(2, "And tomorrow?", "")[:1]
    saved = save(root, "20250304-050607", [READY, *turn(1, "Hello", "Hi!"), *begun], '{"event": "turn", "tu')
    assert outline(saved).turns == 2
    text = shown("show")
    assert "And tomorrow?" in text
    assert "no end" in text
    assert objects("search", "tomorrow", "--json")[0]["turn"] == 2


def test_turn_comes_back_as_it_was(root: Path) -> None:
    saved = save(root, "20250304-050607", [*turn(3, "Hello", "Hi!", 0.25)])
    [event] = retold(saved)
    assert isinstance(event, events.TurnFinished)
    assert event.turn == 3
    assert event.timeline.marks[Mark.FIRST_SOUND] == 0.25
    assert event.timeline.span(Span.VOICE_TO_VOICE) == 0.25
    assert event.budget[Span.VOICE_TO_VOICE].ok is True
    assert event.ledger.hits == 1
    assert event.error is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
keys = ["turn", "text", "transcript", "reply", "heard", "marks", "spans", "budget", "speculation", "error",
        "engines", "devices", "rates", "message", "underruns", "silence"]  # fmt: skip


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "event": st.sampled_from(["ready", "transcript", "reply", "turn", "warning", "error", "?"])
                | anything
            },
            optional=dict.fromkeys(keys, anything),
        ),
        max_size=4,
    )
)
def test_no_record_is_too_strange(records: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        saved = save(Path(name), "20250304-050607", records)
        list(retold(saved))
        outline(saved)
        result = run("show", "--folder", name)
        assert result.exception is None, result.exception


def test_play_mixes_both_sides(two: Path, tmp_path: Path) -> None:
    folder = two / "20250203-040506"
    write_wav(folder / "microphone.wav", np.full(8_000, 0.25), 16_000)
    write_wav(folder / "speaker.wav", np.full(24_000, 0.5), 24_000)
    assert objects("--json")[1]["sound"] == ["microphone.wav", "speaker.wav"]
    out = tmp_path / "out.wav"
    shown("play", "--speaker", str(out))
    samples, rate = load_recording(out)
    assert len(samples) == pytest.approx(rate, rel=0.01)
    assert samples[rate // 4] == pytest.approx(0.75, abs=0.02)
    assert samples[rate * 3 // 4] == pytest.approx(0.5, abs=0.02)
    shown("play", "--side", "mic", "--speaker", str(out))
    samples, rate = load_recording(out)
    assert len(samples) == pytest.approx(rate / 2, rel=0.01)


@pytest.mark.usefixtures("two")
def test_play_without_sound() -> None:
    error = run("play", "--speaker", "null").exception
    assert isinstance(error, UsageError)
    assert "--save-audio" in error.hint
