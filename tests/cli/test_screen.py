"""The live screen of `voicecli talk`, in a real terminal."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, SIMULATED, environment, question

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

ANSWER = "This is an answer that goes on for a while, so that there is time to press a key or two in it."
TALK = [
    *["talk", "--rehearse", "--speaker", "null", "--no-save", *SIMULATED],
    *["--set", f'llm.simulated.texts=["{ANSWER}"]'],
]
PATIENCE = 30.0  # seconds until what is expected must be seen


class Terminal:
    """A terminal with a shell in it, of which the screen can be read."""

    def __init__(self, home: Path, columns: int, rows: int = 45) -> None:
        self._socket = home / "tmux"
        self.env = environment(home) | {"PS1": "$ ", "LANG": "C.UTF-8", "TERM": "screen-256color"}
        size = ["-x", str(columns), "-y", str(rows)]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "bash", "--norc", "--noprofile")
        self.type("stty -a > before; clear")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", str(self._socket), *words]
        done = subprocess.run(command, env=self.env, cwd=self._socket.parent, capture_output=True, check=True)
        return done.stdout.decode()

    def type(self, line: str) -> None:
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def press(self, key: str) -> None:
        self._tmux("send-keys", key)

    def start(self, *words: str) -> None:
        """Run the program; its command line is not to be seen on the screen."""
        lines = [shlex.join([*PROGRAM, *words]), "echo status=$?", "stty -a > after", "touch finished"]
        (self._socket.parent / "run").write_text("\n".join(lines))
        self.type("clear; . ./run")

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    @property
    def history(self) -> str:
        """The screen, and what has left it at the top."""
        return self._tmux("capture-pane", "-p", "-S", "-")

    def resize(self, columns: int) -> None:
        time.sleep(
            0.3
        )  # tmux tells a program of a second new size only a quarter of a second after the first
        self._tmux("resize-window", "-x", str(columns))

    def status(self) -> str:
        """The line with the state and the keys."""
        return next((line for line in reversed(self.screen.splitlines()) if re.search("[●○] ", line)), "")

    def spoken(self) -> str:
        """What has been heard of the answer."""
        return self.screen.rpartition("voice  ")[2].partition("● ")[0]

    def shows(self, wanted: str | Callable[[str], bool]) -> str:
        """Wait until the screen does; returns it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            screen = self.screen
            if wanted in screen if isinstance(wanted, str) else wanted(screen):
                return screen
            time.sleep(0.05)
        pytest.fail(f"It never shows {wanted}:\n{self.screen}")

    def state(self, name: str) -> None:
        self.shows(lambda _: re.match(f"[●○] {name}", self.status()) is not None)

    def restored(self, status: int) -> str:
        """Wait for the shell; the terminal must be as it was, with a cursor."""
        screen = self.shows(f"status={status}\n")
        folder = self._socket.parent
        deadline = time.monotonic() + PATIENCE
        while not (folder / "finished").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        before, after = ((folder / name).read_text().partition("\n") for name in ("before", "after"))
        assert after[2] == before[2]  # the first line is the size
        assert self._tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}") == "1 0\n"
        assert "● " not in screen.rsplit("status=", 1)[0].splitlines()[-1]
        return screen

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_(columns: int, rows: int = 45) -> Terminal:
        opened.append(Terminal(tmp_path, columns, rows))
        return opened[-1]

    yield open_
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: Callable[..., Terminal]) -> Terminal:
    return open_terminal(110)


def test_a_turn_on_the_screen(terminal: Terminal) -> None:
    terminal.start(*TALK, "--turns", "1", "--set", 'llm.simulated.texts=["This is a short answer."]')
    terminal.state("listening")
    partial = terminal.shows(lambda screen: re.search(r"you    What is\b", screen) is not None)
    assert "weather like today?" not in partial
    terminal.state("thinking")
    terminal.state("speaking")
    spoken = terminal.shows(lambda screen: re.search(r"voice  This\b", screen) is not None)
    assert "short answer." not in spoken  # what is shown is what has been heard
    end = terminal.restored(0)
    assert "you    What is the weather like today?" in end
    assert "voice  This is a short answer." in end
    assert re.search(r"\d+ ms  endpoint \d+ .*asr \d+.*llm \d+ .*tts \d+ .*playout \d+", end)
    assert re.search(r"voice-to-voice +\d+ ms", end)


