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

from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from voicecli.providers.bounds import check

__all__ = ["Engine", "OwnEngine"]

Options = TypeVar("Options", bound=Any)


class Engine(Protocol):
    """Something that can be opened, used from one event loop, and closed."""

    @property
    def name(self) -> str: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


class OwnEngine(Generic[Options]):
    """What our engines begin with: options within their bounds, and nothing that is missing or opened."""

    name: ClassVar[str]
    stage: ClassVar[str]
    Options: ClassVar[Any]

    def __init__(self, options: Options | None = None) -> None:
        """Raises SettingsError for options out of their bounds."""
        self._options: Options = self.Options() if options is None else options
        check(f"{self.stage}.{self.name}", self._options)

    @classmethod
    def missing(cls, options: Options) -> str | None:
        """Say what keeps it from working here, or None."""
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass
