"""The choice of an engine for a stage: what was asked for, or for `auto` the best that works here, and why.

An engine that was asked for is taken, or it is an error that says what it lacks. For `auto` the first of
these is taken that works here:

    asr    openai, where it has a key or an address; an OpenAI-compatible server on this machine that has a
           model for it; moonshine or whisper, where installed and the model is already fetched; pocketsphinx
    llm    openai; such a server; assistant
    tts    openai; such a server; kokoro or piper, as above; espeak
    vad    silero; energy

An address in OPENAI_BASE_URL that is not OpenAI's counts for the language model alone: it usually names a
server that neither hears nor speaks. The other stages take it from their own `base_url`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from voicecli.errors import LibraryMissing, ProviderError, Refused, VoiceError
from voicecli.providers.language_model import LanguageModel
from voicecli.providers.local_servers import PORTS, LocalServer, find_servers
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.registry import BUILT_IN, EngineClass, Stage, engine_class
from voicecli.providers.synthesizer import Synthesizer
from voicecli.speech.vad import VoiceDetector

__all__ = [
    "AUTO",
    "Choice",
    "accepted",
    "choose",
    "choose_detector",
    "choose_language_model",
    "choose_recognizer",
    "choose_synthesizer",
]

T_co = TypeVar("T_co", covariant=True)

ASKED_FOR = ("simulated", "silero-torch")  # only by name
AUTO: Mapping[Stage, Sequence[str]] = {
    stage: tuple(name for name in names if name not in ASKED_FOR) for stage, names in BUILT_IN.items()
}
REMOTE = "openai"  # also what talks to a server on this machine
ASKED = "as asked for"


@dataclass(frozen=True, slots=True)
class Choice(Generic[T_co]):
    """An engine, not yet opened, and why it is this one."""

    engine: T_co
    name: str
    reason: str  # a short sentence without a full stop, for people
    options: Any  # what the engine was made with


async def choose_recognizer(
    requested: str = "auto", options: Mapping[str, Any] | None = None, **more: Any
) -> Choice[Recognizer]:
    """`choose` for `asr`. An engine that takes a `domain` (what it should expect to hear) is given it."""
    return await choose("asr", requested, options, **more)


async def choose_language_model(
    requested: str = "auto", options: Mapping[str, Any] | None = None, **more: Any
) -> Choice[LanguageModel]:
    """`choose` for `llm`."""
    return await choose("llm", requested, options, **more)


async def choose_synthesizer(
    requested: str = "auto", options: Mapping[str, Any] | None = None, **more: Any
) -> Choice[Synthesizer]:
    """`choose` for `tts`. An engine that fetches its model says through `report` how far that is."""
    return await choose("tts", requested, options, **more)


async def choose_detector(
    requested: str = "auto", options: Mapping[str, Any] | None = None
) -> Choice[VoiceDetector]:
    """`choose` for `vad`."""
    return await choose("vad", requested, options)


async def choose(
    stage: Stage,
    requested: str = "auto",
    options: Mapping[str, Any] | None = None,
    *,
    servers: Sequence[LocalServer] | None = None,
    **more: object,
) -> Choice[Any]:
    """Choose and make the engine; opening it is the caller's.

    `options` maps names of engines to their options, defaults where it has none. `servers` are those on this
    machine; None looks for them when they matter. Whatever is in `more`, and is not None, reaches an engine
    whose constructor has a parameter of that name. Raises UsageError for an unknown engine, LibraryMissing or
    ProviderError when it cannot work here, SettingsError for options that it refuses.
    """
    given = options or {}
    if requested == "auto":
        name, own, reason = await _automatic(stage, given, servers)
    else:
        name, own, reason = requested, _options(stage, requested, given), ASKED
        if (lacking := await _lacking(stage, name, own)) is not None:
            raise _unusable(stage, name, lacking)
    cls = engine_class(stage, name)
    return Choice(cls(own, **accepted(cls, more)), name, reason, own)


_Pick: TypeAlias = tuple[str, Any, str]
"""What `auto` settles on: a name, options, and why."""


async def _automatic(stage: Stage, given: Mapping[str, Any], servers: Sequence[LocalServer] | None) -> _Pick:
    """The first that works here; the reason says why those before it do not."""
    passed: list[str] = []
    lacks: dict[str, list[str]] = {}  # what is missing, and who misses it
    for name in AUTO[stage]:
        own = _options(stage, name, given)
        lacking = await _lacking(stage, name, own)
        if name == REMOTE:
            lacking = lacking or _elsewhere(stage, own)
            if lacking is None:
                return name, own, _configured(stage, own)
            passed.append(f"no {own.api_key_env}" if lacking.startswith("no key: ") else _briefly(lacking))
            served, why = await _served(stage, own, servers)
            passed.append(why)
            if served is not None:
                return REMOTE, served, "; ".join(passed)
        elif lacking is None and _fetched(stage, name, own):
            return name, own, "; ".join([*passed, *_together(lacks)]) or "the best that works here"
        else:
            what = "its model is not fetched yet" if lacking is None else _briefly(lacking)
            lacks.setdefault(what, []).append(name)
    raise ProviderError(
        f"No {stage} engine works here: {'; '.join([*passed, *_together(lacks)])}.",
        "`voicecli doctor` says what each one needs.",
    )


async def _served(stage: Stage, own: Any, servers: Sequence[LocalServer] | None) -> tuple[Any, str]:
    """Options for a server on this machine with a model for the stage, if there is one; and why."""
    kind: Literal["asr", "llm", "tts"] = stage if stage != "vad" else "llm"
    found = await find_servers() if servers is None else servers
    for server in found:
        model = own.model if own.model in server.models else server.model(kind)
        if model is not None:
            # A key for OpenAI is nobody else's business, and servers on this machine want none.
            options = dataclasses.replace(own, base_url=server.base_url, api_key_env="", model=model)
            return options, f"{server.name} is running at {_host(server)} with {model}"
    if not found:
        return None, f"nothing listens on {', '.join(map(str, PORTS))}"
    named = " and ".join(f"{server.name} at {_host(server)}" for server in found)
    return None, f"{named} {'has' if len(found) == 1 else 'have'} no model for {stage}"


def _options(stage: Stage, name: str, given: Mapping[str, Any]) -> Any:
    cls = engine_class(stage, name)  # first, for its error names the nearest engine
    return given[name] if name in given else cls.Options()


async def _lacking(stage: Stage, name: str, options: Any) -> str | None:
    """What keeps the engine from working here; a keyring may take its time to answer."""
    return await asyncio.to_thread(engine_class(stage, name).missing, options)


def _fetched(stage: Stage, name: str, options: Any) -> bool:
    """Whether the engine's model is on this machine; an engine that fetches none does not say."""
    cached = getattr(engine_class(stage, name), "cached", None)
    return cached is None or bool(cached(options))