def test_keys(terminal: Terminal) -> None:
    terminal.start(*TALK)
    terminal.state("speaking")
    terminal.shows("voice  This is an")
    terminal.press("Space")
    terminal.shows(lambda _: "paused" in terminal.status())
    time.sleep(0.3)
    held = terminal.spoken()
    time.sleep(0.7)
    assert terminal.spoken() == held  # not a word more
    terminal.press("Space")
    terminal.shows(lambda _: "paused" not in terminal.status())
    terminal.press("m")
    terminal.shows(lambda _: "muted" in terminal.status())
    terminal.press("m")
    terminal.shows(lambda _: "muted" not in terminal.status())
    terminal.press("Up")  # means nothing, and is no escape
    time.sleep(0.2)
    terminal.state("speaking")
    terminal.press("Escape")
    terminal.shows(lambda screen: re.search(r"voice  This is an.* —", screen) is not None)
    terminal.state("listening")
    terminal.press("q")
    terminal.restored(0)


def test_leaving_asks(terminal: Terminal) -> None:
    """What is pending rings only while the program runs."""
    terminal.start(
        *TALK, "--llm", "assistant", "--set", 'asr.simulated.texts=["set a tea timer for an hour"]'
    )
    terminal.shows("voice  I've set a tea timer")
    terminal.press("q")
    terminal.shows("Still to ring, which is only while this runs: tea timer. Leave again to go.")
    terminal.press("q")
    screen = terminal.restored(0)
    assert "Will not ring" not in screen  # that was said before


def test_interrupt(terminal: Terminal) -> None:
    terminal.start(*TALK)
    terminal.state("speaking")
    terminal.shows("voice  This")  # a word is in the air, so its latency is known
    terminal.press("C-c")
    screen = terminal.restored(130)
    assert "Traceback" not in screen
    assert "voice-to-voice" in screen  # the summary


def test_crash(terminal: Terminal, tmp_path: Path) -> None:
    """A defect is shown, below a screen that has been cleared away and in a terminal as it was."""
    (tmp_path / "sitecustomize.py").write_text(
        "import voicecli.cli.screen as screen\n"
        "def broken(self, turn):\n    raise ZeroDivisionError('as the test asks for')\n"
        "screen.Plain._turn = broken\n"
    )
    terminal.type(
        f"export PYTHONPATH={shlex.quote(os.pathsep.join([str(tmp_path), str(Path.cwd())]))}; clear"
    )
    terminal.start(*TALK)
    terminal.state("speaking")
    terminal.press("Escape")
    screen = terminal.restored(1)
    assert "ZeroDivisionError: as the test asks for" in screen


@pytest.mark.parametrize("columns", [40, 60, 100, 200])
def test_every_width(open_terminal: Callable[..., Terminal], columns: int) -> None:
    """Keys and latencies are one line each, and what is said is wrapped, not cut or smeared."""
    terminal = open_terminal(columns)
    terminal.start(*TALK, "--turns", "1", "--set", 'llm.simulated.texts=["This is a short answer."]')
    terminal.state("speaking")
    shown = terminal.shows(lambda screen: re.search(r"voice  This\b", screen) is not None)
    assert shown.count("● ") == 1
    assert terminal.status().endswith("esc stop · q quit")
    assert ("m mute" in terminal.status()) == (columns > 60)
    end = terminal.restored(0)
    assert end.count("you    ") == 1
    assert end.count("\nvoice  ") == 1
    said = " ".join(end.split())
    assert "What is the weather like today? voice" in said
    (latency,) = [line for line in end.splitlines() if " ms  endpoint " in line]
    assert re.search(r"playout \d+" if columns >= 60 else "…$", latency)
    (titles,) = [line for line in end.splitlines() if line.startswith("span ")]
    assert titles.split()[-1] == "over"
    assert re.search(r"\nvoice-to-voice  +\d+ ms", end)  # nothing of the table is folded


NUMBERED = ["--set", f"llm.simulated.texts={json.dumps([chr(10).join(f'{n} hello' for n in range(1, 100))])}"]


