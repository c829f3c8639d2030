"""How long whole processes take, beside the libraries that they cannot do without."""

import os
import statistics
import subprocess
import sys
import time

import pytest

RUNS = 7
COMMANDS = {
    "import typer, rich.console": ("-c", "import typer, rich.console"),
    "voicecli --help": ("-m", "voicecli", "--help"),
    "voicecli --version": ("-m", "voicecli", "--version"),
    "voicecli tts Hello (espeak, null)": (
        *("-m", "voicecli", "tts", "Hello", "--tts", "espeak", "--speaker", "null"),
    ),
    "python -c pass": ("-c", "pass"),
}


def seconds(*arguments: str) -> float:
    began = time.perf_counter()
    # Not what is typed into a terminal: no colours, no progress, no user's settings.
    environment = {**os.environ, "NO_COLOR": "1", "XDG_CONFIG_HOME": os.devnull}
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    return time.perf_counter() - began


@pytest.mark.benchmark
def test_startup(capsys: pytest.CaptureFixture[str]) -> None:
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for arguments in COMMANDS.values():
        seconds(*arguments)  # the files are read and compiled
    for _ in range(RUNS):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(*arguments))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    with capsys.disabled():
        print(f"\nwhole processes, medians of {RUNS}, interleaved")
        for name, median in medians.items():
            print(f"  {name:<36} {median * 1000:6.0f} ms (best {min(taken[name]) * 1000:.0f})")
        ratio = medians["voicecli --help"] / medians["import typer, rich.console"]
        print(f"  voicecli --help is {ratio:.2f} of importing typer and rich.console")
