"""Thinking through an OpenAI-compatible server: chat completions, streamed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from voicecli.errors import BadRequest, Unavailable
from voicecli.flow.scope import scoped
from voicecli.providers.language_model import Message, Token
from voicecli.providers.openai.faults import strayed
from voicecli.providers.openai.sdk import Endpoint, ServerAnswer
from voicecli.providers.openai.thought import ThoughtFilter

__all__ = ["OpenAILanguageModel", "OpenAILanguageModelOptions"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAILanguageModelOptions:
    base_url: str | None = None  # None: OPENAI_BASE_URL, or OpenAI's own
    api_key_env: str = "OPENAI_API_KEY"  # variable or keyring entry that holds the key; empty: no key is sent
    model: str = "gpt-5.4-mini"
    temperature: float | None = None  # 0 to 2; None: the model's own
    max_tokens: int | None = None  # tokens of a reply; None: no limit
    reasoning_effort: str = ""  # none, minimal, low, medium, high; empty: the model's own
    timeout: float = 30.0  # seconds without progress
    retries: int = 2  # before the first token


class OpenAILanguageModel(Endpoint[OpenAILanguageModelOptions]):
    """Streams the content of the reply; what a model thinks before it is left out."""

    Options = OpenAILanguageModelOptions
    stage = "llm"

    def __init__(self, options: OpenAILanguageModelOptions | None = None) -> None:
        super().__init__(options)
        # OpenAI renamed the limit and refuses the old name; most other servers know the old one only.
        self._limit_field = "max_completion_tokens" if self._server.is_openai else "max_tokens"
        self._refused: set[str] = set()  # parameters that this model does not take

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self._server.is_ollama:
            self._client.load(self._options.model)
        return self

    async def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        """Yield the reply as it is made. Raises ProviderError."""
        while True:
            params = self._params(messages)
            thought = ThoughtFilter()
            begun = False
            try:
                async with self._asked("chat.completions", params, _deltas) as deltas:
                    async for delta in deltas:
                        if text := thought.push(delta):
                            begun = True
                            yield text
                if text := thought.flush():
                    yield text
                return
            except BadRequest as error:
                if begun or not self._adapt(error, params):
                    raise

    def _params(self, messages: Sequence[Message]) -> dict[str, Any]:
        options = self._options
        params: dict[str, Any] = {
            "model": options.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
        }
        if options.max_tokens is not None:
            params[self._limit_field] = options.max_tokens
        if options.temperature is not None:
            params["temperature"] = options.temperature
        if options.reasoning_effort:
            params["reasoning_effort"] = options.reasoning_effort
        return {name: value for name, value in params.items() if name not in self._refused}

    def _adapt(self, error: BadRequest, params: dict[str, Any]) -> bool:
        """Learn from a refusal which optional parameter this server or model does not take."""
        said = error.message
        if "max_tokens" in params and "max_completion_tokens" in said:
            self._limit_field = "max_completion_tokens"
            return True
        if "max_completion_tokens" in params and "max_completion_tokens" in said:
            self._limit_field = "max_tokens"
            return True
        refused = {name for name in ("temperature", "reasoning_effort") if name in params and name in said}
        self._refused |= refused
        for name in refused:
            log.warning("%s does not take %s: left out (%s)", self._options.model, name, said)
        return bool(refused)


async def _deltas(answer: ServerAnswer) -> AsyncIterator[str]:
    """The pieces of the reply's text; empty ones are yielded too, as signs of life."""
    if answer.media_type.endswith("json") or answer.media_type == "text/html":
        yield _whole(await answer.body(), answer.media_type)
        return
    events = said = 0
    finish: str | None = None
    async with scoped(answer.events()) as stream:
        async for event in stream:
            events += 1
            choices = event.get("choices")
            choice = choices[0] if isinstance(choices, list) and choices else None
            if not isinstance(choice, dict):
                yield ""  # usage, or a proxy's own event
                continue
            delta = choice.get("delta") or choice.get("message")
            text = delta.get("content") or delta.get("refusal") if isinstance(delta, dict) else None
            finish = choice.get("finish_reason") or finish
            said += bool(text)
            yield text if isinstance(text, str) else ""
    if not events:
        raise Unavailable("The language model sent an empty answer.", "Check base_url in [llm.openai].")
    _judge(finish, said > 0)


def _whole(body: object, media_type: str) -> str:
    """The reply of a server that does not stream."""
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise strayed("language model", media_type, "a reply", body, "llm")
    text = message.get("content") or message.get("refusal") or ""
    _judge(choice.get("finish_reason"), bool(text))
    return str(text)


def _judge(finish: object, said: bool) -> None:
    if finish == "content_filter":
        if not said:
            raise BadRequest("The provider's content filter withheld the reply.", "Ask in other words.")
        log.warning("The provider's content filter cut the reply short")
    elif finish == "length":
        if not said:
            raise BadRequest(
                "The model spent all its tokens before it said anything.", "Raise max_tokens in [llm.openai]."
            )
        log.info("The reply was cut at max_tokens")
    elif finish is None:
        log.debug("The reply ended without saying why")
