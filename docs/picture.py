"""Makes docs/screen.svg: the program runs in a real terminal (tmux), and Rich draws what that shows.

.venv/bin/python docs/picture.py
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 100, 22
COMMAND = f"clear; {sys.executable} -m voicecli talk --rehearse --speaker null --no-save"
SESSION = "voicecli-picture"
WANTED = "speaking"  # the moment that is drawn: the last answer is in the air


def tmux(*words: str) -> str:
    """Run tmux and return what it prints."""
    return subprocess.run(["tmux", *words], check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Run a rehearsal, wait for its last answer, and draw the screen."""
    tmux("new-session", "-d", "-s", SESSION, "-x", str(COLUMNS), "-y", str(ROWS), "env PS1='$ ' sh")
    try:
        tmux("send-keys", "-t", SESSION, COMMAND, "Enter")
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            shown = tmux("capture-pane", "-p", "-t", SESSION)
            if shown.count(" ms ") >= 2 and WANTED in shown:
                time.sleep(0.9)
                break
            time.sleep(0.1)
        shown = tmux("capture-pane", "-e", "-p", "-t", SESSION)
    finally:
        tmux("kill-session", "-t", SESSION)
    lines = shown.rstrip().split("\n")
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, crop=True)
    console.save_svg(str(Path(__file__).with_name("screen.svg")), title="voicecli talk")


if __name__ == "__main__":
    main()
