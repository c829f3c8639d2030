"""An hour of conversation, faster than it lasts: what the process comes to weigh."""

import threading
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.cli.program import QUICK, SHORT, SIMULATED, Program, ended, follow, spoken

pytestmark = pytest.mark.benchmark

TURNS = 600  # of six seconds each
WARM = 100  # turns until every cache is full
GROWTH = 5.0  # MB


def memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_stays_flat(tmp_path: Path) -> None:
    process = Program(tmp_path).start(
        "talk", *SIMULATED, *SHORT, *QUICK, "--mic", "-", "--speaker", "null", "--fast", "--json", stdin=PIPE
    )
    question = spoken()
    turn = question + bytes(2 * 16_000 * 6 - len(question))

    def speak() -> None:
        assert process.stdin is not None
        for _ in range(TURNS):
            process.stdin.write(turn)

    threading.Thread(target=speak, daemon=True).start()
    weights = []
    for event in follow(process):
        if event["event"] == "turn":
            weights.append(memory(process.pid))
            if len(weights) % 100 == 0:
                print(f"{len(weights)} turns: {weights[-1]:.1f} MB")
        if len(weights) == TURNS:
            break
    assert ended(process).status == 0
    assert len(weights) == TURNS
    assert weights[-1] - weights[WARM] < GROWTH
