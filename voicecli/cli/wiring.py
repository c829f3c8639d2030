"""A conversation wired to engines, devices, screen and disk."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from voicecli.audio.microphone import DeviceMicrophone, Microphone, PacedMicrophone
from voicecli.audio.player import AudioStreamPlayer, Output
from voicecli.audio.recorder import RecordedOutput, Recorder
from voicecli.cli import ends
from voicecli.cli.account import Account, JsonLines, View
from voicecli.cli.controls import Keys, Leaving, converse_by_typing, pressed_keys
from voicecli.cli.progress import Downloads
from voicecli.cli.screen import screen
from voicecli.cli.talk import TalkOptions
from voicecli.cli.watching import watching
from voicecli.config import Loaded
from voicecli.config.assembly import Assembly, assemble, utterer_options
from voicecli.conversation import events
from voicecli.conversation.answerer import Answerer, Engines
from voicecli.conversation.context import History
from voicecli.conversation.journal import Journal, earlier_messages, find_saved
from voicecli.conversation.listening import Listening
from voicecli.conversation.rehearsal import QUESTIONS, rehearsed_questions
from voicecli.conversation.supervisor import Conversation
from voicecli.errors import BudgetBreached, ExitStatus, NoDevice, SaveError, UsageError, VoiceError
from voicecli.flow.sources import array_source
from voicecli.providers.choose import choose_synthesizer
from voicecli.providers.recognizer import LISTENING_RATE

__all__ = ["run_talk"]

_WITHOUT_DEVICES = "Without any: type with --text, or look on with --rehearse --speaker answer.wav."
_ASKING_VOICE = "en-us+f4"


async def run_talk(
    loaded: Loaded,
    options: TalkOptions,
    watchers: Sequence[Callable[[events.TurnFinished], None]] = (),
    lines: Sequence[str] | None = None,
) -> ExitStatus:
    """Converse until the end; what was heard and said is saved and summed up however that comes.

    `watchers` are told of every turn; `lines` are said instead of what would be typed.
    Raises VoiceError for what ends the conversation early.
    """
    settings = loaded.settings
    saved = not options.no_save and (settings.save.enabled or options.save is not None)
    stdout = settings.speaker.device != ends.PIPE
    if options.json:
        view: View = JsonLines(sys.stdout if stdout else sys.stderr, verbose=options.verbose)
    else:
        view = screen(
            sys.stdout if stdout else sys.stderr,
            typing=options.text,
            typed=lines is None and sys.stdin.isatty(),
            push_to_talk=settings.conversation.listening.push_to_talk,
            remembered=saved,
        )
    account = Account(view, settings.budgets.limits())
    account.watchers = watchers
    try:
        async with AsyncExitStack() as stack:
            wiring = _Wiring(loaded, options, account, stack)
            if saved:
                wiring.sound = options.save_audio or settings.save.audio
            await wiring.converse(view, saved, lines)
    except asyncio.CancelledError:
        return ExitStatus.INTERRUPTED
    except VoiceError as error:
        if isinstance(error, NoDevice) and not options.text:
            error.hint = f"{error.hint} {_WITHOUT_DEVICES}"
        account.failed_by(error)
        raise
    finally:
        account.close()
    if account.failed and account.failure is not None:
        return account.failure.status
    if options.strict and account.breaches:
        raise BudgetBreached(f"Over budget: {'; '.join(account.breaches)}.")
    return ExitStatus.FINE


class _Wiring:
    """Joins a conversation to engines, devices, screen and disk."""

    def __init__(self, loaded: Loaded, options: TalkOptions, account: Account, stack: AsyncExitStack) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._options = options
        self._account = account
        self._stack = stack
        self._loop = asyncio.get_running_loop()
        self.sound = False  # whether that of both sides is saved

    async def converse(self, view: View, saved: bool, lines: Sequence[str] | None) -> None:
        """Open everything and talk until the end."""
        options, account, stack = self._options, self._account, self._stack
        downloads = stack.enter_context(Downloads())
        assembly = await assemble(self._loaded, voice=options.voice, ears=not options.text, report=downloads)
        outside = watching(options.prometheus, options.otlp, assembly.names, account.warn)
        account.watchers = (*account.watchers, *stack.enter_context(outside))
        output = self._speaker()
        history = History(self._settings.conversation.history)
        header: dict[str, object] = {"engines": assembly.names}
        if options.earlier is not None:
            earlier = find_saved(self._settings.save.conversations, options.earlier)
            history.restore(earlier_messages(earlier))
            header["continues"] = earlier.id
        if saved:
            account.journal = Journal(self._settings.save.conversations, header)
            stack.callback(account.never_began)
        recorder = self._recorder("speaker.wav", output.rate)
        recorded = output if recorder is None else RecordedOutput(output, recorder)
        player = AudioStreamPlayer(recorded, self._settings.player)
        conversation = self._conversation(assembly, player, history)
        microphone = None if options.text else await self._microphone(conversation)
        await downloads.opening(stack, [*assembly.engines, player, *([microphone] if microphone else [])])
        stack.enter_context(view)
        account(self._ready(assembly, player, microphone))
        leaving = Leaving(conversation, account)
        stack.callback(leaving.tell)
        if microphone is None:
            typed = view.lines(conversation.stop, leaving.leave) if lines is None else array_source(lines)
            await conversation.run(converse_by_typing(conversation, typed))
            return
        listening = self._listening(microphone, assembly, conversation)
        view.watch(lambda: listening.level, conversation.heard)
        by_key = self._settings.conversation.listening.push_to_talk
        keys = Keys(conversation, player, listening, view, leaving, push_to_talk=by_key)
        with pressed_keys(keys.press) as pressed:
            if by_key and not options.rehearse and not pressed:
                account.warn("There is no key to press to talk: standard input is not a terminal.")
            await conversation.run(listening.run())
        if not isinstance(microphone, DeviceMicrophone) and not account.turns:
            account.warn(f"No speech was noticed in {microphone.name}.")

    def _speaker(self) -> Output:
        mic, speaker = Path(str(self._settings.mic.device)), Path(str(self._settings.speaker.device))
        if mic.is_file() and speaker.is_file() and mic.samefile(speaker):
            raise UsageError(f"{mic} cannot be microphone and loudspeaker at once.", "Name another file.")
        real_time = self._options.real_time
        try:
            return ends.open_speaker(str(self._settings.speaker.device), real_time=real_time)
        except NoDevice as error:
            if not self._options.text or self._settings.speaker.device:
                raise
            self._account.warn(f"{error.message} The answers are shown only.")
            return ends.open_speaker(ends.NULL, real_time=real_time)

    async def _microphone(self, conversation: Conversation) -> Microphone:
        real_time, hold = self._options.real_time, conversation.caught_up
        if self._options.rehearse:
            # Another voice than the one that answers.
            voices = self._settings.tts.engines.tailored(voice=_ASKING_VOICE)
            voice = await choose_synthesizer("espeak", voices)
            asking = rehearsed_questions(QUESTIONS, voice.engine, lambda: conversation.floor.busy)
            name = "the bundled voice"
            return PacedMicrophone(name, LISTENING_RATE, asking, real_time=real_time, hold=hold)
        device = str(self._settings.mic.device)
        return await ends.open_microphone(
            device, real_time=real_time, hold=hold, linger=lambda: conversation.floor.busy
        )

    def _conversation(self, assembly: Assembly, player: AudioStreamPlayer, history: History) -> Conversation:
        settings = self._settings
        recognizer = None if assembly.asr is None else assembly.asr.engine
        return Conversation(
            Answerer(
                Engines(assembly.llm.engine, assembly.tts.engine, recognizer, settings.asr.timeout),
                player,
                self._account,
                history=history,
                reply=settings.reply(),
                utterer=utterer_options(self._loaded),
                budgets=settings.budgets.limits(),
            ),
            settings.conversation,
            turns=self._options.turns or settings.conversation.max_turns,
        )

    def _listening(self, microphone: Microphone, assembly: Assembly, conversation: Conversation) -> Listening:
        assert assembly.vad is not None
        settings = self._settings
        options = settings.conversation.listening
        endpoint, utterance = settings.endpointer(), settings.vad.utterance
        if options.push_to_talk and self._options.rehearse:  # what is rehearsed presses no keys
            options = replace(options, push_to_talk=False)
        if options.push_to_talk:
            endpoint = endpoint.patient()
            utterance = replace(utterance, longest=endpoint.cap + utterance.longest)
        recorder = self._recorder("microphone.wav", microphone.rate)
        return Listening(
            microphone,
            settings.ears(assembly.vad.engine, endpoint, utterance),
            conversation.moderator,
            options,
            tap=None if recorder is None else recorder.push_block,
            warn=self._account.warn,
        )

    def _recorder(self, name: str, rate: int) -> Recorder | None:
        """The file of one side's sound, where it is wanted."""
        journal = self._account.journal
        if journal is None or not self.sound:
            return None
        recorder = Recorder(journal.folder / name, rate, self._unrecorded)
        self._stack.callback(recorder.close)
        return recorder

    def _unrecorded(self, error: SaveError) -> None:
        self._loop.call_soon_threadsafe(self._account.warn, str(error))

    def _ready(
        self, assembly: Assembly, player: AudioStreamPlayer, microphone: Microphone | None
    ) -> events.Ready:
        devices, rates = {"speaker": player.output.name}, {"speaker": player.rate}
        if microphone is not None:
            devices, rates = {"mic": microphone.name, **devices}, {"mic": microphone.rate, **rates}
        journal = self._account.journal
        return events.Ready(
            assembly.names, assembly.reasons, devices, rates, str(journal.folder) if journal else None
        )