def _elsewhere(stage: Stage, options: Any) -> str | None:
    """Why the remote engine is not meant for this stage, although nothing keeps it from working."""
    from voicecli.providers.openai.base_url import address

    server = address(options.base_url, options.api_key_env)
    if stage == "llm" or options.base_url or server.is_openai:
        return None
    return f"OPENAI_BASE_URL ({server.host}) is taken to be for llm"


def _configured(stage: Stage, options: Any) -> str:
    from voicecli.providers.openai.base_url import address

    server = address(options.base_url, options.api_key_env)
    if server.is_openai:
        return f"there is a key in {server.key_name}"
    return f"{f'{stage}.openai.base_url' if options.base_url else 'OPENAI_BASE_URL'} is {server.host}"


def _host(server: LocalServer) -> str:
    return server.base_url.partition("://")[2].partition("/")[0]


def _briefly(lacking: str) -> str:
    """What is missing, without what to do about it."""
    return lacking.partition(": ")[0].rstrip(".")


def _together(lacks: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One clause for each thing that is missing, naming all that miss it."""
    return (f"{' and '.join(names)}: {what}" for what, names in lacks.items())


def _unusable(stage: Stage, name: str, lacking: str) -> VoiceError:
    what, _, remedy = lacking.partition(": ")
    kind: type[VoiceError] = ProviderError
    if "install" in lacking:
        kind = LibraryMissing
    elif what.startswith("no key"):
        kind = Refused
    hint = as_sentence(remedy) if remedy else "`voicecli doctor` says what it needs."
    return kind(f"The {stage} engine {name} cannot be used: {what.rstrip('.')}.", hint)


def as_sentence(remedy: str) -> str:
    """What to do, as a sentence; a command keeps its spelling."""
    remedy = remedy.rstrip(".")
    return f"Run `{remedy}`." if remedy.startswith("pip ") else f"{remedy[:1].upper()}{remedy[1:]}."


def accepted(cls: EngineClass, more: Mapping[str, object]) -> dict[str, object]:
    """Those of `more` that the constructor has a parameter for."""
    offered = {name: value for name, value in more.items() if value is not None}
    if not offered:
        return {}
    import inspect

    taken = inspect.signature(cls).parameters
    return {name: value for name, value in offered.items() if name in taken}
