"""Thought: keeps what a model thinks aloud before its answer, between `<think>` tags, out of the reply."""

from __future__ import annotations

__all__ = ["ThoughtFilter"]

_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<|channel|>analysis": "<|channel|>final<|message|>",
}


class ThoughtFilter:
    """Two methods, as a decoder has; only the beginning of a reply is looked at."""

    def __init__(self) -> None:
        self._held = ""  # may be the beginning of a tag
        self._closing: str | None = None  # the tag that ends the thought we are in
        self._decided = False

    def push(self, text: str) -> str:
        """What of the text so far is surely reply."""
        if self._decided:
            return text
        self._held += text
        if self._closing is None:
            begin = self._held.lstrip()
            opened = next((tag for tag in _TAGS if begin.startswith(tag)), None)
            if opened is None:
                if any(tag.startswith(begin) for tag in _TAGS):
                    return ""
                return self._release(self._held)
            self._closing = _TAGS[opened]
            self._held = begin[len(opened) :]
        _, found, reply = self._held.partition(self._closing)
        if not found:
            self._held = self._held[-len(self._closing) :]  # enough to see a closing tag in two pieces
            return ""
        reply = reply.lstrip()
        if not reply:
            self._held = self._closing  # blank lines after the thought do not belong to the reply
            return ""
        return self._release(reply)

    def flush(self) -> str:
        """The rest, at the end of the reply: what looked like a tag and was none."""
        rest = self._held if self._closing is None and not self._decided else ""
        self._held = ""
        return rest

    def _release(self, text: str) -> str:
        self._decided = True
        self._held = ""
        return text
