"""An engine of any stage that passes on what another one does, so that something can be done on the way."""

from __future__ import annotations

from typing import Any, Self

from voicecli.audio.format import StreamFormat

__all__ = ["Relay"]


class Relay:
    """What all of them have; whoever opened the engine closes it."""

    def __init__(self, engine: Any) -> None:
        self.name: str = engine.name
        self._engine = engine

    @property
    def format(self) -> StreamFormat:
        """The engine's, of one that speaks."""
        format: StreamFormat = self._engine.format
        return format

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass
