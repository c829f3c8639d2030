"""What may be misheard is asked about before it is acted on: "Did you mean a 5 minute timer?"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from voicecli.providers.assistant.reply import Context, Reply, Topic

__all__ = ["NO", "YES", "Doubt", "asked"]


@dataclass(frozen=True, slots=True)
class Doubt(Topic):
    """We asked whether this was said; it is understood as it would have been then."""

    lasting: ClassVar[bool] = False
    said: str
    before: Topic | None  # what it may refer to


YES = re.compile(
    r"(?:(?:yes|yeah|yep|yup|sure|okay|right|correct|exactly|yes please|please do|do it"
    r"|that is (?:right|it)|i did|i do)(?: |$))+"
)
NO = re.compile(
    r"(?:(?:no|nope|nah|wrong|no thanks|i did not|do not|not that|that is (?:wrong|not right))(?: |$))+"
)


def asked(said: str, reply: Reply, context: Context) -> Reply:
    """The reply itself when nothing hangs on it or its words are certain, else the question."""
    if context.certain or not reply.meant:
        return reply
    topic = context.recall()
    if isinstance(topic, Doubt) and topic.said == said:
        return reply  # said twice, it was meant
    return Reply("doubt", f"Did you mean {reply.meant}?", topic=Doubt(said, topic))
