"""Settings: one section for each noun of the program; `Settings` is the table that gathers them.

A section is a frozen dataclass, and its fields are the keys. Options live beside the class that reads them,
and appear here as a section or its base, as a table inside a section, or (`FLAT`) as keys among the section's
own. To add a section, add a line to `Settings`; to add options to one, add a line to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from voicecli.audio.player import PlayerOptions
from voicecli.config.ranges import HIDDEN, Count, Seconds, Timeout
from voicecli.config.serving import ServerSettings
from voicecli.conversation.context import HistoryOptions
from voicecli.conversation.draft import ReplyOptions
from voicecli.conversation.listening import ListeningOptions
from voicecli.conversation.moderator import ConversationOptions
from voicecli.folders import data_folder
from voicecli.latency.timeline import Span
from voicecli.providers.registry import Stage, engine_class, engines, is_engine
from voicecli.reply.phrases import PhraseOptions
from voicecli.reply.utterer import UttererOptions
from voicecli.speech.ears import Ears
from voicecli.speech.edges import EdgeOptions
from voicecli.speech.endpoint import EndpointOptions
from voicecli.speech.gate import GateOptions
from voicecli.speech.segmenter import Segmenter
from voicecli.speech.utterance import UtteranceOptions
from voicecli.speech.vad import VoiceDetector

__all__ = ["TIMEOUT", "BudgetSettings", "Engines", "ServerSettings", "Settings"]

FLAT = {"flat": True}  # metadata of options whose keys are the section's own
TIMEOUT = "timeout"  # a field that an engine's options share with their stage


def without(*names: str, flat: bool = False) -> dict[str, Any]:
    """Metadata of options of which the fields `names` are not keys: they are known from elsewhere."""
    return {"flat": flat, "without": frozenset(names)}


class Engines(Mapping[str, Any]):
    """The options of every engine of a stage by its name; those that nobody set are made when asked for.

    What is `common`, as the stage's time-out is, is put into those that have such a field.
    """

    def __init__(self, stage: Stage, given: Mapping[str, Any] | None = None, **common: object) -> None:
        self.stage: Stage = stage
        self._given = dict(given or {})
        self._common = {name: value for name, value in common.items() if value is not None}
        self._made: dict[str, Any] = {}

    def tailored(self, tables: Mapping[str, Any] | None = None, **common: object) -> Engines:
        """These, with other tables or with more in common; what is None changes nothing."""
        more = {name: value for name, value in common.items() if value is not None}
        return Engines(self.stage, self._given if tables is None else tables, **{**self._common, **more})

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            if not is_engine(self.stage, name):
                raise KeyError(name)
            options = self._given[name] if name in self._given else engine_class(self.stage, name).Options()
            known = self._common.keys() & {field.name for field in fields(options)}
            self._made[name] = replace(options, **{key: self._common[key] for key in known})
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and is_engine(self.stage, name)

    def __iter__(self) -> Iterator[str]:
        return iter(engines(self.stage))

    def __len__(self) -> int:
        return len(engines(self.stage))

    def __repr__(self) -> str:
        return f"Engines({self.stage!r}, {self._given!r}, {self._common!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneSettings:
    """Where sound comes from."""

    device: str | int = ""  # name, part of it, or number; empty: the system's default


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSettings:
    """Where sound goes."""

    device: str | int = ""  # name, part of it, or number; empty: the system's default


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionSettings(GateOptions):
    """When a window is speech, and when speech has started and stopped."""

    engine: str = "auto"  # auto, or an engine's name: see `voicecli doctor`
    window: float = field(default=GateOptions().window, metadata=HIDDEN)  # seconds; the detectors decide
    edges: EdgeOptions = field(default_factory=EdgeOptions)
    utterance: UtteranceOptions = field(default_factory=UtteranceOptions)
    engines: Engines = field(default_factory=lambda: Engines("vad"), metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionSettings:
    """Recognition: audio in, text out."""

    engine: str = "auto"  # auto, or an engine's name: see `voicecli doctor`
    timeout: Timeout = 10.0  # seconds without progress before the engine has failed
    engines: Engines = field(default_factory=lambda: Engines("asr", timeout=10.0), metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingSettings:
    """The language model: text in, text out."""

    engine: str = "auto"  # auto, or an engine's name: see `voicecli doctor`
    timeout: Timeout = 20.0  # seconds without progress before the engine has failed
    engines: Engines = field(default_factory=lambda: Engines("llm", timeout=20.0), metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisSettings:
    """Speaking: text in, audio out."""

    engine: str = "auto"  # auto, or an engine's name: see `voicecli doctor`
    timeout: Timeout = 10.0  # seconds without progress before the engine has failed
    engines: Engines = field(default_factory=lambda: Engines("tts", timeout=10.0), metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettings(ConversationOptions):
    """How the conversation is held."""

    max_turns: Count = 0  # turns after which the conversation ends; 0: goes on
    history: HistoryOptions = field(default_factory=HistoryOptions, metadata=FLAT)
    listening: ListeningOptions = field(default_factory=ListeningOptions, metadata=FLAT)
    utterer: UttererOptions = field(
        default_factory=UttererOptions, metadata=without("language", "timeout", flat=True)
    )
    phrases: PhraseOptions = field(default_factory=PhraseOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """The longest that each span of a turn may last; 0: as long as it likes."""

    endpoint: Seconds = 0.6  # seconds from the end of speech until the turn has surely ended
    asr: Seconds = 0.5  # seconds from there to the transcript
    ttft: Seconds = 0.7  # seconds from the transcript to the first token
    phrase: Seconds = 0.4  # seconds from the first token to the first phrase
    ttfb: Seconds = 0.4  # seconds from the first phrase to the first byte of speech
    playout: Seconds = 0.2  # seconds from the first byte to the first sound
    ttfa: Seconds = 0.5  # seconds from the first phrase to the first sound
    voice_to_voice: Seconds = 1.0  # seconds from the end of speech to the first sound

    def limits(self) -> dict[Span, float]:
        """The spans that have a limit, in seconds."""
        return {span: limit for span in Span if (limit := float(getattr(self, span.value))) > 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSettings:
    """What is kept of a conversation."""

    enabled: bool = True  # keep the text and the times of every conversation
    folder: str = ""  # where; empty: the system's folder for a user's data
    audio: bool = False  # keep the sound as well

    @property
    def conversations(self) -> Path:
        """The folder of conversations."""
        return Path(self.folder).expanduser() if self.folder else data_folder() / "conversations"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is written down about the program itself."""

    level: Literal["debug", "info", "warning", "error"] = "warning"  # the least that is worth a line
    file: str = ""  # path; empty: the terminal's error output
    format: Literal["text", "json"] = "text"  # lines for people, or an object on each line


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set; each section is read by the room that owns its class."""

    mic: MicrophoneSettings = MicrophoneSettings()
    speaker: SpeakerSettings = SpeakerSettings()
    vad: DetectionSettings = field(default_factory=DetectionSettings)
    endpoint: EndpointOptions = field(default_factory=EndpointOptions, metadata=without("language"))
    asr: RecognitionSettings = field(default_factory=RecognitionSettings)
    llm: ThinkingSettings = field(default_factory=ThinkingSettings)
    tts: SynthesisSettings = field(default_factory=SynthesisSettings)
    player: PlayerOptions = field(default_factory=PlayerOptions)
    conversation: ConversationSettings = field(default_factory=ConversationSettings)
    budgets: BudgetSettings = BudgetSettings()
    save: SaveSettings = SaveSettings()
    server: ServerSettings = field(default_factory=ServerSettings)
    log: LogSettings = LogSettings()

    # What the rooms want to be given, from all the sections that have a say in it

    def endpointer(self) -> EndpointOptions:
        return replace(self.endpoint, language=self.conversation.language)

    def ears(
        self,
        detector: VoiceDetector,
        endpoint: EndpointOptions | None = None,
        utterance: UtteranceOptions | None = None,
    ) -> Ears:
        segmenter = Segmenter(
            gate=self.vad,
            endpoint=endpoint or self.endpointer(),
            utterance=utterance or self.vad.utterance,
            edges=self.vad.edges,
        )
        return Ears(detector, segmenter)

    def listening(self) -> ListeningOptions:
        return self.conversation.listening

    def reply(self) -> ReplyOptions:
        return ReplyOptions(phrases=self.conversation.phrases, timeout=self.llm.timeout)

    def utterer(self) -> UttererOptions:
        options = self.conversation.utterer
        return replace(options, language=self.conversation.language, timeout=self.tts.timeout)
