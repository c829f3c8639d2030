"""The parts of the server, made from the settings and joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli import __version__
from voicecli.config.serving import ServerSettings
from voicecli.errors import UsageError
from voicecli.latency.timeline import Timeline
from voicecli.providers.choose import Choice
from voicecli.providers.recognizer import Recognizer
from voicecli.secrets import secret
from voicecli.server.asgi import Pages, make_app
from voicecli.server.guard import Guard, Reason, Tokens, parse_tokens
from voicecli.server.http import Door
from voicecli.server.query_endpoint import Responder, query_router
from voicecli.server.recognition_socket import RecognitionSockets
from voicecli.server.refusals import Refusals
from voicecli.server.session import Mode, SharedHearing, SharedHearingOptions
from voicecli.server.subnet import check_networks
from voicecli.server.watch import EVENTS, QUEUES, Watch
from voicecli.speech.gate import GateOptions
from voicecli.speech.vad import VoiceDetector
from voicecli.telemetry.logs import current_trace
from voicecli.telemetry.prometheus import Exposition
from voicecli.telemetry.traces import Tracer
from voicecli.workers.pool import WorkerOptions

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

__all__ = ["Service", "make_guard", "make_service"]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that serves; `hearing` is opened and closed by whoever runs it, as is `tracer`."""

    app: FastAPI
    door: Door
    guard: Guard
    hearing: SharedHearing
    recognition: RecognitionSockets
    exposition: Exposition
    tracer: Tracer | None

    def follow(self, settings: ServerSettings) -> None:
        """Do as these say from now on, as far as what runs can. Raises SettingsError, UsageError."""
        check_networks(settings.trusted_proxies, "server.trusted_proxies")
        tokens = read_tokens(settings)
        if self.guard.needs_token and not len(tokens):
            raise UsageError("There are no tokens any more, and that would let anybody in.")
        self.guard.follow(settings, tokens)
        self.door.settings = replace(settings, trusted_proxies=self.door.settings.trusted_proxies)
        self.recognition.settings = settings


def make_guard(settings: ServerSettings) -> Guard:
    """Who may come in. Raises UsageError when anybody could, SettingsError for tokens that are none."""
    check_networks(settings.trusted_proxies, "server.trusted_proxies")
    return Guard(settings, read_tokens(settings))


def read_tokens(settings: ServerSettings) -> Tokens:
    """Who may come in, as it is now. Raises SettingsError, UsageError."""
    if settings.token_file:
        return parse_tokens(_private(Path(settings.token_file)).replace("\n", ","), settings.token_file)
    return parse_tokens(secret(settings.token_env) or "", settings.token_env)


def _private(path: Path) -> str:
    """A file that holds secrets."""
    try:
        if path.stat().st_mode & 0o077:
            raise UsageError(f"Others may read {path}, which holds tokens.", f"Run `chmod 600 {path}`.")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The tokens cannot be read from {path}: {error}.") from error


def make_service(
    settings: ServerSettings,
    guard: Guard,
    asr: Choice[Recognizer],
    vad: Choice[VoiceDetector],
    *,
    gate: GateOptions,
    timeout: float,
    answering: Responder | None = None,
) -> Service:
    """Everything, not yet running; without `answering` it takes no questions.

    Raises LibraryMissing, UsageError.
    """
    exposition = Exposition(__version__)
    exposition.expect(
        modes=[mode.value for mode in Mode],
        reasons=[reason.value for reason in Reason],
        queues=QUEUES,
        events=EVENTS,
    )
    tracer = Tracer(settings.otlp, version=__version__) if settings.otlp else None
    door = Door(settings, lambda reason: exposition.refused(reason.value))
    options = SharedHearingOptions(workers=WorkerOptions(timeout=timeout), gate=gate)
    hearing = SharedHearing(asr, vad, settings, options, observer=Watch(exposition))
    refusals = Refusals(exposition)
    recognition = RecognitionSockets(hearing, guard, exposition, settings, tracer, refusals=refusals)

    def measure() -> None:
        exposition.connections(len(door))
        exposition.queue_depth("recognition", hearing.queue)
        exposition.ready(hearing.ready and hearing.keeps_up and not guard.stopping)

    pages = Pages(
        guard=guard,
        exposition=exposition,
        refusals=refusals,
        recognition=recognition,
        recognises=lambda: hearing.ready,
        keeps_up=lambda: hearing.keeps_up,
        measure=measure,
        body=settings.connections.body,
    )
    routers = [] if answering is None else [_questions(settings, answering, exposition, tracer)]
    return Service(make_app(pages, routers), door, guard, hearing, recognition, exposition, tracer)


def _questions(
    settings: ServerSettings, answering: Responder, exposition: Exposition, tracer: Tracer | None
) -> APIRouter:
    def observe(timeline: Timeline, failed: bool) -> None:
        exposition.observe_turn(timeline, failed=failed)
        if tracer is not None:
            tracer.turn(timeline, error="it broke off" if failed else "", parent=current_trace())

    return query_router(answering, settings.sessions, observe=observe)
