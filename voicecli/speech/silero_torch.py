"""Silero's voice detector, run by its own package on torch: the reference for `silero`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Self

from voicecli.audio.block import Samples
from voicecli.errors import LibraryMissing
from voicecli.speech.vad import RATE, check

__all__ = ["SileroTorchDetector", "SileroTorchOptions"]

HINT = "Install it with: pip install 'voicecli[silero]', or choose the detector `silero`."


@dataclass(frozen=True, slots=True, kw_only=True)
class SileroTorchOptions:
    threads: int = 1  # threads that torch may use; more do not help a window of 32 ms

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError("threads must be 1 or more")


class SileroTorchDetector:
    """Loads a model for every stream, for torch keeps the state inside it: for comparing, not for servers."""

    name: ClassVar[str] = "silero-torch"
    Options: ClassVar[type[SileroTorchOptions]] = SileroTorchOptions

    def __init__(self, options: SileroTorchOptions | None = None) -> None:
        self.options = options or SileroTorchOptions()
        self._network: Any = None  # of silero_vad, which has no types

    @staticmethod
    def missing(options: SileroTorchOptions) -> str | None:
        absent = [name for name in ("torch", "silero_vad") if find_spec(name) is None]
        return f"{' and '.join(absent)} not installed: pip install 'voicecli[silero]'" if absent else None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._loaded)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._network = None

    def probability(self, window: Samples) -> float:
        check(window)
        network = self._loaded()
        import torch

        with torch.inference_mode():
            # A copy: torch warns about arrays that must not be written to.
            probability: float = network(torch.tensor(window), RATE).item()
        return probability

    def reset(self) -> None:
        if self._network is not None:
            self._network.reset_states()

    def _loaded(self) -> Any:
        if self._network is None:
            try:
                import silero_vad
                import torch
            except ImportError as exc:
                raise LibraryMissing(f"The voice detector {self.name} cannot start ({exc}).", HINT) from exc
            torch.set_num_threads(self.options.threads)
            self._network = silero_vad.load_silero_vad()
        return self._network
