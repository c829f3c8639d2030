"""What a user does to a conversation while it runs: the keys of the terminal, and leaving."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from voicecli.audio.player import AudioStreamPlayer
from voicecli.cli.account import Account, View
from voicecli.cli.typed import cleaned
from voicecli.conversation.listening import Listening
from voicecli.conversation.supervisor import Conversation
from voicecli.flow.scope import scoped

__all__ = ["Keys", "Leaving", "converse_by_typing", "pressed_keys"]

_ESCAPE = "\x1b"


@contextmanager
def pressed_keys(on_key: Callable[[str], None]) -> Iterator[bool]:
    """Call `on_key` for every key pressed inside; the terminal is as it was before on every way out.

    Gives whether there is a terminal to press keys on. Arrow keys and the like are left out.
    """
    try:
        import termios
        import tty
    except ImportError:  # no such terminals on this system
        yield False
        return
    if not sys.stdin.isatty():
        yield False
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    loop = asyncio.get_running_loop()

    def read() -> None:
        typed = os.read(number, 64).decode(errors="ignore")
        if typed.startswith(_ESCAPE) and len(typed) > 1:
            return  # a key that sends a sequence
        for key in typed:
            on_key(key)

    try:
        tty.setcbreak(number)
        loop.add_reader(number, read)
        yield True
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)


class Leaving:
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


class Keys:
    """What each key does."""

    def __init__(
        self,
        conversation: Conversation,
        player: AudioStreamPlayer,
        listening: Listening,
        view: View,
        leaving: Leaving,
        *,
        push_to_talk: bool,
    ) -> None:
        self._conversation = conversation
        self._leaving = leaving
        self._player = player
        self._listening = listening
        self._view = view
        self._push_to_talk = push_to_talk
        self._open = not push_to_talk
        self._muted = False
        self._show()

    def press(self, key: str) -> None:
        """Do what `key` is for; other keys do nothing."""
        if key == "q":
            self._leaving.leave()
        elif key == _ESCAPE:
            self._conversation.stop()
        elif key == "m":
            self._muted = not self._muted
        elif key == " " and self._push_to_talk:
            self._open = self._listening.press()
        elif key == " " and self._player.paused:
            self._player.resume()
        elif key == " ":
            self._player.pause()
        self._listening.muted = self._muted or self._player.paused
        self._show()

    def _show(self) -> None:
        deaf = self._muted or self._player.paused
        recording = self._push_to_talk and self._open and not deaf
        shown = {"paused": self._player.paused, "muted": self._muted, "recording": recording}
        self._view.status(
            " · ".join(name for name, holds in shown.items() if holds), listening=self._open and not deaf
        )


async def converse_by_typing(conversation: Conversation, typed: AsyncIterator[str]) -> None:
    """Say each line when the one before it has been answered."""
    async with scoped(typed) as lines:
        async for line in lines:
            if text := cleaned(line):
                await conversation.quiet()
                conversation.say(text)
                await conversation.quiet()
            if conversation.over:
                return
