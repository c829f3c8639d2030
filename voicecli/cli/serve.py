"""`voicecli serve`: recognition for others, over WebSockets."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli.console import SafeConsole, Telling
from voicecli.cli.invocation import finish
from voicecli.cli.options import EngineOptions, Json, Sets, group, spread
from voicecli.cli.progress import Downloads
from voicecli.errors import ExitStatus, LibraryMissing, OutputLost, VoiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.config import Loaded, Settings
    from voicecli.config.assembly import Assembly
    from voicecli.config.serving import ServerSettings
    from voicecli.server.responder import Responder
    from voicecli.server.service import Service

__all__ = ["app"]

log = logging.getLogger(__name__)

# Of [server]: the rest is read when it starts.
_RELOADED = frozenset(
    {"token_env", "token_file", "origins", "hosts", "metrics_open", "connections", "sessions", "tokens"}
)
_NEEDED = ("fastapi", "uvicorn", "httptools", "websockets", "prometheus_client")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions(EngineOptions):
    """What `serve` takes."""

    host: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Where to listen; any but this machine's own takes a token."),
        Sets("server.host"),
    ] = None
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="TCP port; 0 takes any that is free."),
        Sets("server.port"),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=256, help="Processes that recognise; 0: one a processor but one."),
        Sets("server.workers"),
    ] = None
    otlp: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send traces to an OpenTelemetry collector."),
        Sets("server.otlp"),
    ] = None
    json: Json = False


app = group()


@app.command()
@spread
def serve(options: ServeOptions) -> None:
    """Recognise speech for others, over WebSockets.

    Ends on SIGTERM or Ctrl-C, when the sessions that are open have finished what is under way; a second one
    ends it at once. SIGHUP reads the settings and the tokens again.
    """
    finish(_serve(options.load(), options), _event_loop())


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop in C, where it is installed."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


async def _serve(loaded: Loaded, options: ServeOptions) -> ExitStatus:
    """Serve until told to stop. Raises VoiceError for what keeps it from beginning."""
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise LibraryMissing(
            f"The server needs {', '.join(lacking)}.", "Run `pip install 'voicecli[server]'`."
        )
    from voicecli.config.assembly import assemble, pick_recognizer, ready_decoder
    from voicecli.server.daemon import address_of, bind, serve
    from voicecli.server.service import make_guard, make_service
    from voicecli.telemetry.logs import hush

    settings = loaded.settings.server
    if not settings.log_text:
        hush()
    guard = make_guard(settings)
    async with AsyncExitStack() as stack:
        sockets = bind(settings.host, settings.port)
        for made in sockets:
            stack.callback(made.close)
        url, _ = address_of(sockets, settings.host)
        settings = _within_limits(settings)
        downloads = stack.enter_context(Downloads())
        assembly = await assemble(loaded, report=downloads)
        assert assembly.asr is not None
        assert assembly.vad is not None
        # What is asked is what the model understands; what is written down may be anything.
        asr = await pick_recognizer(loaded, report=downloads)
        service = make_service(
            settings,
            guard,
            asr,
            assembly.vad,
            gate=loaded.settings.vad,
            timeout=loaded.settings.asr.timeout,
            answering=_answering(loaded, assembly),
        )
        if service.tracer is not None:
            stack.push_async_callback(asyncio.to_thread, service.tracer.close)
        answers = (assembly.asr.engine, assembly.llm.engine, assembly.tts.engine)
        await downloads.opening(stack, [service.shared, *answers, ready_decoder(assembly.tts.engine)])
        shown = _Shown(options.json)
        status = await serve(
            service.app,
            sockets,
            door=service.door,
            guard=guard,
            stopping=service.recognition.stopping,
            grace=settings.grace,
            announce=lambda: shown.ready(url, service, assembly, settings),
            reload=_Reloading(loaded, options.read, service),
        )
        shown.stopped(status)
    return status


def _within_limits(settings: ServerSettings, inside: int = 0) -> ServerSettings:
    """With as many sockets and sessions as the system lets this process have; it has `inside` already."""
    from voicecli.server.daemon import allow_sockets

    most = allow_sockets(settings.connections.most, settings.processes, inside)
    return replace(
        settings,
        connections=replace(settings.connections, most=most),
        sessions=replace(settings.sessions, most=min(settings.sessions.most, most)),
    )


class _Reloading:
    """Has a running server follow settings and tokens that were changed meanwhile."""

    def __init__(self, loaded: Loaded, again: Callable[[], Loaded], service: Service) -> None:
        self._running = loaded.settings
        self._again = again
        self._service = service

    def __call__(self) -> None:
        """What is wrong changes nothing, and is said; so is what only a new start can change."""
        try:
            settings = self._again().settings
            self._service.follow(_within_limits(settings.server, len(self._service.door)))
        except VoiceError as error:
            log.error("Nothing was reloaded. %s", error)
            return
        logging.getLogger().setLevel(settings.log.level.upper())
        stays = sorted(_changed(self._running, settings))
        if stays:
            log.warning("Reloaded; a new start is needed for %s.", ", ".join(stays))
        else:
            log.warning("Reloaded.")


def _changed(old: Settings, new: Settings) -> Iterator[str]:
    """The settings that differ, of those that are read only once."""
    rooms = [room.name for room in fields(new) if room.name not in ("server", "log")]
    yield from (name for name in rooms if getattr(old, name) != getattr(new, name))
    keys = [key.name for key in fields(new.server) if key.name not in _RELOADED]
    yield from (f"server.{key}" for key in keys if getattr(old.server, key) != getattr(new.server, key))
    if replace(old.log, level=new.log.level) != new.log:
        yield "log"


def _answering(loaded: Loaded, assembly: Assembly) -> Responder:
    """Who answers questions that are posted."""
    from voicecli.config.assembly import language_of
    from voicecli.server.responder import Engines, Responder, ResponderOptions

    assert assembly.asr is not None
    engines = Engines(assembly.asr.engine, assembly.llm.engine, assembly.tts.engine)
    settings, conversation = loaded.settings, loaded.settings.conversation
    options = ResponderOptions(
        language=language_of(loaded) or "",
        history=conversation.history,
        phrases=conversation.phrases,
        asr_timeout=settings.asr.timeout,
        llm_timeout=settings.llm.timeout,
        tts_timeout=settings.tts.timeout,
    )
    return Responder(engines, options)


class _Shown(Telling):
    """What the terminal, or another program, is told."""

    def ready(self, url: str, service: Service, assembly: Assembly, settings: ServerSettings) -> None:
        with suppress(OutputLost):  # a server serves, whoever looks on
            self._ready(url, service, assembly, settings)

    def _ready(self, url: str, service: Service, assembly: Assembly, settings: ServerSettings) -> None:
        workers = settings.processes
        sessions = settings.sessions
        if self.as_json:
            self.json(
                "ready",
                url=url,
                host=settings.host,
                port=int(url.rpartition(":")[2]),
                engines=assembly.names,
                reasons=assembly.reasons,
                workers=workers,
                token=service.guard.needs_token,
                limits={
                    "connections": service.door.settings.connections.most,
                    "sessions": sessions.most,
                    "message": sessions.message,
                    "length": sessions.length,
                    "idle": sessions.idle,
                },
            )
            return
        address = "ws" + url.removeprefix("http")
        names, reasons = assembly.names, assembly.reasons
        processes = f"{workers} process{'es' if workers != 1 else ''}"
        token = "Authorization: Bearer TOKEN" if service.guard.needs_token else "no token: this machine only"
        console = SafeConsole(soft_wrap=True)
        for name, value in {
            "serving": f"{address}/api/v1/segmented and /simple, {url}/api/v1/query",
            "asr": f"{names['asr']} ({reasons['asr']}), {processes}",
            "vad": f"{names['vad']} ({reasons['vad']})",
            "llm": f"{names['llm']} ({reasons['llm']})",
            "tts": f"{names['tts']} ({reasons['tts']})",
            "access": token,
            "limits": f"{sessions.most} sessions, {service.door.settings.connections.most} sockets, "
            f"{sessions.length / 3600:g} h a session, {sessions.idle:g} s idle",
            "watch": f"{url}/metrics, {url}/api/v1/ready",
            "try": f"voicecli connect -i FILE --addr {address}",
        }.items():
            console.print(f"{name:<8} {value}")

    def stopped(self, status: ExitStatus) -> None:
        with suppress(OutputLost):
            if self.as_json:
                self.json("stopped", finished=status is ExitStatus.FINE)
            else:
                print("stopped", flush=True)
