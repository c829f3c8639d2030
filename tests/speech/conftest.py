"""Recorded speech for the tests of this room, read where it lies."""

from __future__ import annotations

import json
import os
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from voicecli.audio.block import Samples


class Recording(NamedTuple):
    facts: dict[str, Any]  # its line in the manifest
    samples: Samples  # at 16 kHz


@pytest.fixture(scope="session")
def recordings() -> Callable[..., list[Recording]]:
    """Give the recordings of some kinds, such as "assistant"; skip where there are none."""
    default = Path(__file__).parents[3] / "shared" / "speech"
    folder = Path(os.environ.get("VOICECLI_SPEECH", default))
    manifest = folder / "manifest.jsonl"
    if not manifest.is_file():
        pytest.skip("no recorded speech: set VOICECLI_SPEECH")

    def read(*kinds: str) -> list[Recording]:
        lines = manifest.read_text(encoding="utf-8").splitlines()
        chosen = [facts for facts in map(json.loads, lines) if facts["kind"] in kinds]
        return [Recording(facts, _samples(folder / facts["file"])) for facts in chosen]

    return read


def _samples(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32_768
