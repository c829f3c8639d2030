"""The doctor's ear in a room where the microphone hears the loudspeaker."""

from collections.abc import Iterator

import pytest

from tests.cli.program import Program
from tests.sound.server import SoundServer, is_missing, sound_server

pytestmark = [
    pytest.mark.sound,
    pytest.mark.skipif(is_missing(), reason="needs pulseaudio, pulseaudio-utils and libasound2-plugins"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[SoundServer]:
    with sound_server() as running:
        yield running


def examined(server: SoundServer, program: Program, *words: str) -> dict[str, dict[str, str]]:
    done = program.run("doctor", "--json", *words)
    return {check["name"]: check for check in done.event("doctor")["checks"]}


def test_sweep_comes_back(server: SoundServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    program = Program(tmp_path_factory.mktemp("doctor"), server.env)
    alone = examined(server, program)["round trip"]
    assert "does not hear" in alone["detail"]
    assert alone["remedy"]
    server.control(
        "load-module", "module-loopback", "source=speaker.monitor", "sink=micfeed", "latency_msec=20"
    )
    together = examined(server, program)["round trip"]
    assert "to the air and back" in together["detail"]
    silent = examined(server, program, "--quiet")["round trip"]
    assert "not tried" in silent["detail"]
