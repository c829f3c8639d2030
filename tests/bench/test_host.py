"""The account of the machine."""

import json
from dataclasses import asdict

from voicecli import __version__
from voicecli.bench.host import engine_version, machine, versions


def test_machine_is_described() -> None:
    here = machine()
    assert here.cpu
    assert here.system
    assert here.cores >= 1
    assert json.loads(json.dumps(asdict(here)))["cores"] == here.cores


def test_versions_name_the_engine() -> None:
    found = versions("tts", ["espeak", "simulated"])
    assert found["voicecli"] == __version__
    assert found["espeak"].startswith("espeakng-loader ")
    assert found["simulated"] == f"voicecli {__version__}"


def test_engine_without_its_distribution() -> None:
    assert engine_version("tts", "kokoro").startswith("kokoro-onnx")
