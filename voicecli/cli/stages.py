"""The engines of every stage: which one would be used, whether it opens, and what the others lack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voicecli.cli.check import Check, failure, in_background, note, ok, problem
from voicecli.config import Loaded
from voicecli.config.assembly import pick_recognizer, pick_synthesizer
from voicecli.errors import ExitStatus, ProviderError, RateLimited, VoiceError
from voicecli.providers.choose import Choice, choose_detector, choose_language_model
from voicecli.providers.fetch import model_folder
from voicecli.providers.journey import Journey, listed_models, proxy_for, travel
from voicecli.providers.local_servers import PORTS, find_servers
from voicecli.providers.openai.base_url import Address, address
from voicecli.providers.registry import STAGES, Stage, engine_class, engines

__all__ = [
    "Chosen",
    "choose_all",
    "engine_checks",
    "journey_text",
    "model_check",
    "network_checks",
    "opening_checks",
    "server_check",
    "slow_part",
]

REMOTE = "openai"  # the engine that speaks to a server
_OPENING = 15.0  # seconds; a large model takes some to load
_REACH = 3.0  # seconds to connect to a server, and again for its answer
_SLOW = {"DNS": 0.1, "connect": 0.15, "TLS": 0.3, "first byte": 0.5}  # seconds from which a step is felt
_FELT = 0.05  # seconds below which no step is worth a word
_STEPS = {
    "DNS": "looking up its name",
    "connect": "the way to it",
    "TLS": "agreeing on encryption",
    "first byte": "the server itself",
}
_REMEDIES = {
    "DNS": "Use a resolver that is near and remembers: systemd-resolved, or your router's.",
    "connect": "It is far away or the line is bad: try another network, no VPN, or a region that is nearer.",
    "TLS": "It takes two more trips over the same line; a proxy that inspects encryption also does this.",
    "first byte": "It is busy: try another time, model or region.",
}
_REMEDIES_HERE = "It is busy or still loading a model: look at its log and at the load of this machine."
_BROKEN = "Install voicecli again: pip install --force-reinstall voicecli"


@dataclass(slots=True)
class Chosen:
    """What a conversation would use, by stage; a check where nothing can be used."""

    choices: dict[Stage, Choice[Any]] = field(default_factory=dict)
    failures: dict[Stage, Check] = field(default_factory=dict)


async def choose_all(loaded: Loaded) -> Chosen:
    """Choose as a conversation does, but every stage for itself."""
    settings = loaded.settings
    chosen = Chosen()

    async def settle(stage: Stage, choosing: Awaitable[Choice[Any]]) -> None:
        try:
            chosen.choices[stage] = await choosing
        except ImportError as error:
            chosen.failures[stage] = problem(stage, f"this installation is broken: {error}", _BROKEN)
        except VoiceError as error:
            chosen.failures[stage] = failure(stage, error)

    await asyncio.gather(
        settle("llm", choose_language_model(settings.llm.engine, settings.llm.engines)),
        settle("tts", pick_synthesizer(loaded)),
        settle("vad", choose_detector(settings.vad.engine, settings.vad.engines)),
    )
    # What the model understands is what the recogniser should expect to hear.
    model = chosen.choices.get("llm")
    domain = None if model is None else getattr(model.engine, "domain", None)
    await settle("asr", pick_recognizer(loaded, domain))
    return chosen


async def opening_checks(chosen: Chosen) -> list[Check]:
    """One check a stage: the engine that would be used, why, and whether it opens."""
    checks = []
    for stage in STAGES:
        if stage in chosen.failures:
            checks.append(chosen.failures[stage])
        elif stage in chosen.choices:
            checks.append(await _opened(stage, chosen.choices[stage]))
    return checks


async def _opened(stage: Stage, choice: Choice[Any]) -> Check:
    detail = f"{choice.name}: {choice.reason}"
    if choice.name == REMOTE:
        return ok(stage, detail)  # whether it answers is the network's check
    cached = getattr(engine_class(stage, choice.name), "cached", None)
    if cached is not None and not cached(choice.options):
        return note(
            stage, f"{detail}; its model is fetched on first use", "A network is needed for that once."
        )
    began = time.monotonic()
    try:
        async with asyncio.timeout(_OPENING):
            async with choice.engine:
                seconds = time.monotonic() - began
    except TimeoutError:
        return note(
            stage,
            f"{detail}; it was still loading after {_OPENING:.0f} seconds",
            "Wait for it once: the system then keeps its files at hand. Or choose a smaller model.",
        )
    except (ImportError, OSError) as error:
        return problem(stage, f"{detail}; it does not open: {error}", _BROKEN)
    except VoiceError as error:
        return problem(stage, f"{detail}; it does not open: {error.message}", error.hint, error.status)
    return ok(stage, f"{detail}; opened in {seconds * 1000:.0f} ms")


async def engine_checks(loaded: Loaded) -> list[Check]:
    """One check for each engine that there is: whether it could be used here."""
    return [
        await asyncio.to_thread(_usable, stage, name, getattr(loaded.settings, stage).engines)
        for stage in STAGES
        for name in engines(stage)
    ]


def _usable(stage: Stage, name: str, options: Mapping[str, Any]) -> Check:
    title = f"{stage}.{name}"
    try:
        cls = engine_class(stage, name)
        own = options[name]
    except ImportError as error:
        return note(title, f"this installation is broken: {error}", _BROKEN)
    except VoiceError as error:
        return note(title, error.message, error.hint)
    lacking = cls.missing(own)
    if lacking is not None:
        what, _, remedy = lacking.partition(": ")
        return note(title, what, remedy)
    cached = getattr(cls, "cached", None)
    if cached is not None and not cached(own):
        return note(
            title, "its model is fetched on first use", f"voicecli {_command(stage)} --{stage} {name}"
        )
    return ok(title, "a stand-in for tests" if name == "simulated" else "works here")


def _command(stage: Stage) -> str:
    return {"asr": "listen", "tts": "tts 'Hello'"}.get(stage, "talk")


def model_check(folder: Path | None = None) -> Check:
    """The model files that were fetched."""
    folder = folder or model_folder()
    sizes: dict[str, int] = {}
    try:
        for path in sorted(folder.glob("*/**/*")):
            if path.is_file():
                engine = path.relative_to(folder).parts[0]
                sizes[engine] = sizes.get(engine, 0) + path.stat().st_size
    except OSError as error:
        return note(
            "models", f"{folder} cannot be read: {error.strerror or error}", "Look at its permissions."
        )
    if not sizes:
        return ok("models", f"none fetched yet; they will be kept in {folder}")
    listed = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.items())
    return ok("models", f"{listed} in {folder}")


async def server_check() -> Check:
    """OpenAI-compatible servers on this machine."""
    found = await find_servers()
    if not found:
        return ok("local servers", f"none on ports {', '.join(map(str, PORTS))}")
    named = [f"{server.name} at {server.base_url} ({_models(server.models)})" for server in found]
    return ok("local servers", "; ".join(named))


def _models(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4]) or "no models"
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown


async def network_checks(chosen: Chosen) -> list[Check]:
    """One check for each server that a conversation would use; without one the network is not touched."""
    servers: dict[Address, dict[Stage, str]] = {}
    for stage in STAGES:
        choice = chosen.choices.get(stage)
        if choice is not None and choice.name == REMOTE:
            server = address(choice.options.base_url, choice.options.api_key_env)
            servers.setdefault(server, {})[stage] = choice.options.model
    if not servers and chosen.failures:
        return []
    if not servers:
        return [ok("network", "not needed: every engine works on this machine")]
    return list(await asyncio.gather(*(_reached(server, wanted) for server, wanted in servers.items())))


async def _reached(server: Address, wanted: Mapping[Stage, str]) -> Check:
    name = f"network.{'+'.join(wanted)}"
    proxy = proxy_for(server)
    way, slow = f"{server.host}: through the proxy {proxy}", ""
    if not proxy:
        try:
            journey = await in_background(lambda _: travel(server, _REACH), _REACH + 1.0)
        except TimeoutError:
            journey = Journey(failure="looking it up took too long")
        way, slow = f"{server.host}: {journey_text(journey)}", slow_part(journey, server.is_local)
        if journey.connect is None:
            remedy = "Start the server." if server.is_local else "Check the connection to the network."
            return problem(name, f"{way}{journey.failure}", remedy, ExitStatus.PROVIDER)
    try:
        listing = await listed_models(server, _REACH)
    except RateLimited as error:
        return note(name, f"{way}; {error.message}", error.hint)
    except ProviderError as error:
        return problem(name, f"{way}; {error.message}", error.hint, ExitStatus.PROVIDER)
    models = listing.models
    way += f", listed its models in {listing.seconds * 1000:.0f} ms"
    if models is None:
        return note(
            name,
            f"{way}, but it lists no models: only talking to it shows whether it can be used",
            f"Try it: voicecli {_command(next(iter(wanted)))}",
        )
    lacking = [f"{model} ({stage})" for stage, model in wanted.items() if models and model not in models]
    if lacking:
        remedy = f"It lists {_models(models)}: set model in [{next(iter(wanted))}.openai] if it refuses."
        return note(name, f"{way}; it does not list {' and '.join(lacking)}", remedy)
    return note(name, way, slow) if slow else ok(name, way)


def slow_part(journey: Journey, local: bool = False) -> str:
    """Which step makes the server late, and what to do about it; empty where none does."""
    late = {step: seconds for step, seconds in journey.steps.items() if seconds > _SLOW[step]}
    if not late:
        return ""
    step = max(late, key=lambda step: late[step] / _SLOW[step])
    remedy = _REMEDIES_HERE if local and step == "first byte" else _REMEDIES[step]
    return f"The slow part is {_STEPS[step]} ({late[step] * 1000:.0f} ms). {remedy}"


def journey_text(journey: Journey) -> str:
    """The steps of the way with their times, and which of them takes longest if that is anything."""
    steps = journey.steps
    text = ", ".join(f"{step} {seconds * 1000:.0f} ms" for step, seconds in steps.items())
    if journey.failure:
        return f"{text}; " if text else text
    longest = max(steps, key=lambda step: steps[step], default="")
    return f"{text} (most of it {_STEPS[longest]})" if steps and steps[longest] > _FELT else text
