"""`voicecli talk`: a conversation wired to engines, devices, screen and disk."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from voicecli.audio.block import Block
from voicecli.audio.microphone import DeviceMicrophone, Microphone, PacedMicrophone
from voicecli.audio.player import AudioStreamPlayer, Output
from voicecli.audio.recorder import RecordedOutput, Recorder
from voicecli.cli import ends
from voicecli.cli.account import Account, View
from voicecli.cli.console import SafeConsole
from voicecli.cli.downloads import Downloads
from voicecli.cli.jsonlines import JsonLines
from voicecli.cli.keys import ESCAPE, pressed_keys
from voicecli.cli.screen import Plain, Screen
from voicecli.cli.typed import cleaned
from voicecli.cli.watching import watching
from voicecli.config import Loaded, Settings
from voicecli.config.assembly import Assembly, Tailored, assemble, enter_all, utterer_options
from voicecli.conversation import events
from voicecli.conversation.context import History
from voicecli.conversation.hearing import Hearing
from voicecli.conversation.journal import Journal, earlier_messages, find_saved
from voicecli.conversation.rehearsal import QUESTIONS, rehearsed_questions
from voicecli.conversation.supervisor import Conversation, Engines
from voicecli.errors import BudgetBreached, ExitStatus, NoDevice, SaveError, UsageError, VoiceError
from voicecli.flow.scope import scoped
from voicecli.folders import state_folder
from voicecli.providers.choose import choose_synthesizer
from voicecli.providers.recognizer import HEARING_RATE

__all__ = ["TalkRequest", "run_talk"]

_KEYS = ("m mute", "space pause", "esc stop", "q quit")
_KEYS_PUSH_TO_TALK = ("m mute", "space talk", "esc stop", "q quit")
_TYPED = "typed"  # the file of what was typed
_UNBROKEN = 10_000  # characters of a line that no terminal has to show
_WITHOUT_DEVICES = "Without any: type with --text, or look on with --rehearse --speaker answer.wav."
_ASKING_VOICE = "en-us+f4"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkRequest:
    """What the command line says beyond the settings."""

    text: bool = False  # type instead of talking
    rehearse: bool = False  # the bundled voice asks
    push_to_talk: bool = False
    real_time: bool = True
    turns: int | None = None
    voice: str | None = None
    save: bool = True
    save_audio: bool = False
    earlier: str | None = None  # the conversation to go on with; "" is the latest with words in it
    strict: bool = False
    json: bool = False
    verbose: bool = False
    prometheus: int | None = None  # port of a page of metrics
    otlp: str | None = None  # URL of a collector of traces
    lines: Sequence[str] | None = None  # what is typed, instead of asking for it


async def run_talk(
    loaded: Loaded, request: TalkRequest, watchers: Sequence[Callable[[events.TurnFinished], None]] = ()
) -> ExitStatus:
    """Converse until the end; what was heard and said is saved and summed up however that comes.

    `watchers` are told of every turn.
    Raises VoiceError for what ends the conversation early.
    """
    settings = loaded.settings
    view = _view(request, sound_on_stdout=settings.speaker.device == ends.PIPE)
    account = Account(view, settings.budgets.limits())
    try:
        async with AsyncExitStack() as stack:
            account.watchers = watchers
            await _converse(stack, loaded, request, view, account)
    except asyncio.CancelledError:
        account.close()
        return ExitStatus.INTERRUPTED
    except VoiceError as error:
        if isinstance(error, NoDevice) and not request.text:
            error.hint = f"{error.hint} {_WITHOUT_DEVICES}"
        account.failed_by(error)
        account.close()
        raise
    except BaseException:
        account.close()
        raise
    account.close()
    if account.failed and account.failure is not None:
        return account.failure.status
    if request.strict and account.breaches:
        raise BudgetBreached(f"Over budget: {'; '.join(account.breaches)}.")
    return ExitStatus.FINE


def _view(request: TalkRequest, *, sound_on_stdout: bool) -> View:
    """JSON, a live screen, or lines: whatever the other end can take."""
    stream = sys.stderr if sound_on_stdout else sys.stdout
    if request.json:
        return JsonLines(stream, verbose=request.verbose)
    console = SafeConsole(file=stream)
    if not console.is_terminal:
        return Plain(SafeConsole(file=stream, width=_UNBROKEN))
    drawn = stream.isatty() and not console.is_dumb_terminal
    if request.text:
        typed = request.lines is None and sys.stdin.isatty()
        if not (typed and drawn):
            return Plain(console, typed=typed)
        from voicecli.cli.prompt import Prompt  # prompt_toolkit takes its time to be imported

        return Prompt(console, state_folder() / _TYPED if request.save else None)
    if not drawn:
        return Plain(console)
    return Screen(console, _KEYS_PUSH_TO_TALK if request.push_to_talk else _KEYS)


async def _converse(
    stack: AsyncExitStack, loaded: Loaded, request: TalkRequest, view: View, account: Account
) -> None:
    settings = loaded.settings
    downloads = Downloads()
    stack.callback(downloads.close)
    assembly = await assemble(loaded, voice=request.voice, ears=not request.text, report=downloads)
    outside = watching(request.prometheus, request.otlp, assembly.names, account.warn)
    account.watchers = (*account.watchers, *stack.enter_context(outside))
    output = _speaker(settings, request, account)
    folder = settings.save.place
    history = History(settings.conversation.history)
    header: dict[str, object] = {"engines": assembly.names}
    if request.earlier is not None:
        earlier = find_saved(folder, request.earlier)
        history.restore(earlier_messages(earlier))
        header["continues"] = earlier.id
    journal = None
    if request.save:
        journal = account.journal = Journal(folder, header)
        stack.callback(account.never_began)
    recordings = _Recordings(journal.folder if journal and request.save_audio else None, account, stack)
    player = AudioStreamPlayer(recordings.of_output(output), settings.player)
    conversation = _conversation(assembly, player, account, history, loaded)
    conversation.turns = request.turns or settings.conversation.max_turns or None
    microphone = None if request.text else await _microphone(settings, request, conversation)
    opening = [*assembly.engines, player, *([microphone] if microphone else [])]
    await enter_all(stack, opening)
    downloads.close()
    stack.enter_context(view)
    account(_ready(assembly, player, microphone, journal))
    leaving = _Leaving(conversation, account)
    stack.callback(leaving.tell)
    hearing = None
    source: Coroutine[object, object, None]
    if microphone is None:
        asked = None if request.lines is None else _prepared(request.lines)
        typed = asked or view.lines(conversation.stop, leaving.leave)
        source = _converse_by_typing(conversation, typed)
    else:
        hearing = _hearing(microphone, assembly, conversation, settings, request, recordings, account)
        view.watch(_level_of(hearing), conversation.heard)
        source = hearing.run()
    with ExitStack() as around:
        if hearing is not None:
            keys = _Keys(conversation, player, hearing, view, leaving, push_to_talk=request.push_to_talk)
            pressed = around.enter_context(pressed_keys(keys.press))
            if request.push_to_talk and not request.rehearse and not pressed:
                account.warn("There is no key to press to talk: standard input is not a terminal.")
        await conversation.run(source)
    if microphone is not None and not isinstance(microphone, DeviceMicrophone) and not account.turns:
        account.warn(f"No speech was noticed in {microphone.name}.")


def _speaker(settings: Settings, request: TalkRequest, account: Account) -> Output:
    mic, speaker = Path(str(settings.mic.device)), Path(str(settings.speaker.device))
    if mic.is_file() and speaker.is_file() and mic.samefile(speaker):
        raise UsageError(f"{mic} cannot be microphone and loudspeaker at once.", "Name another file.")
    try:
        return ends.open_speaker(str(settings.speaker.device), real_time=request.real_time)
    except NoDevice as error:
        if not request.text or settings.speaker.device:
            raise
        account.warn(f"{error.message} The answers are shown only.")
        return ends.open_speaker(ends.NULL, real_time=request.real_time)


async def _microphone(settings: Settings, request: TalkRequest, conversation: Conversation) -> Microphone:
    if request.rehearse:
        # Another voice than the one that answers.
        voice = await choose_synthesizer("espeak", Tailored(settings.tts.engines, voice=_ASKING_VOICE))
        asking = rehearsed_questions(QUESTIONS, voice.engine, lambda: conversation.busy)
        return PacedMicrophone(
            "the bundled voice",
            HEARING_RATE,
            asking,
            real_time=request.real_time,
            hold=conversation.caught_up,
        )
    return await ends.open_microphone(
        str(settings.mic.device),
        real_time=request.real_time,
        hold=conversation.caught_up,
        linger=lambda: conversation.busy,
    )


def _conversation(
    assembly: Assembly, player: AudioStreamPlayer, account: Account, history: History, loaded: Loaded
) -> Conversation:
    settings = loaded.settings
    asr = assembly.asr
    engines = Engines(
        assembly.llm.engine, assembly.tts.engine, asr.engine if asr else None, settings.asr.timeout
    )
    return Conversation(
        engines,
        player,
        account,
        settings.conversation,
        history=history,
        reply=settings.reply(),
        utterer=utterer_options(loaded),
        budgets=settings.budgets.limits(),
    )


def _hearing(
    microphone: Microphone,
    assembly: Assembly,
    conversation: Conversation,
    settings: Settings,
    request: TalkRequest,
    recordings: _Recordings,
    account: Account,
) -> Hearing:
    assert assembly.vad is not None
    # What is rehearsed presses no keys.
    by_key = request.push_to_talk and not request.rehearse
    endpoint, utterance = settings.endpointer(), settings.vad.utterance
    if by_key:
        endpoint = endpoint.patient()
        utterance = replace(utterance, longest=endpoint.cap + utterance.longest)
    return Hearing(
        microphone,
        settings.ears(assembly.vad.engine, endpoint, utterance),
        conversation,
        replace(settings.conversation.hearing, push_to_talk=by_key),
        tap=recordings.of_microphone(microphone),
        warn=account.warn,
    )


def _level_of(hearing: Hearing) -> Callable[[], float]:
    return lambda: hearing.level


def _ready(
    assembly: Assembly, player: AudioStreamPlayer, microphone: Microphone | None, journal: Journal | None
) -> events.Ready:
    devices = {"speaker": player.output.name}
    rates = {"speaker": player.rate}
    if microphone is not None:
        devices = {"mic": microphone.name, **devices}
        rates = {"mic": microphone.rate, **rates}
    saved = str(journal.folder) if journal else None
    return events.Ready(assembly.names, assembly.reasons, devices, rates, saved)


async def _converse_by_typing(conversation: Conversation, typed: AsyncIterator[str]) -> None:
    async with scoped(typed) as lines:
        async for line in lines:
            if text := cleaned(line):
                await conversation.quiet()
                conversation.say(text)
                await conversation.quiet()
            if conversation.over:
                return


async def _prepared(lines: Sequence[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line


class _Recordings:
    """The sound of both sides, where it is wanted."""

    def __init__(self, folder: Path | None, account: Account, stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._loop = asyncio.get_running_loop()
        self._account = account

    def of_output(self, output: Output) -> Output:
        """The output, recorded."""
        recorder = self._recorder("speaker.wav", output.rate)
        return output if recorder is None else RecordedOutput(output, recorder)

    def of_microphone(self, microphone: Microphone) -> Callable[[Block], None] | None:
        """What to give every block to."""
        recorder = self._recorder("microphone.wav", microphone.rate)
        return None if recorder is None else recorder.push_block

    def _recorder(self, name: str, rate: int) -> Recorder | None:
        if self._folder is None:
            return None
        recorder = Recorder(self._folder / name, rate, self._failed)
        self._stack.callback(recorder.close)
        return recorder

    def _failed(self, error: SaveError) -> None:
        self._loop.call_soon_threadsafe(self._account.warn, str(error))


class _Leaving:
    """What is pending rings only while the conversation runs, which is said before it ends, or as it does."""

    def __init__(self, conversation: Conversation, account: Account) -> None:
        self._conversation = conversation
        self._account = account
        self._asked = False

    def leave(self) -> None:
        """End the conversation; with something pending, when it is asked a second time."""
        pending = self._conversation.pending
        if not pending or self._asked:
            self._conversation.end()
            return
        self._asked = True
        self._account.warn(
            f"Still to ring, which is only while this runs: {', '.join(pending)}. Leave again to go."
        )

    def tell(self) -> None:
        """Say what is lost by an end that nobody asked about."""
        if not self._asked and (pending := self._conversation.pending):
            self._account.warn(f"Will not ring, as that is only while this runs: {', '.join(pending)}.")


class _Keys:
    """What each key does."""

    def __init__(
        self,
        conversation: Conversation,
        player: AudioStreamPlayer,
        hearing: Hearing,
        view: View,
        leaving: _Leaving,
        *,
        push_to_talk: bool,
    ) -> None:
        self._conversation = conversation
        self._leaving = leaving
        self._player = player
        self._hearing = hearing
        self._view = view
        self._push_to_talk = push_to_talk
        self._open = not push_to_talk
        self._muted = False
        self._show()

    def press(self, key: str) -> None:
        """Do what `key` is for; other keys do nothing."""
        if key == "q":
            self._leaving.leave()
        elif key == ESCAPE:
            self._conversation.stop()
        elif key == "m":
            self._muted = not self._muted
        elif key == " " and self._push_to_talk:
            self._open = self._hearing.press()
        elif key == " " and self._player.paused:
            self._player.resume()
        elif key == " ":
            self._player.pause()
        self._hearing.mute(self._muted or self._player.paused)
        self._show()

    def _show(self) -> None:
        deaf = self._muted or self._player.paused
        recording = self._push_to_talk and self._open and not deaf
        shown = {"paused": self._player.paused, "muted": self._muted, "recording": recording}
        self._view.status(
            " · ".join(name for name, holds in shown.items() if holds), listening=self._open and not deaf
        )
