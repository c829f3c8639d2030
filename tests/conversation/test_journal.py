"""Saved conversations survive whatever happens to the process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from voicecli.conversation.journal import FILE, Journal, earlier_messages, find_saved, saved_conversations
from voicecli.errors import SaveError, UsageError


def test_records_come_back(tmp_path):
    journal = Journal(tmp_path, {"engines": {"llm": "assistant"}})
    journal.write({"event": "turn", "transcript": "hello", "heard": "Hi — Grüße."})
    journal.close()
    saved = find_saved(tmp_path)
    header, turn = saved.records()
    assert header["id"] == saved.id == journal.id
    assert turn["heard"] == "Hi — Grüße."
    assert [message.content for message in earlier_messages(saved)] == ["hello", "Hi — Grüße."]


def test_two_in_one_second_have_their_own_folders(tmp_path):
    journals = [Journal(tmp_path, {}) for _ in range(3)]
    assert len({journal.folder for journal in journals}) == 3
    for journal in journals:
        journal.close()
    assert len(saved_conversations(tmp_path)) == 3


def test_beginning_of_an_id_finds_it(tmp_path):
    journal = Journal(tmp_path, {})
    journal.close()
    assert find_saved(tmp_path, journal.id[:8]).id == journal.id
    with pytest.raises(UsageError, match="1999"):
        find_saved(tmp_path, "1999")


def test_nothing_saved_says_so(tmp_path):
    with pytest.raises(UsageError, match="No conversation"):
        find_saved(tmp_path / "none")


def test_line_that_was_cut_off_is_left_out(tmp_path):
    journal = Journal(tmp_path, {})
    journal.write({"event": "turn", "transcript": "one"})
    journal.close()
    with (journal.folder / FILE).open("a") as file:
        file.write('{"event": "turn", "transc')
    assert len(list(find_saved(tmp_path).records())) == 2


def test_unwritable_folder_is_one_sentence(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SaveError, match="cannot be saved"):
        Journal(file / "below", {})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_is_told_once(tmp_path):
    journal = Journal(tmp_path, {})
    journal._file.close()
    journal._file = Path("/dev/full").open("w")  # noqa: SIM115 - the journal closes it
    with pytest.raises(SaveError, match="no longer saved"):
        journal.write({"event": "turn"})
    journal.write({"event": "turn"}, sync=True)
    journal.close()


def test_killed_process_loses_nothing_written(tmp_path):
    code = (
        "import sys, time, pathlib\n"
        "from voicecli.conversation.journal import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), {})\n"
        "for number in range(100):\n"
        "    journal.write({'event': 'turn', 'turn': number})\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert [record.get("turn") for record in find_saved(tmp_path).records()][1:] == list(range(100))


def test_folder_is_the_users_own(tmp_path):
    journal = Journal(tmp_path, {})
    journal.close()
    assert json.loads((journal.folder / FILE).read_text())["event"] == "conversation"
    assert journal.folder.stat().st_mode & 0o077 == 0


def conversation(root, *turns, **header):
    journal = Journal(root, header)
    for turn in turns:
        journal.write({"event": "turn", **turn})
    journal.close()
    return journal.id


def told(saved):
    return [message.content for message in earlier_messages(saved)]


def test_chain_of_continued_conversations_keeps_everything(tmp_path):
    first = conversation(tmp_path, {"transcript": "one", "heard": "First."})
    second = conversation(tmp_path, {"transcript": "two", "heard": "Second."}, continues=first)
    conversation(tmp_path, {"transcript": "three", "heard": "Third."}, continues=second)
    assert told(find_saved(tmp_path)) == ["one", "First.", "two", "Second.", "three", "Third."]
    (tmp_path / first / FILE).unlink()
    assert told(find_saved(tmp_path)) == ["two", "Second.", "three", "Third."]


def test_chain_that_bites_its_tail_ends(tmp_path):
    journal = Journal(tmp_path, {})
    journal.close()
    header = {"event": "conversation", "continues": journal.id}
    (journal.folder / FILE).write_text(json.dumps(header) + "\n")
    assert told(find_saved(tmp_path, journal.id)) == []


def test_latest_is_the_latest_with_words(tmp_path):
    said = conversation(tmp_path, {"transcript": "one", "heard": "First."})
    empty = conversation(tmp_path)
    conversation(tmp_path, {"transcript": "", "heard": "", "error": "Down."})
    assert find_saved(tmp_path).id == said
    assert find_saved(tmp_path, empty).id == empty


def test_earlier_messages_are_what_the_model_was_told(tmp_path):
    conversation(
        tmp_path,
        {"transcript": "set a timer", "heard": "", "interrupted": True},
        {"transcript": "for tea", "heard": "Done.", "interrupted": False},
        {"transcript": "never mind", "heard": "", "interrupted": True, "dropped": True},
        {"transcript": "", "heard": "Your tea is ready."},
    )
    assert told(find_saved(tmp_path)) == ["set a timer for tea", "Done.", "Your tea is ready."]
