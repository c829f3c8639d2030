"""The parts of the server, made from the settings and joined."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from voicecli import __version__
from voicecli.config.serving import ServerSettings
from voicecli.errors import UsageError
from voicecli.latency.timeline import Timeline
from voicecli.providers.choose import Choice
from voicecli.providers.recognizer import Recognizer
from voicecli.server.asgi import make_app
from voicecli.server.door import Door
from voicecli.server.guard import Guard
from voicecli.server.query_endpoint import Responder, query_router
from voicecli.server.recognition_socket import RecognitionSockets
from voicecli.server.refusals import Reason, Refusals
from voicecli.server.session import Mode
from voicecli.server.shared_recognition import SharedRecognition, SharedRecognitionOptions
from voicecli.server.tokens import read_tokens
from voicecli.server.watch import Watch
from voicecli.speech.gate import GateOptions
from voicecli.speech.vad import VoiceDetector
from voicecli.telemetry.logs import current_trace
from voicecli.telemetry.prometheus import Exposition
from voicecli.telemetry.traces import Tracer
from voicecli.workers.pool import WorkerOptions

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Service", "make_guard", "make_service"]


@dataclass(slots=True)
class Service:
    """Everything that serves; `shared` is opened and closed by whoever runs it, as is `tracer`."""

    door: Door
    guard: Guard
    shared: SharedRecognition
    recognition: RecognitionSockets
    exposition: Exposition
    refusals: Refusals
    tracer: Tracer | None
    app: FastAPI = field(init=False)

    @property
    def readiness(self) -> Literal["ready", "starting", "busy", "stopping"]:
        """Whether new sessions are taken, and if not, why."""
        if self.guard.stopping:
            return "stopping"
        if not self.shared.ready:
            return "starting"
        return "ready" if self.shared.keeps_up else "busy"

    def page(self) -> bytes:
        """The numbers, those of the moment brought up to date."""
        self.exposition.set("connections", len(self.door))
        self.exposition.set("queue_depth", self.shared.workers.jobs, "recognition")
        self.exposition.set("ready", self.readiness == "ready")
        return self.exposition.text()

    def follow(self, settings: ServerSettings) -> None:
        """Do as these say from now on, as far as what runs can. Raises SettingsError, UsageError."""
        tokens = read_tokens(settings)
        if self.guard.needs_token and not len(tokens):
            raise UsageError("There are no tokens any more, and that would let anybody in.")
        self.guard.follow(settings, tokens)
        self.door.settings = replace(settings, trusted_proxies=self.door.settings.trusted_proxies)
        self.recognition.settings = settings

    def observe(self, timeline: Timeline, failed: bool) -> None:
        """A question was answered."""
        self.exposition.observe_turn(timeline, failed=failed)
        if self.tracer is not None:
            self.tracer.turn(timeline, error="it broke off" if failed else "", parent=current_trace())


def make_guard(settings: ServerSettings) -> Guard:
    """Who may come in. Raises UsageError when anybody could, SettingsError for tokens that are none."""
    return Guard(settings, read_tokens(settings))


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
        mode=[mode.value for mode in Mode],
        reason=[reason.value for reason in Reason],
        queue=["recognition"],
        event=["inactive", "interim", "segment"],
    )
    tracer = Tracer(settings.otlp, version=__version__) if settings.otlp else None
    options = SharedRecognitionOptions(workers=WorkerOptions(timeout=timeout), gate=gate)
    shared = SharedRecognition(asr, vad, settings, options, observer=Watch(exposition))
    refusals = Refusals(exposition)
    service = Service(
        Door(settings, exposition.refused),
        guard,
        shared,
        RecognitionSockets(shared, guard, exposition, settings, tracer, refusals),
        exposition,
        refusals,
        tracer,
    )
    routers = [] if answering is None else [query_router(answering, settings.sessions, service.observe)]
    service.app = make_app(service, routers)
    return service