def test_tall_answer(open_terminal: Callable[..., Terminal]) -> None:
    """Of an answer taller than the window the end is seen, as it grows, and the status below it."""
    terminal = open_terminal(80, 9)
    terminal.start(*TALK, *NUMBERED)
    terminal.shows("12 hello")
    screen = terminal.shows(lambda screen: "● speaking" in screen and " 3 hello" not in screen)
    assert screen.count("● ") == 1
    assert not re.search(r"\bvoice  1 hello", screen)
    terminal.shows("16 hello")  # it goes on
    terminal.press("Escape")
    terminal.shows(" —")
    terminal.press("q")
    terminal.restored(0)
    history = terminal.history
    assert history.count("voice  1 hello") == 1
    assert history.count(" 14 hello\n") == 1  # whole, and once
    assert history.count("● ") == 0


def test_new_width_while_it_speaks(terminal: Terminal) -> None:
    """Nothing is left behind, whether the terminal wraps what it shows anew or not."""
    long = " ".join(f"{ANSWER} {number}." for number in range(5))
    terminal.start(*TALK, "--set", f"llm.simulated.texts={json.dumps([long])}")
    terminal.shows("press a key")
    terminal.press("Space")  # what is drawn between a new size and the news of it, nobody can wipe away
    terminal.shows(lambda _: "paused" in terminal.status())
    stop = "esc stop · q quit"
    for columns, keys in ((50, stop), (100, f"m mute · space pause · {stop}"), (42, "q quit"), (60, stop)):
        terminal.resize(columns)
        terminal.shows(lambda _, keys=keys: terminal.status().endswith(f"paused  {keys}"))
    terminal.press("Space")
    terminal.shows(lambda _: "paused" not in terminal.status())
    history = terminal.history
    assert history.count("● ") == 1
    assert history.count("you    ") == 1
    assert history.count("This is an answer") <= 2
    terminal.press("q")
    terminal.restored(0)


