"""Going on with a report."""

from pathlib import Path
from typing import Any

import pytest

from tests.bench.reports import report, samples
from voicecli.bench.host import Machine
from voicecli.bench.report import BenchReport
from voicecli.bench.report_file import report_json, resumed
from voicecli.errors import UsageError

HERE = Machine("a CPU", 2, "a system", "2.0", 9.0)
VERSIONS = {"voicecli": "1", "python": "CPython 3", "simulated": "voicecli 1"}
SETTINGS = {"runs": 40, "player": {"prebuffer": 0.06}}


def now(**more: Any) -> BenchReport:
    return report([], **{"settings": SETTINGS, "machine": HERE, "versions": VERSIONS, **more})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "report.json"
    found.write_text(report_json(report(interrupted=True), lines=True))
    return found


def test_the_same_goes_on(path: Path) -> None:
    assert len(resumed(path, now()).samples) == len(samples())


def test_what_was_measured_otherwise(path: Path) -> None:
    with pytest.raises(UsageError, match="prebuffer"):
        resumed(path, now(settings=SETTINGS | {"player": {"prebuffer": 0.1}}))
    with pytest.raises(UsageError, match="seed was 3 and is 4"):
        resumed(path, now(seed=4))
    with pytest.raises(UsageError, match="machine"):
        resumed(path, now(machine=Machine("another", 2, "", "", None)))
    with pytest.raises(UsageError, match="simulated was"):
        resumed(path, now(versions=VERSIONS | {"simulated": "voicecli 2"}))
    with pytest.raises(UsageError, match="bench talk"):
        resumed(path, now(kind="tts"))
