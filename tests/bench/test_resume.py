"""Going on with a report."""

from pathlib import Path

import pytest

from tests.bench.reports import report, samples
from voicecli.bench.host import Machine
from voicecli.bench.report import case_key
from voicecli.bench.report_file import report_json
from voicecli.bench.resume import done, resumed
from voicecli.errors import UsageError

HERE = Machine("a CPU", 2, "a system", "2.0", 9.0)
VERSIONS = {"voicecli": "1", "python": "CPython 3", "simulated": "voicecli 1"}
SETTINGS = {"runs": 40, "player": {"prebuffer": 0.06}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "report.json"
    found.write_text(report_json(report(interrupted=True), lines=True))
    return found


def test_the_same_goes_on(path: Path) -> None:
    found = resumed(path, "talk", SETTINGS, 3, HERE, VERSIONS)
    assert len(found.samples) == len(samples())
    assert (case_key({"net": "lan", "words": 20}), 12) in done(found)
    assert (case_key({"net": "lan", "words": 20}), 13) not in done(found)
    assert done(None) == set()


def test_what_was_measured_otherwise(path: Path) -> None:
    with pytest.raises(UsageError, match="prebuffer"):
        resumed(path, "talk", SETTINGS | {"player": {"prebuffer": 0.1}}, 3, HERE, VERSIONS)
    with pytest.raises(UsageError, match="seed was 3 and is 4"):
        resumed(path, "talk", SETTINGS, 4, HERE, VERSIONS)
    with pytest.raises(UsageError, match="machine"):
        resumed(path, "talk", SETTINGS, 3, Machine("another", 2, "", "", None), VERSIONS)
    with pytest.raises(UsageError, match="simulated was"):
        resumed(path, "talk", SETTINGS, 3, HERE, VERSIONS | {"simulated": "voicecli 2"})
    with pytest.raises(UsageError, match="bench talk"):
        resumed(path, "tts", SETTINGS, 3, HERE, VERSIONS)
