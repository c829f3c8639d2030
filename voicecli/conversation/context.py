"""What was said so far, as the model is shown it."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.providers.language_model import Message

__all__ = ["History", "HistoryOptions"]

SYSTEM = (
    "You are a voice assistant. Everything you write is spoken aloud: answer in one to three short, natural "
    "sentences, without lists, headings, links or code unless you are asked for them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """What the model is told before the conversation, and how much of it."""

    system: str = SYSTEM  # the system message
    max_messages: int = 40  # messages of the conversation that the model is shown; 0 shows all

    def __post_init__(self) -> None:
        if self.max_messages < 0:
            raise ValueError("max_messages must not be negative")


class History:
    """Messages in order; of a reply only what was heard is kept.

    A user who speaks on before anything of the reply was heard has not been answered: what follows belongs to
    the same message. A question that was cancelled before that is forgotten.
    """

    def __init__(self, options: HistoryOptions | None = None) -> None:
        self._options = options or HistoryOptions()
        self._messages: list[Message] = []
        self._unanswered = False
        self._asked = False

    @property
    def messages(self) -> tuple[Message, ...]:
        """Without the system message."""
        return tuple(self._messages)

    def with_user(self, text: str, *, certain: bool = True) -> list[Message]:
        """What the model would be shown if the user said `text` now."""
        messages = self._grown(text, certain)
        if self._options.max_messages:
            messages = messages[-self._options.max_messages :]
        if self._options.system:
            messages.insert(0, Message("system", self._options.system))
        return messages

    def add_user(self, text: str, *, certain: bool = True) -> None:
        """The user said `text`."""
        self._messages = self._grown(text, certain)
        self._unanswered = False
        self._asked = True

    def _grown(self, text: str, certain: bool) -> list[Message]:
        if self._unanswered and self._messages:
            last = self._messages[-1]
            return [*self._messages[:-1], Message("user", f"{last.content} {text}", last.certain and certain)]
        return [*self._messages, Message("user", text, certain)]

    def add_assistant(self, heard: str, *, interrupted: bool = False) -> None:
        """`heard` left the loudspeaker; nothing of it leaves an interrupted user unanswered."""
        self._asked = False
        if heard:
            self._messages.append(Message("assistant", heard))
            self._unanswered = False
        else:
            self._unanswered = interrupted and bool(self._messages) and self._messages[-1].role == "user"

    def keep_question(self) -> None:
        """What was said last stands alone, answered or not: it was not the user who spoke over the answer."""
        self._asked = self._unanswered = False

    def drop_question(self) -> None:
        """The user wants no answer any more to what was said last, and none of it was heard."""
        if self._asked or self._unanswered:
            self._messages.pop()
        self._asked = self._unanswered = False

    def restore(self, messages: list[Message]) -> None:
        """Go on with an earlier conversation."""
        self._messages = list(messages)
        self._asked = self._unanswered = False