def test_key_ends_the_turn(terminal: Terminal, tmp_path: Path) -> None:
    """Push-to-talk: closed until the key opens it, and then the turn lasts until the key ends it."""
    with wave.open(str(question(tmp_path))) as file:
        rate, asked = file.getframerate(), file.readframes(file.getnframes())
    with wave.open(str(tmp_path / "mic.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        for _ in range(20):
            file.writeframes(asked + bytes(2 * rate * 2))  # two seconds of silence after each
    terminal.start(
        *["talk", "--push-to-talk", "--mic", "mic.wav", "--speaker", "null", "--no-save", *SIMULATED],
        *["--set", 'llm.simulated.texts=["This is a short answer."]'],
    )
    terminal.state("mic closed")
    terminal.press("Space")
    terminal.shows(lambda _: "recording" in terminal.status())
    terminal.state("listening")
    terminal.shows("you    What")
    shown = terminal.shows(lambda screen: "today?" in screen)  # recognised in the pause, on trust
    time.sleep(1.0)  # past every silence that ends a turn
    assert "recording" in terminal.status()
    assert "voice  " not in terminal.screen
    assert "● listening" in shown
    terminal.press("Space")
    terminal.shows("voice  This is a short answer.")
    terminal.state("mic closed")
    terminal.press("q")
    terminal.restored(0)


def test_no_terminal_to_draw_on(terminal: Terminal) -> None:
    """A dumb terminal gets lines."""
    terminal.type("export TERM=dumb; clear")
    terminal.start(*TALK, "--turns", "1", "--fast")
    screen = terminal.restored(0)
    assert "● " not in screen
    assert "voice  This is an answer" in screen


TYPE = ["talk", "--text", *SIMULATED[2:], "--speaker", "null"]


def typing(terminal: Terminal, *words: str) -> None:
    terminal.start(*TYPE, *words)
    terminal.shows("ctrl-d quit")


def test_typing(terminal: Terminal) -> None:
    typing(terminal, "--no-save", "--set", "llm.simulated.echo=true")
    terminal.type("hello there")
    terminal.shows("voice  hello there")
    terminal.shows(" ms  endpoint 0")
    terminal.press("Up")  # edits what was typed before, and is no text
    terminal.shows(lambda screen: screen.count("you    hello there") == 2)
    terminal.press("BSpace")
    terminal.type("a")
    terminal.shows("voice  hello thera")
    terminal.press("C-d")
    screen = terminal.restored(0)
    assert screen.count("you    hello there\n") == 1
    assert "[A" not in screen
    assert "ctrl-d" not in screen


def test_text_streams_before_its_sound(terminal: Terminal) -> None:
    """All of it is there while the voice has said a few words; Esc stops it, and what waits comes next."""
    long = " ".join(f"{ANSWER} {number}." for number in range(5))
    typing(terminal, "--no-save", "--set", f"llm.simulated.texts={json.dumps([long, 'Something else.'])}")
    terminal.type("first")
    terminal.shows("voice  This")
    terminal.type("second")
    terminal.type("third")
    screen = terminal.shows(lambda screen: "next   second" in screen and "next   third" in screen)
    assert "you    second" not in screen
    screen = terminal.shows("or two in it. 4.")  # half a minute of speech
    assert "● speaking" in screen
    assert "endpoint" not in screen
    terminal.press("Escape")
    screen = terminal.shows(lambda screen: "you    third" in screen and " ms  endpoint 0" in screen)
    assert "— stopped after “" in screen
    assert (
        screen.index("you    second") < screen.index("voice  Something else.") < screen.index("you    third")
    )
    terminal.press("C-d")
    terminal.restored(0)


def test_new_width_while_somebody_types(terminal: Terminal) -> None:
    long = " ".join(f"{ANSWER} {number}." for number in range(3))
    typing(terminal, "--no-save", "--set", f"llm.simulated.texts={json.dumps([long])}")
    terminal.type("first")
    terminal.shows("or two in it. 2.")
    terminal.type("a second question that is long enough to be wrapped where the window is narrow")
    terminal.press("x")
    short = "esc stop · ctrl-d quit"
    for columns, keys in ((50, short), (100, f"enter say it next · {short}"), (42, short)):
        terminal.resize(columns)
        terminal.shows(lambda _, keys=keys: terminal.status() == f"● speaking  {keys}")
    history = terminal.history
    assert history.count("● ") == 1
    assert history.count("next   ") == 1
    assert history.count("voice  This is an answer") == 1
    assert history.count("you    x") == 1
    terminal.press("C-c")
    terminal.restored(130)


@pytest.mark.parametrize("moment", ["waiting", "thinking", "speaking"])
@pytest.mark.parametrize(("key", "status"), [("C-c", 130), ("C-d", 0)])
def test_leaving_at_any_moment(terminal: Terminal, moment: str, key: str, status: int) -> None:
    typing(terminal, "--no-save", "--set", "llm.simulated.ttft=0.5")
    if moment != "waiting":
        terminal.type("hello")
        terminal.state(moment)
    terminal.press(key)
    screen = terminal.restored(status)
    assert "Traceback" not in screen
    assert "ctrl-d quit" not in screen


def test_leaving_what_is_still_to_ring(terminal: Terminal) -> None:
    """Ctrl-D asks first, as q does."""
    terminal.start("talk", "--text", "--speaker", "null", "--no-save", "--llm", "assistant")
    terminal.shows("ctrl-d quit")
    terminal.type("set a timer for 5 minutes")
    terminal.shows(" ms  endpoint 0")
    terminal.press("C-d")
    terminal.shows("Still to ring")
    terminal.shows("ctrl-d quit")
    terminal.press("C-d")
    terminal.restored(0)


def test_lines_are_remembered(terminal: Terminal, tmp_path: Path) -> None:
    """For the next time, by their owner alone; not at all with --no-save."""
    quick = ["--set", "llm.simulated.echo=true", "--set", "llm.simulated.ttft=0"]
    typing(terminal, *quick)
    terminal.type("nobody else's business")
    terminal.shows(" ms  endpoint 0")
    terminal.press("C-d")
    terminal.restored(0)
    path = tmp_path / "state" / "voicecli" / "typed"
    assert "+nobody else's business\n" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    (tmp_path / "finished").unlink()
    typing(terminal, *quick, "--no-save")
    terminal.type("off the record")
    terminal.shows(" ms  endpoint 0")
    terminal.press("C-d")
    terminal.restored(0)
    assert path.read_bytes() == before
    (tmp_path / "finished").unlink()
    path.chmod(0o644)  # as another program may have left it
    typing(terminal, *quick)
    terminal.press("Up")
    terminal.shows("you    nobody else's business")
    assert path.stat().st_mode & 0o777 == 0o600
    terminal.press("C-c")
    terminal.restored(130)
