"""Folders of recordings and their manifests."""

import json
from pathlib import Path

import numpy as np
import pytest

from voicecli.audio.recording import export_recording
from voicecli.bench.measure.recordings import choose_questions, questions_of, read_folder, speech_folder
from voicecli.errors import UsageError
from voicecli.providers.recognizer import LISTENING_RATE


def recorded(folder: Path, name: str, seconds: float = 1.0, rate: int = LISTENING_RATE) -> None:
    at = np.arange(round(seconds * rate)) / rate
    export_recording(folder / name, (0.3 * np.sin(2 * np.pi * 300 * at)).astype(np.float32), rate)


def lines(folder: Path, *rows: object) -> None:
    (folder / "manifest.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def test_folder_without_manifest(tmp_path: Path) -> None:
    recorded(tmp_path, "b.wav")
    recorded(tmp_path, "a.flac", rate=44_100)
    (tmp_path / "a.txt").write_text("What time\nis it?\n", encoding="utf-8")
    first, second = read_folder(tmp_path)
    assert (first.name, first.text, second.name, second.text) == ("a", "What time is it?", "b", "")
    assert len(first.samples()) == pytest.approx(LISTENING_RATE, abs=2)


def test_manifest_as_lines(tmp_path: Path) -> None:
    recorded(tmp_path, "q.wav")
    lines(tmp_path, {"file": "q.wav", "transcript": "Stop.", "speech_start": 0.2, "speech_end": 0.8})
    [one] = read_folder(tmp_path)
    assert (one.text, one.utterances[0].start, one.utterances[0].end) == ("Stop.", 0.2, 0.8)
    [question] = questions_of(one)
    assert question.text == "Stop."
    assert question.end == pytest.approx(0.8)


def test_rows_of_one_file_are_its_utterances(tmp_path: Path) -> None:
    recorded(tmp_path, "two.wav", 4.0)
    text = "file,text,start,end\ntwo.wav,Second.,2.5,3.0\ntwo.wav,First.,0.5,1.0\n"
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    [one] = read_folder(tmp_path)
    assert [utterance.text for utterance in one.utterances] == ["First.", "Second."]
    first, second = questions_of(one)
    assert (first.name, second.name) == ("two 1", "two 2")
    assert first.end == pytest.approx(0.9)  # 0.4 s of the recording come before it
    assert second.duration == pytest.approx(0.5 + 2 * 0.4)


def test_text_nobody_vouches_for(tmp_path: Path) -> None:
    recorded(tmp_path, "q.wav", 3.0)
    utterances = [{"start": 0.5, "end": 1.0, "text": "A."}, {"start": 2.0, "end": 2.5, "wer_ok": False}]
    lines(tmp_path, {"file": "q.wav", "utterances": utterances})
    assert not read_folder(tmp_path)[0].scored


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "line 1: `file` is missing"),
        ({"file": "none.wav"}, "line 1: there is no file"),
        ({"file": "q.wav", "start": 1.0}, "both `start` and `end`"),
        ({"file": "q.wav", "start": 1.0, "end": 0.5}, "cannot last from 1 to 0.5 s"),
        ({"file": "q.wav", "start": "soon", "end": 2}, "`start` is a number of seconds, not 'soon'"),
        ({"file": "q.wav", "utterances": "two"}, "`utterances` is a list"),
        ({"file": "q.wav", "utterances": [{"text": "A."}]}, "each of `utterances` needs"),
        ([1], "an object is due"),
    ],
)
def test_wrong_manifest_is_named(tmp_path: Path, row: object, said: str) -> None:
    recorded(tmp_path, "q.wav")
    lines(tmp_path, row)
    with pytest.raises(UsageError, match=r"manifest\.jsonl") as failure:
        read_folder(tmp_path)
    assert said in str(failure.value)


def test_folder_without_recordings(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recordings"):
        read_folder(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        read_folder(tmp_path / "none")
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="is not JSON"):
        read_folder(tmp_path)


def test_same_words_are_asked_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        recorded(tmp_path, f"{name}.wav")
    rows = [{"file": "a.wav", "text": "Stop."}, {"file": "b.wav", "text": "Stop."}, {"file": "c.wav"}]
    lines(tmp_path, *rows)
    assert [one.name for one in choose_questions(read_folder(tmp_path), 9)] == ["a", "c"]
    assert [one.name for one in choose_questions(read_folder(tmp_path), 1)] == ["a"]


def test_real_collection() -> None:
    folder = speech_folder()
    if folder is None:
        pytest.skip("no recorded speech: set VOICECLI_SPEECH")
    recordings = read_folder(folder)
    questions = choose_questions(recordings, 5, "en")
    assert len(questions) == 5
    assert all(question.text and question.end and question.end < question.duration for question in questions)
