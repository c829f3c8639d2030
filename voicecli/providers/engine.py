"""What every engine has: a name, options, and a life that begins warm and ends closed.

An engine is a class, found by its entry point or among the bundled ones:

    class EspeakSynthesizer:
        name = "espeak"
        Options = EspeakOptions            # a frozen dataclass, every field with a default

        def __init__(self, options: EspeakOptions = EspeakOptions()) -> None: ...

        @staticmethod
        def missing(options: EspeakOptions) -> str | None: ...

        async def __aenter__(self) -> Self: ...     # loads the model, opens and warms the connections
        async def __aexit__(self, *exc: object) -> None: ...

`missing` says in one sentence what keeps the engine from working here ("no key: set OPENAI_API_KEY"), or
None; it is quick, imports nothing heavy and asks no network. Building the object is cheap too: whatever
takes time happens in `__aenter__`, which never blocks the event loop for long.
"""

from __future__ import annotations

from typing import Protocol, Self

__all__ = ["Engine"]


class Engine(Protocol):
    """Something that can be opened, used from one event loop, and closed."""

    @property
    def name(self) -> str: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
