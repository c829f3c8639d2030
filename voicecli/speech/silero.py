"""Silero's voice detector, run by onnxruntime.

`silero_vad.onnx` is the 16 kHz model of the silero-vad package 6.2.3 (silero_vad_16k_op15.onnx there), under
the MIT licence in `silero_vad.LICENSE`. It reads the last 64 samples again before each window of 512 and
carries a state of (2, streams, 128); `utils_vad.py` of that package is the reference.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.block import Samples
from voicecli.errors import LibraryMissing, SettingsError, VoiceError
from voicecli.speech.vad import RATE, WINDOW, check

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["BUNDLED", "SileroDetector", "SileroModel", "SileroOptions", "SileroState"]

BUNDLED = Path(__file__).with_name("silero_vad.onnx")
CONTEXT = 64  # samples before a window that the model reads again
MEMORY = 128  # numbers in each of the two rows of its state


class SileroState:
    """What the model remembers of one stream."""

    __slots__ = ("frame", "memory")

    def __init__(self) -> None:
        self.frame: Samples = np.zeros(CONTEXT + WINDOW, np.float32)  # the last window, its context before it
        self.memory: NDArray[np.float32] = np.zeros((2, 1, MEMORY), np.float32)

    def reset(self) -> None:
        self.frame.fill(0.0)
        self.memory = np.zeros((2, 1, MEMORY), np.float32)


class SileroModel:
    """The network, without any stream: many streams and threads share one, which loads when first needed."""

    def __init__(self, path: Path = BUNDLED) -> None:
        self.path = path
        self._session: InferenceSession | None = None
        self._lock = Lock()
        self._constants: dict[str, NDArray[np.int64]] = {}

    @staticmethod
    @cache
    def shared(path: Path) -> SileroModel:
        """The one model of this process for `path`."""
        return SileroModel(path)

    def load(self) -> InferenceSession:
        """Read the file (about 20 ms, and 0.1 s more for onnxruntime the first time), once.

        Raises LibraryMissing without onnxruntime, SettingsError for a model file that cannot be used.
        """
        with self._lock:
            if self._session is None:
                self._session = self._open()
        return self._session

    def probabilities(self, windows: Sequence[Samples], states: Sequence[SileroState]) -> NDArray[np.float32]:
        """One probability for each stream's next window; moves each of the `states` on.

        Raises ValueError for a window of another length than `WINDOW`, or when the counts differ.
        """
        if not windows:
            return np.empty(0, np.float32)
        if len(windows) != len(states):
            raise ValueError(f"{len(windows)} windows for {len(states)} states")
        session = self._session or self.load()
        for window in windows:
            check(window)
        for window, state in zip(windows, states, strict=True):
            state.frame[:CONTEXT] = state.frame[WINDOW:]
            # A NaN from a broken driver may stay in the state for the rest of the stream: it is silence.
            state.frame[CONTEXT:] = window if math.isfinite(np.vdot(window, window)) else 0.0
        feeds = {
            "input": np.stack([state.frame for state in states]),
            "state": np.concatenate([state.memory for state in states], axis=1),
            **self._constants,
        }
        output, memory = session.run(None, feeds)
        for index, state in enumerate(states):
            state.memory = memory[:, index : index + 1].copy()
        found: NDArray[np.float32] = output[:, 0]
        return found

    def _open(self) -> InferenceSession:
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as reasons
        except ImportError as exc:
            raise LibraryMissing(
                f"The voice detector cannot load onnxruntime ({exc}).",
                "Install it with: pip install onnxruntime, or choose the detector `energy`.",
            ) from exc
        options = onnxruntime.SessionOptions()
        # One window is 80 µs of work: threads would cost more than they bring, and spin between windows.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                str(self.path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except (reasons.NoSuchFile, reasons.InvalidProtobuf, reasons.InvalidGraph, reasons.Fail) as exc:
            raise self._unusable(str(exc).splitlines()[0]) from exc
        inputs = {entry.name for entry in session.get_inputs()}
        if not {"input", "state"} <= inputs <= {"input", "state", "sr"}:
            raise self._unusable(f"its inputs are {', '.join(sorted(inputs))}")
        if "sr" in inputs:
            self._constants = {"sr": np.array(RATE, np.int64)}
        return session

    def _unusable(self, reason: str) -> VoiceError:
        if self.path == BUNDLED:
            return LibraryMissing(f"The bundled Silero model is unusable: {reason}.", "Reinstall voicecli.")
        return SettingsError(
            f"{self.path} is not a Silero model of version 5 or later: {reason}.",
            "Leave the option `model` empty for the bundled one.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SileroOptions:
    model: str = ""  # path of another Silero model (version 5 or later, ONNX); empty for the bundled one

    @property
    def path(self) -> Path:
        return Path(self.model).expanduser() if self.model else BUNDLED


class SileroDetector:
    """The default detector: a small recurrent network, the same numbers as its reference in torch."""

    name: ClassVar[str] = "silero"
    Options: ClassVar[type[SileroOptions]] = SileroOptions

    def __init__(self, options: SileroOptions | None = None) -> None:
        self.options = options or SileroOptions()
        self._model = SileroModel.shared(self.options.path)
        self._state = SileroState()

    @staticmethod
    def missing(options: SileroOptions) -> str | None:
        if find_spec("onnxruntime") is None:
            return "onnxruntime is not installed: pip install onnxruntime"
        if not options.path.is_file():
            return f"no model file {options.path}"
        return None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._model.load)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.reset()

    def probability(self, window: Samples) -> float:
        return float(self._model.probabilities((window,), (self._state,))[0])

    def reset(self) -> None:
        self._state.reset()
