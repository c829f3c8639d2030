"""Those who watch a conversation from outside: Prometheus asks, an OpenTelemetry collector is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from voicecli import __version__
from voicecli.conversation.events import TurnFinished

if TYPE_CHECKING:
    from voicecli.telemetry.traces import Tracer

__all__ = ["watching"]

Watcher = Callable[[TurnFinished], None]


@contextmanager
def watching(
    prometheus: int | None, otlp: str | None, engines: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[list[Watcher]]:
    """Who wants to know of every turn; nothing that was said is told to any of them.

    `prometheus` is the port of a page of metrics on this machine, 0 for any; `otlp` the URL of a collector.
    `say` is told where the page is. Raises LibraryMissing, UsageError.
    """
    watchers: list[Watcher] = []
    with ExitStack() as stack:
        if prometheus is not None:
            from voicecli.telemetry.prometheus import Exposition, serve_metrics

            exposition = Exposition(__version__)
            url = stack.enter_context(serve_metrics(exposition, prometheus))
            watchers.append(
                lambda turn: exposition.observe_turn(
                    turn.timeline, interrupted=turn.interrupted, failed=turn.error is not None
                )
            )
            say(f"Metrics are at {url}")
        if otlp is not None:
            from voicecli.telemetry.traces import Tracer

            tracer = Tracer(otlp, version=__version__)
            stack.callback(tracer.close)
            named = {f"voicecli.engine.{stage}": name for stage, name in engines.items()}
            watchers.append(lambda turn: _trace(tracer, turn, named))
        yield watchers


def _trace(tracer: Tracer, turn: TurnFinished, engines: Mapping[str, str]) -> None:
    tracer.turn(
        turn.timeline,
        {
            **engines,
            "voicecli.turn": turn.turn,
            "voicecli.interrupted": turn.interrupted,
            "voicecli.underruns": turn.underruns,
        },
        "" if turn.error is None else turn.error.kind,
    )
